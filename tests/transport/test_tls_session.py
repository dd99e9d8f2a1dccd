"""`_transport.tls_session`: TLS in memory, however its bytes are cut."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import pytest
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_ws._protocol.send_queue import Piece
from trio_ws._transport.base import without
from trio_ws._transport.tls import TLS_RECORD
from trio_ws._transport.tls_session import MAX_BATCH, MAX_SEALED, TLSSession

from ..streams import taken, tls_contexts, tls_sessions

CLIENT, SERVER = tls_contexts()
DATA = bytes(range(256)) * 1024
OVERHEAD = 22
"""What a record of TLS 1.3 has beside its plain bytes."""


def opened(session: TLSSession, room: int = len(DATA)) -> bytes:
    """Open what was fed."""
    buffer = memoryview(bytearray(room))
    data = b""
    while not session.hungry and not session.ended:
        data += buffer[: session.open_into(buffer)]
    return data


def sealed(session: TLSSession, *pieces: Piece) -> bytes:
    """Seal a batch, and take its records away."""
    session.seal(list(pieces))
    session.settle()
    return b"".join(taken(session))


def parts(data: bytes, cuts: list[int]) -> Iterator[bytes]:
    """Cut bytes here and there."""
    bounds = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return (data[start:end] for start, end in pairwise(bounds) if start < end)


# Any chunking


@settings(max_examples=40)
@given(
    sizes=st.lists(st.integers(0, 40_000), max_size=5),
    cuts=st.lists(st.integers(0, 70_000), max_size=8),
    room=st.sampled_from([1, 100, TLS_RECORD, 100_000]),
)
def test_any_chunking(sizes: list[int], cuts: list[int], room: int) -> None:
    """However the ciphertext comes, and wherever it is put, the plain bytes are the same."""
    client, server = tls_sessions(CLIENT, SERVER)
    wanted = DATA[: min(sum(sizes), MAX_BATCH)]
    pieces = [DATA[a:b] for a, b in pairwise([0, *accumulate(sizes)])]
    wire = sealed(client, *pieces)
    room = max(room, len(wanted) // 1000)
    received = b""
    for part in parts(wire, cuts):
        server.feed(part)
        received += opened(server, room)
    assert received == wanted
    assert not server.ended


@pytest.mark.parametrize("room", [1000, TLS_RECORD, 300_000])
@pytest.mark.parametrize("ends", [False, True])
def test_much_at_once(room: int, ends: bool) -> None:
    """Much that came at once is given to OpenSSL by portions, which it may keep room for."""
    client, server = tls_sessions(CLIENT, SERVER)
    wire = b"".join(
        sealed(client, DATA[at : at + MAX_BATCH]) for at in range(0, 200_000, MAX_BATCH)
    )
    if ends:
        client.close()
        wire += b"".join(taken(client))
    server.feed(wire)
    buffer, received = memoryview(bytearray(room)), bytearray()
    while not (server.hungry or server.ended):
        assert server._incoming.pending <= MAX_BATCH
        received += buffer[: server.open_into(buffer)]
    assert received == DATA[: 4 * MAX_BATCH]
    assert server.ended == ends


@settings(max_examples=40)
@given(
    sizes=st.lists(st.integers(0, 40_000), max_size=12),
    takes=st.lists(st.integers(0, 50_000), min_size=1, max_size=8),
)
def test_any_kernel(sizes: list[int], takes: list[int]) -> None:
    """However much the kernel takes at a time, each byte leaves once, and is settled after that."""
    client, server = tls_sessions(CLIENT, SERVER)
    rest = b"".join(DATA[a:b] for a, b in pairwise([0, *accumulate(sizes)]))
    wanted, wire, received, turn = rest, b"", b"", 0
    while rest:
        if not client.owes:
            client.seal([rest])
        while client.sealed:
            take, turn = max(takes[turn % len(takes)], turn % 2), turn + 1
            before = b"".join(client.sealed)
            client.sent(min(take, len(before)))
            wire += before[: len(before) - len(b"".join(client.sealed))]
        count = client.settle(len(rest))
        assert 0 < count <= MAX_BATCH
        rest = rest[count:]
        server.feed(wire)
        wire = b""
        received += opened(server)
    assert received == wanted
    assert not client.owes


# Batches


@pytest.mark.parametrize(
    ("pieces", "records"),
    [
        ([b"abc", b"", b"de"], [5]),
        ([b"abc", bytes(TLS_RECORD)], [TLS_RECORD, 3]),
        ([bytes(TLS_RECORD)], [TLS_RECORD]),
        ([bytes(40_000), b"x"], [TLS_RECORD, TLS_RECORD, 40_001 - 2 * TLS_RECORD]),
        ([bytes(10), bytes(64 * 1024)], [TLS_RECORD] * 4 + [10]),
        ([bytes(200_000)], [TLS_RECORD] * 4 + [MAX_BATCH - 4 * TLS_RECORD]),
        ([b"x"] * 100_000, [TLS_RECORD] * 4 + [MAX_BATCH - 4 * TLS_RECORD]),
        ([b"", b""], []),
    ],
)
def test_records(pieces: list[Piece], records: list[int]) -> None:
    """Small pieces share a record, large ones are cut, and a batch is bounded."""
    client, _ = tls_sessions(CLIENT, SERVER)
    client.seal(pieces)
    assert [len(record) - OVERHEAD for record in client.sealed] == records
    assert client.settle() == sum(records)


class Weighing(ssl.SSLObject):
    """OpenSSL that notes what it is given, and whether that is a copy."""

    def write(self, data: Any) -> int:
        """Write."""
        vars(self).setdefault("given", []).append(data)
        return super().write(data)


def test_little_is_copied() -> None:
    """Of a large payload only the batch that begins with its header is copied."""
    context, server_side = tls_contexts()
    context.sslobject_class = Weighing
    client, _ = tls_sessions(context, server_side)
    payload = bytes(3 * MAX_BATCH)
    pieces: list[Piece] = [b"head", payload]
    while pieces:
        client.seal(pieces)
        pieces = without(pieces, client.settle())
    given = [(each.obj is payload, len(each)) for each in client._openssl.given]  # type: ignore[attr-defined]
    assert sum(size for uncopied, size in given if not uncopied) == MAX_BATCH
    assert sum(size for _, size in given) == len(payload) + 4


def test_a_single_piece_is_not_copied() -> None:
    """What a client has masked lies behind its header already."""
    context, server_side = tls_contexts()
    context.sslobject_class = Weighing
    client, _ = tls_sessions(context, server_side)
    frame = bytes(3 * TLS_RECORD)
    client.seal([frame])
    assert all(each.obj is frame for each in client._openssl.given)  # type: ignore[attr-defined]


def test_what_is_owed() -> None:
    """Bytes that are sealed are owed until they are settled, in portions if that is wanted."""
    client, _ = tls_sessions(CLIENT, SERVER)
    assert not client.owes
    client.seal([b"abc", b"defg"])
    assert client.owes
    assert [client.settle(3), client.settle(3), client.settle(3)] == [3, 3, 1]
    assert not client.owes
    assert client.settle() == 0


def test_push() -> None:
    """What is left by what sends stays, and goes first."""
    client, server = tls_sessions(CLIENT, SERVER)
    assert client.push(lambda pieces: pieces), "nothing is sealed"
    client.seal([b"first"])
    wire: list[Piece] = []

    def send_one(pieces: list[Piece]) -> list[Piece]:
        wire.append(pieces[0])
        return pieces[1:]

    assert not client.push(lambda pieces: pieces)
    client.seal([b"second"])
    assert not client.push(send_one)
    assert client.push(send_one)
    server.feed(b"".join(wire))
    assert opened(server) == b"firstsecond"


# Ends


def test_close_notify() -> None:
    """What the peer ends in its polite way has ended, behind its last bytes, for good."""
    client, server = tls_sessions(CLIENT, SERVER)
    data = sealed(server, b"last")
    server.close()
    client.feed(data + b"".join(taken(server)))
    buffer = memoryview(bytearray(10))
    assert client.open_into(buffer) == 4
    assert client.ended
    assert client.open_into(buffer) == 0
    client.close()
    assert client.sealed, "the answer"
    assert client.open_into(buffer) == 0


@pytest.mark.parametrize("cut", [0, 3, 10])
def test_truncation(cut: int) -> None:
    """The end of the stream is an end, also in the middle of a record, which is lost (C12)."""
    client, server = tls_sessions(CLIENT, SERVER)
    client.feed(sealed(server, b"last") + sealed(server, b"lost")[:cut])
    assert opened(client) == b"last"
    client.feed(b"")
    assert not client.hungry
    assert opened(client) == b""
    assert client.ended
    assert opened(client) == b""


def test_both_have_closed() -> None:
    """If we have closed, too, the peer's end is an end all the same."""
    client, server = tls_sessions(CLIENT, SERVER)
    client.close()
    server.close()
    client.feed(b"".join(taken(server)))
    assert opened(client) == b""
    assert client.ended


def test_no_close_notify_behind_half_a_record() -> None:
    """Nothing is said of an end while records wait: it would not be true."""
    client, _ = tls_sessions(CLIENT, SERVER)
    client.seal([b"abc"])
    before = list(client.sealed)
    client.close()
    assert client.sealed == before


def test_close_before_the_handshake() -> None:
    """Without a handshake there is nothing to say at the end."""
    session = TLSSession(CLIENT, server_hostname="testserver")
    session.close()
    assert session.sealed == []


@pytest.mark.parametrize("damage", ["forged", "garbage"])
def test_damage(damage: str) -> None:
    """A stream that is forged is no good from there on; what came before it is given out first."""
    client, server = tls_sessions(CLIENT, SERVER)
    first, second = sealed(server, b"first"), bytearray(sealed(server, b"second"))
    second[-1] ^= 1
    client.feed(first + (bytes(second) if damage == "forged" else b"no TLS at all" * 10))
    buffer = memoryview(bytearray(100))
    assert client.open_into(buffer) == 5
    for _ in range(2):
        with pytest.raises(ssl.SSLError, match=r"RECORD|VERSION|PACKET"):
            client.open_into(buffer)
    server.feed(b"".join(taken(client)))
    with pytest.raises(ssl.SSLError, match="ALERT"):
        opened(server)


def test_nothing_is_opened_without_room() -> None:
    """A buffer without room gets nothing, and that is no sign of hunger."""
    client, server = tls_sessions(CLIENT, SERVER)
    client.feed(sealed(server, b"abc"))
    assert client.open_into(memoryview(bytearray(0))) == 0
    assert client.open_into(memoryview(bytearray(3))) == 3
    assert not client.hungry
    assert opened(client) == b""
    assert client.hungry


# Handshakes


def test_before_the_handshake() -> None:
    """Nothing is established before the handshake; after it, what the other has, too."""
    assert TLSSession(CLIENT, server_hostname="testserver").info is None
    client, server = tls_sessions(CLIENT, SERVER)
    assert client.info is not None
    assert server.info is not None
    assert client.info.version == server.info.version == "TLSv1.3"
    assert client.info.peer_certificate
    assert not server.info.peer_certificate


def test_distrust() -> None:
    """A server whose certificate is not trusted is told so."""
    client = TLSSession(ssl.create_default_context(), server_hostname="testserver")
    server = TLSSession(SERVER, server_side=True)
    assert not client.shake_hands()
    server.feed(b"".join(taken(client)))
    assert not server.shake_hands()
    client.feed(b"".join(taken(server)))
    with pytest.raises(ssl.SSLCertVerificationError):
        client.shake_hands()
    server.feed(client.alert())
    with pytest.raises(ssl.SSLError, match="ALERT_UNKNOWN_CA"):
        server.shake_hands()


def test_a_long_chain(tmp_path: Path) -> None:
    """A flight of the handshake that comes at once and is longer than a portion is taken whole."""
    authority = trustme.CA()
    leaf = authority.issue_cert("testserver")
    authority_pem = authority.cert_pem.bytes()
    (tmp_path / "chain").write_bytes(leaf.cert_chain_pems[0].bytes() + authority_pem * 180)
    leaf.private_key_pem.write_to_path(tmp_path / "key")
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(tmp_path / "chain", tmp_path / "key")
    client_side = ssl.create_default_context()
    authority.configure_trust(client_side)
    client = TLSSession(client_side, server_hostname="testserver")
    server = TLSSession(server_side, server_side=True)
    client.shake_hands()
    server.feed(b"".join(taken(client)))
    server.shake_hands()
    flight = b"".join(taken(server))
    assert len(flight) > MAX_BATCH
    client.feed(flight)
    assert client.shake_hands()


def test_end_in_the_handshake() -> None:
    """A peer that goes away in the handshake is an `SSLEOFError`."""
    session = TLSSession(SERVER, server_side=True)
    assert not session.shake_hands()
    session.feed(b"")
    with pytest.raises(ssl.SSLEOFError):
        session.shake_hands()


# What TLS wants besides


def authenticating() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """For a client that shows its certificate when it is asked, and a server that asks."""
    client, server = tls_contexts()
    authority = trustme.CA()
    authority.issue_cert("testclient").configure_cert(client)
    authority.configure_trust(server)
    client.post_handshake_auth = server.post_handshake_auth = True
    server.verify_mode = ssl.CERT_REQUIRED
    return client, server


def test_answers() -> None:
    """What reading gives TLS to say stands behind what is sealed (RFC 8446 §4.6.2)."""
    client, server = tls_sessions(*authenticating())
    server._openssl.verify_client_post_handshake()
    client.seal([b"before"])
    client.feed(sealed(server, b"show me"))
    assert opened(client) == b"show me"
    assert len(client.sealed) > 1
    assert client.settle() == 6, "the answer is not owed to the writer"
    server.feed(b"".join(taken(client)))
    assert opened(server) == b"before"
    assert server.info is not None
    assert server.info.peer_certificate


class Talkative(ssl.SSLObject):
    """OpenSSL whose peer makes it say something whenever it reads."""

    def read(self, *arguments: Any, **more: Any) -> Any:
        """Read."""
        data = super().read(*arguments, **more)
        if not isinstance(data, int) or data > 1:
            self.write(bytes(10_000))
        return data


def test_peer_that_asks_and_does_not_listen() -> None:
    """What TLS has to say is kept within bounds: then the stream is no good."""
    context, server_side = tls_contexts()
    context.sslobject_class = Talkative
    client, server = tls_sessions(context, server_side)
    buffer = memoryview(bytearray(100))
    for count in range(1, 100):
        client.feed(sealed(server, b"hello"))
        if count * (10_000 + OVERHEAD) > MAX_SEALED:
            break
        assert client.open_into(buffer) == 5
    assert client.open_into(buffer) == 5
    with pytest.raises(ssl.SSLError, match="does not listen"):
        client.open_into(buffer)


class Negotiating(ssl.SSLObject):
    """OpenSSL in TLS 1.2 while it negotiates anew: it says something, and then has to read."""

    def write(self, data: Any) -> int:
        """Write, and stop."""
        super().write(b"(negotiation)")
        raise ssl.SSLWantReadError


def test_a_new_negotiation() -> None:
    """If TLS has to read before it seals, what it says is sealed, and nothing is owed."""
    context, server_side = tls_contexts()
    context.sslobject_class = Negotiating
    client, server = tls_sessions(context, server_side)
    with pytest.raises(ssl.SSLWantReadError):
        client.seal([b"data"])
    assert not client.owes
    server.feed(b"".join(taken(client)))
    assert opened(server) == b"(negotiation)"
