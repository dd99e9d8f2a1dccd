"""`trio_ws._protocol.extensions.deflate`: what is agreed on, and what comes of it."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._protocol.extensions import deflate
from trio_ws._protocol.extensions.base import Parameters
from trio_ws._protocol.extensions.deflate import (
    CHUNK,
    MAX_FINAL_BLOCKS,
    TAIL,
    Deflate,
    DeflateCodec,
    DeflateStatistics,
)

MANY = 1 << 30
FLAGS = ("server_no_context_takeover", "client_no_context_takeover")
SIZES = ("server_max_window_bits", "client_max_window_bits")
USUAL = Deflate()


def parameters(text: str) -> Parameters:
    """Read ``a; b=1``."""
    pairs = [part.strip().partition("=") for part in text.split(";") if part.strip()]
    return tuple((name, value if equals else None) for name, equals, value in pairs)


def written(found: Parameters) -> str:
    """Write parameters as in a header."""
    return "; ".join(name if value is None else f"{name}={value}" for name, value in found)


def answer_to(offer: str, deflate: Deflate = USUAL) -> str | None:
    """Return what a server answers, or None if it declines."""
    agreement = deflate.accept_offer(parameters(offer))
    return None if agreement is None else written(agreement.parameters)


def codecs(ours: Deflate = USUAL, theirs: Deflate = USUAL) -> tuple[DeflateCodec, DeflateCodec]:
    """Return what a client and a server agree on."""
    for offer in ours.offers():
        if agreement := theirs.accept_offer(offer):
            client = ours.accept_answer(agreement.parameters)
            assert isinstance(client, DeflateCodec)
            assert isinstance(agreement.codec, DeflateCodec)
            return client, agreement.codec
    raise AssertionError("they should agree")


def decoded(codec: DeflateCodec, *pieces: bytes, max_size: int = MANY) -> bytes:
    """Decompress a message in pieces."""
    last = len(pieces) - 1
    parts: list[bytes] = []
    for index, piece in enumerate(pieces):
        parts += codec.decode(piece, finished=index == last, max_size=max_size)
    return b"".join(parts)


# Settings


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("window_bits", 8),
        ("window_bits", 16),
        ("mem_level", 0),
        ("mem_level", 10),
        ("level", -1),
        ("level", 10),
        ("threshold", -1),
        ("idle_release", -1),
        ("idle_release", float("nan")),
    ],
)
def test_bad_values(field: str, value: float) -> None:
    """A field out of its range is refused where it is given, by its name."""
    with pytest.raises(ValueError, match=f"{field} must be .*; got {value!r}"):
        Deflate(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "field", ["window_bits", "mem_level", "level", "threshold", "context_takeover", "idle_release"]
)
@pytest.mark.parametrize("value", ["12", 1.5 + 0j])
def test_bad_types(field: str, value: object) -> None:
    """A field of the wrong type is refused, too."""
    with pytest.raises(TypeError, match=f"{field} must be .*; got"):
        Deflate(**{field: value})  # type: ignore[arg-type]
    if field in ("window_bits", "idle_release"):
        with pytest.raises(TypeError, match=f"{field} must be"):
            Deflate(**{field: True})


def test_good_values() -> None:
    """The ends of each range are in it, and None is what it is by default."""
    Deflate(window_bits=9, mem_level=1, level=0, threshold=0, idle_release=0)
    Deflate(window_bits=15, mem_level=9, level=9, threshold=1 << 40, idle_release=None)
    assert Deflate() == Deflate(level=None, threshold=None)
    assert "12" in repr(Deflate())


@pytest.mark.parametrize(
    ("deflate", "size"),
    [
        (Deflate(), 64),
        (Deflate(context_takeover=False), 256),
        (Deflate(threshold=0, context_takeover=False), 0),
        (Deflate(threshold=1000), 1000),
    ],
)
def test_threshold(deflate: Deflate, size: int) -> None:
    """Small messages are left alone; what is small depends on whether earlier ones help."""
    for codec in codecs(deflate, deflate):
        assert codec.min_size == size
        assert codec.optional


# What a server answers


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        ("", "server_max_window_bits=12"),
        ("client_max_window_bits", "server_max_window_bits=12; client_max_window_bits=12"),
        ("client_max_window_bits=15", "server_max_window_bits=12; client_max_window_bits=12"),
        ("client_max_window_bits=9", "server_max_window_bits=12; client_max_window_bits=9"),
        ("client_max_window_bits=8", "server_max_window_bits=12; client_max_window_bits=8"),
        ("server_max_window_bits=15", "server_max_window_bits=12"),
        ("server_max_window_bits=10", "server_max_window_bits=10"),
        ("server_max_window_bits=8", "server_max_window_bits=8"),
        ("server_no_context_takeover", "server_no_context_takeover; server_max_window_bits=12"),
        ("client_no_context_takeover", "client_no_context_takeover; server_max_window_bits=12"),
        ("client_no_context_takeover; server_max_window_bits=9", f"{FLAGS[1]}; {SIZES[0]}=9"),
        (
            f"{SIZES[1]}; {FLAGS[0]}; {FLAGS[1]}",
            f"{FLAGS[0]}; {FLAGS[1]}; {SIZES[0]}=12; {SIZES[1]}=12",
        ),
    ],
)
def test_answer(offer: str, answer: str) -> None:
    """All four parameters are answered as RFC 7692 §7.1 says; no window becomes larger."""
    assert answer_to(offer) == answer


def test_answer_without_a_bound() -> None:
    """The largest window needs no word, unless the client named it."""
    assert answer_to("", Deflate(window_bits=15)) == ""
    assert answer_to("server_max_window_bits=15", Deflate(window_bits=15)) == (
        "server_max_window_bits=15"
    )


def test_answer_without_takeover() -> None:
    """A server that keeps no context asks the client to keep none."""
    assert answer_to("", Deflate(context_takeover=False)) == (
        "server_no_context_takeover; client_no_context_takeover; server_max_window_bits=12"
    )


BAD = [
    "unknown",
    "unknown=1",
    "server_no_context_takeover; server_no_context_takeover",
    "server_max_window_bits=10; server_max_window_bits=10",
    "server_no_context_takeover=1",
    "client_no_context_takeover=",
    "server_max_window_bits",
    "server_max_window_bits=",
    "server_max_window_bits=7",
    "server_max_window_bits=16",
    "server_max_window_bits=010",
    "server_max_window_bits=+9",
    "server_max_window_bits=abc",
    "server_max_window_bits=²",
    "client_max_window_bits=7",
    "client_max_window_bits=16",
    "client_max_window_bits=0",
    "client_max_window_bits=",
]


@pytest.mark.parametrize("offer", BAD)
def test_declined(offer: str) -> None:
    """An offer with a parameter that is unknown, repeated or malformed is declined (§7)."""
    assert answer_to(offer) is None


@pytest.mark.parametrize("answer", [*BAD, "client_max_window_bits"])
def test_malformed_answer(answer: str) -> None:
    """So is an answer; in one, each size has a value."""
    assert Deflate().accept_answer(parameters(answer)) is None


def test_offers() -> None:
    """A client asks for no bound of the server's window, which some servers refuse."""
    assert list(map(written, Deflate().offers())) == ["client_max_window_bits"]
    assert list(map(written, Deflate(context_takeover=False).offers())) == [
        "server_no_context_takeover; client_no_context_takeover; client_max_window_bits",
        "client_max_window_bits",
    ]


@pytest.mark.parametrize(
    ("answer", "bits", "takeover"),
    [
        ("", 12, True),
        ("client_max_window_bits=15", 12, True),
        ("client_max_window_bits=10", 10, True),
        ("client_max_window_bits=8", 8, True),
        ("client_no_context_takeover", 12, False),
        ("server_no_context_takeover; server_max_window_bits=9", 12, True),
    ],
)
def test_accepted_answer(answer: str, bits: int, takeover: bool) -> None:
    """Our window is what the server allows, and never larger than our own bound."""
    codec = Deflate().accept_answer(parameters(answer))
    assert isinstance(codec, DeflateCodec)
    assert (codec.window_bits, codec.takeover) == (bits, takeover)


# What is compressed


SETTINGS = st.builds(
    Deflate,
    window_bits=st.integers(9, 15),
    mem_level=st.integers(1, 9),
    level=st.none() | st.integers(0, 9),
    context_takeover=st.booleans(),
)


@given(SETTINGS, SETTINGS, st.booleans(), st.data())
def test_both_ends(ours: Deflate, theirs: Deflate, back: bool, data: st.DataObject) -> None:
    """Whatever both ends want, each message is what was sent, in whatever fragments and pieces."""
    client, server = codecs(ours, theirs)
    sender, receiver = (server, client) if back else (client, server)
    for _ in range(data.draw(st.integers(1, 4))):
        message = data.draw(st.binary(max_size=300) | st.just(b"abc" * 40_000))
        places = data.draw(st.lists(st.integers(0, len(message)), max_size=3))
        cuts = list(pairwise([0, *sorted(places), len(message)]))
        sent = [
            sender.encode(message[start:end], finished=index == len(cuts) - 1)
            for index, (start, end) in enumerate(cuts)
        ]
        wire = b"".join(sent)
        middle = data.draw(st.integers(0, len(wire)))
        assert decoded(receiver, wire[:middle], wire[middle:]) == message
        if data.draw(st.booleans()):
            sender.release()


def test_takeover() -> None:
    """A repeated message is much smaller, unless no context is kept."""
    message = json.dumps([{"id": number} for number in range(50)]).encode()
    client, _ = codecs()
    first, second = (len(client.encode(message, finished=True)) for _ in range(2))
    assert second < first / 5
    client, _ = codecs(Deflate(context_takeover=False))
    first, second = (len(client.encode(message, finished=True)) for _ in range(2))
    assert second == first


def test_fragments_are_flushed() -> None:
    """Each fragment can be read when it has arrived (hazard A10)."""
    client, server = codecs()
    for word in (b"one", b"two", b"three"):
        parts = server.decode(client.encode(word, finished=False), finished=False, max_size=MANY)
        assert b"".join(parts) == word


@pytest.mark.parametrize("takeover", [True, False])
def test_empty_messages(takeover: bool) -> None:
    """An empty message is one byte, also after another one, and after fragments (§7.2.3.6)."""
    deflate = Deflate(context_takeover=takeover, level=6)
    client, server = codecs(deflate, deflate)
    for _ in range(2):
        data = client.encode(b"", finished=True)
        assert data == b"\x00"
        assert decoded(server, data) == b""
    fragment = client.encode(b"abc", finished=False)
    assert fragment.endswith(TAIL)
    assert decoded(server, fragment, client.encode(b"", finished=True)) == b"abc"
    assert decoded(server, client.encode(b"abc", finished=True)) == b"abc"


def test_rfc_examples() -> None:
    """The examples of RFC 7692 §7.2.3 say "Hello"."""
    for examples in (
        ["f248cdc9c90700"],
        ["f248cdc9c90700", "f200110000"],
        ["000500faff48656c6c6f00"],
        ["f348cdc9c9070000"],
        ["f248050000 00ffffcac9c90700"],
    ):
        _, server = codecs()
        for example in examples:
            assert decoded(server, bytes.fromhex(example)) == b"Hello"
    _, server = codecs()
    assert decoded(server, bytes.fromhex("f248cd"), bytes.fromhex("c9c90700")) == b"Hello"


def test_final_blocks() -> None:
    """A peer may end its stream with each message, or within one (hazard A8, §7.2.3.4)."""
    _, server = codecs()
    for word in (b"one", b"two", b"three" * 1000):
        compressor = zlib.compressobj(9, zlib.DEFLATED, -12)
        finished = compressor.compress(word) + compressor.flush(zlib.Z_FINISH)
        assert decoded(server, finished + b"\x00") == word
        assert decoded(server, finished, b"", b"\x00") == word
        assert decoded(server, finished + finished + b"\x00") == word * 2


def test_too_many_final_blocks() -> None:
    """Each end of the stream costs a decompressor, so there is a bound, which a message ends."""
    empty = zlib.compressobj(9, zlib.DEFLATED, -12).flush(zlib.Z_FINISH)
    _, server = codecs()
    for _ in range(3):
        assert decoded(server, empty * (MAX_FINAL_BLOCKS - 1) + b"\x00") == b""
    with pytest.raises(ValueError, match="too many final blocks"):
        decoded(server, empty * (MAX_FINAL_BLOCKS + 1) + b"\x00")


@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"\x06", b"hello, world, this is text"])
def test_bad_data(data: bytes) -> None:
    """What was not compressed is refused."""
    _, server = codecs()
    with pytest.raises(ValueError, match="invalid compressed data"):
        decoded(server, data)


def test_bad_data_behind_good() -> None:
    """What is wrong with a later part is refused when that part is asked for."""
    client, server = codecs()
    noise = random.Random(7692).randbytes(CHUNK + 1000)
    wire = client.encode(noise, finished=True)[:-500] + b"\x06" * 500
    parts = iter(server.decode(wire, finished=True, max_size=MANY))
    assert next(parts) == noise[:CHUNK]
    with pytest.raises(ValueError, match="invalid compressed data"):
        list(parts)


def test_a_window_too_large() -> None:
    """A peer that refers further back than was agreed is refused."""
    _, server = codecs(theirs=Deflate(window_bits=9))
    compressor = zlib.compressobj(9, zlib.DEFLATED, -15)
    noise = random.Random(7692).randbytes(5000)
    first, second = (
        compressor.compress(noise) + compressor.flush(zlib.Z_SYNC_FLUSH) for _ in range(2)
    )
    assert decoded(server, first[:-4]) == noise
    with pytest.raises(ValueError, match="invalid compressed data"):
        decoded(server, second[:-4])


def test_peers_that_agree_to_eight_and_use_nine() -> None:
    """Zlib has no window of 8 bits, and some peers do not know (madler/zlib #171)."""
    agreement = Deflate().accept_offer(parameters("client_max_window_bits=8"))
    assert agreement is not None
    assert isinstance(agreement.codec, DeflateCodec)
    compressor = zlib.compressobj(9, zlib.DEFLATED, -9)
    noise = random.Random(7692).randbytes(250)
    data = compressor.compress(noise + noise) + compressor.flush(zlib.Z_SYNC_FLUSH)
    assert decoded(agreement.codec, data[:-4]) == noise + noise


def test_a_window_of_nine_where_eight_was_agreed() -> None:
    """Such a peer refers to what is farther back than 256 bytes, in an earlier message too."""
    agreement = Deflate().accept_offer(parameters("client_max_window_bits=8"))
    assert agreement is not None
    assert isinstance(agreement.codec, DeflateCodec)
    isal = pytest.importorskip("isal.isal_zlib")  # zlib itself never goes back farther than 250
    compressor = isal.compressobj(1, zlib.DEFLATED, -9)
    for message in (random.Random(7692).randbytes(240), random.Random(1).randbytes(60)) * 2:
        data = compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH)
        assert decoded(agreement.codec, data[:-4]) == message


class Mute:
    """A compressor that has no second empty block to end with, as some releases of zlib."""

    def compress(self, data: bytes, /) -> bytes:
        """Return nothing."""
        return b""

    def flush(self, mode: int = 0, /) -> bytes:
        """Return nothing."""
        return b""


def test_an_empty_message_of_which_nothing_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one byte (RFC 7692 §7.2.3.6)."""
    client, server = codecs()
    monkeypatch.setattr(deflate, "new_compressor", lambda *_: Mute())
    wire = client.encode(b"", finished=True)
    assert wire == b"\0"
    assert decoded(server, wire) == b""


# Bounds


@pytest.mark.parametrize("size", [CHUNK - 1, CHUNK, CHUNK + 1, 10 * CHUNK])
def test_parts(size: int) -> None:
    """What is decompressed comes in parts of bounded size, and not before it is asked for."""
    client, server = codecs()
    wire = client.encode(bytes(size), finished=True)
    parts = list(server.decode(wire, finished=True, max_size=MANY))
    assert b"".join(parts) == bytes(size)
    assert max(map(len, parts)) <= CHUNK
    assert decoded(server, client.encode(b"next", finished=True)) == b"next"


@pytest.mark.parametrize("most", [0, 1, 100])
def test_max_size(most: int) -> None:
    """The first part is at most a byte more than may come."""
    client, server = codecs()
    wire = client.encode(bytes(1000), finished=True)
    first = next(iter(server.decode(wire, finished=True, max_size=most)))
    assert len(first) == most + 1


# Memory, and messages of others


def test_release() -> None:
    """What was released begins afresh; the peer need not know."""
    client, server = codecs()
    message = bytes(range(256)) * 2
    first = client.encode(message, finished=True)
    assert len(client.encode(message, finished=True)) < len(first)
    client.release()
    assert client.encode(message, finished=True) == first
    assert client._compressor is not None
    client.release()
    assert client._compressor is None
    assert decoded(server, first) == message


def test_no_release_within_a_message() -> None:
    """In the middle of a message the compressor stays, and knows what went before."""
    client, server = codecs()
    noise = random.Random(7692).randbytes(300)
    wire = client.encode(noise, finished=False)
    client.release()
    rest = client.encode(noise, finished=True)
    assert len(rest) < 100
    assert decoded(server, wire + rest) == 2 * noise


def test_renewal(monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many bytes the compressor is given back behind a message; the peer need not know."""
    monkeypatch.setattr(deflate, "bytes_between_renewals", lambda bits, level: 1000)
    client, server = codecs()
    message = random.Random(7692).randbytes(400)
    sizes = []
    for number in range(6):
        wire = client.encode(message, finished=True)
        assert decoded(server, wire) == message
        assert (client._compressor is None) is (number % 3 == 2)
        sizes.append(len(wire))
    assert [size > 400 for size in sizes] == [True, False, False] * 2


def test_no_renewal_within_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of a message the compressor stays, however long that is."""
    monkeypatch.setattr(deflate, "bytes_between_renewals", lambda bits, level: 1000)
    client, server = codecs()
    noise = random.Random(7692).randbytes(800)
    wire = b"".join(client.encode(noise, finished=False) for _ in range(3))
    rest = client.encode(b"", finished=True)
    assert len(wire) < 900
    assert client._compressor is None
    assert decoded(server, wire + rest) == 3 * noise


IDLE = """
import isal.isal_zlib, json, random
from pathlib import Path
from trio_ws._protocol.extensions.deflate import Deflate
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
dice = random.Random(7692)
trades = [{"id": dice.randrange(10**6), "price": dice.random()} for _ in range(18)]
message = json.dumps(trades).encode()
def used():
    codec = Deflate().accept_offer([("client_max_window_bits", None)]).codec
    for _ in range(70):
        wire = codec.encode(message, finished=True)
        list(codec.decode(wire, finished=True, max_size=1 << 20))
    return codec
kept = [used() for _ in range(100)]
before = resident()
kept += [used() for _ in range(400)]
print((resident() - before) / 400 / 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it asks Linux for the memory")
def test_memory_with_isal() -> None:
    """Both contexts of a connection that has been used take 60 KiB at most, with isal, too."""
    pytest.importorskip("isal.isal_zlib", reason="the extra `deflate` is not installed")
    command = [sys.executable, "-c", IDLE]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert float(done.stdout) <= 60


def test_nothing_is_kept_without_takeover() -> None:
    """Without context neither end keeps anything between two messages."""
    deflate = Deflate(context_takeover=False)
    client, server = codecs(deflate, deflate)
    assert decoded(server, client.encode(b"abc" * 100, finished=True)) == b"abc" * 100
    assert (client._compressor, server._decompressor) == (None, None)


def test_a_message_of_another_compressor() -> None:
    """After a message that was compressed elsewhere, from nothing earlier, ours begins afresh."""
    client, server = codecs()
    assert client.idle_release == 60
    for _ in range(3):
        assert decoded(server, client.encode(b"own" * 100, finished=True)) == b"own" * 100
        compressor = zlib.compressobj(6, zlib.DEFLATED, -client.window_bits)
        blob = compressor.compress(b"shared" * 100) + compressor.flush(zlib.Z_SYNC_FLUSH)
        client.note_shared(600, len(blob) - 4)
        assert decoded(server, blob[:-4]) == b"shared" * 100
    assert client.messages_sent == 6
    assert client.statistics().bytes_sent == 3 * 900


def test_statistics() -> None:
    """Messages and bytes are counted, before and after."""
    client, server = codecs(Deflate(level=6))
    assert client.statistics() == DeflateStatistics()
    wires = [client.encode(b"abc" * 100, finished=True), client.encode(b"", finished=True)]
    for wire in wires:
        decoded(server, wire)
    size = sum(map(len, wires))
    assert client.statistics() == DeflateStatistics(
        messages_sent=2, bytes_sent=300, bytes_sent_compressed=size
    )
    assert server.statistics() == DeflateStatistics(
        messages_received=2, bytes_received=300, bytes_received_compressed=size
    )
