"""Every broken rule is named, by its section; what wsproto accepts has none."""

from __future__ import annotations

import zlib
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from wsproto import ConnectionType
from wsproto.connection import Connection, ConnectionState
from wsproto.events import CloseConnection

from trio_ws._protocol import diagnosis
from trio_ws._protocol.anatomy import Frame, Message
from trio_ws._protocol.diagnosis import read_frames
from trio_ws.testing import _peer


def frames(hexed: str, *, inflate: bool = False) -> list[Frame]:
    """Take frames apart that are given as hex."""
    return list(read_frames(bytes.fromhex(hexed), inflate=inflate))


def problems(hexed: str, *, inflate: bool = False) -> list[str]:
    """Return what is wrong, with its section and code."""
    return [
        f"{problem.text} | {problem.section} | {problem.code}"
        for frame in frames(hexed, inflate=inflate)
        for problem in frame.problems
    ]


def packed(data: bytes, *, final: bool = False) -> bytes:
    """Compress a message as RFC 7692 §7.2.1 does."""
    packer = zlib.compressobj(wbits=-15)
    if final:
        return packer.compress(data) + packer.flush()
    return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


def wire(opcode: int, payload: bytes, *, rsv: int = 0, fin: bool = True) -> str:
    """Return a server's frame as hex."""
    return _peer.encode(_peer.Frame(opcode, payload, fin, rsv)).hex()


BROKEN = {
    "c100": "RSV1 is reserved unless an extension was agreed on | RFC 6455 §5.2 | 1002",
    "a100": "RSV2 is reserved | RFC 6455 §5.2 | 1002",
    "9100": "RSV3 is reserved | RFC 6455 §5.2 | 1002",
    "8300": "the opcode 0x3 is reserved | RFC 6455 §5.2 | 1002",
    "8f00": "the opcode 0xf is reserved | RFC 6455 §5.2 | 1002",
    "0900": "a control frame must not be fragmented | RFC 6455 §5.5 | 1002",
    "897e007e" + "00" * 126: "a control frame has at most 125 bytes of payload, this 126"
    " | RFC 6455 §5.5 | 1002",
    "827e0001ff": "the length 1 is written in 16 bits, and fits into fewer | RFC 6455 §5.2 | 1002",
    "827f0000000000000001ff": "the length 1 is written in 64 bits, and fits into fewer"
    " | RFC 6455 §5.2 | 1002",
    "8801ff": "a Close has no payload, or a code of two bytes | RFC 6455 §5.5.1 | 1002",
    "880203e7": "the close code 999 must not be sent: codes below 1000 are not used"
    " | RFC 6455 §7.4 | 1002",
    "880203ec": "the close code 1004 must not be sent: it is reserved | RFC 6455 §7.4 | 1002",
    "880203ed": "the close code 1005 must not be sent: it stands for a Close without a code"
    " | RFC 6455 §7.4 | 1002",
    "880203ee": "the close code 1006 must not be sent:"
    " it stands for a connection lost without a Close | RFC 6455 §7.4 | 1002",
    "880203f7": "the close code 1015 must not be sent:"
    " it stands for a TLS handshake that failed | RFC 6455 §7.4 | 1002",
    "88021388": "the close code 5000 must not be sent: it is reserved | RFC 6455 §7.4 | 1002",
    "880403e841ff": "the reason is not UTF-8: byte 1, 0xff, invalid start byte"
    " | RFC 6455 §8.1 | 1007",
    "8000": "there is no message to continue | RFC 6455 §5.4 | 1002",
    "0101418101 42": "the message before it is not finished | RFC 6455 §5.4 | 1002",
    "88008900": "nothing may follow a Close | RFC 6455 §5.5.1 | 1002",
    "8900898000000000": "it is masked, but a client masks all frames, and a server none"
    " | RFC 6455 §5.1 | 1002",
    "8980000000008900": "it is not masked, but a client masks all frames, and a server none"
    " | RFC 6455 §5.1 | 1002",
    "810241ff": "the text is not UTF-8: byte 1, 0xff, invalid start byte | RFC 6455 §8.1 | 1007",
    "810241c3": "the text is not UTF-8: byte 1, 0xc3, unexpected end of data"
    " | RFC 6455 §8.1 | 1007",
    "010241c3800141": "the text is not UTF-8: byte 1, 0xc3, invalid continuation byte"
    " | RFC 6455 §8.1 | 1007",
    "0101ff8001ff": "the text is not UTF-8: byte 0, 0xff, invalid start byte"
    " | RFC 6455 §8.1 | 1007",
    "81": "the header is cut off: at least 1 more bytes belong to it | RFC 6455 §5.2 | None",
    "810341": "the payload is cut off: 2 of 3 bytes are missing | RFC 6455 §5.2 | None",
    "0100": "the message is not finished | RFC 6455 §5.4 | None",
}


@pytest.mark.parametrize("sent", BROKEN)
def test_a_broken_rule_is_named(sent: str) -> None:
    """Each rule has its words, its section, and the code that a receiver answers with."""
    assert problems(sent) == [BROKEN[sent]]


@pytest.mark.parametrize("code", [1000, 1003, 1007, 1014, 3000, 3999, 4000, 4999])
def test_a_code_that_may_be_sent(code: int) -> None:
    """Registered codes may be, and those of libraries and applications (RFC 6455 §7.4.2)."""
    assert problems(f"8802{code:04x}") == []


@pytest.mark.parametrize(("by_client", "sent"), [(True, "8900"), (False, "898000000000")])
def test_the_side_that_sent_them_may_be_known(by_client: bool, sent: str) -> None:
    """Then the first frame, too, must be masked as it has to be."""
    (frame,) = read_frames(bytes.fromhex(sent), by_client=by_client)
    assert [problem.section for problem in frame.problems] == ["RFC 6455 §5.1"]
    (frame,) = read_frames(bytes.fromhex(sent), by_client=not by_client)
    assert frame.problems == ()


def test_a_length_beyond_63_bits_is_named() -> None:
    """Its highest bit must be 0, and nobody has so many bytes (§5.2)."""
    first, second = problems("827fffffffffffffffff")
    assert first == "the highest bit of a 64-bit length must be 0 | RFC 6455 §5.2 | 1002"
    assert second.startswith("the payload is cut off: 18446744073709551615 of ")


def test_fragments_are_put_together() -> None:
    """A message is all its frames; control frames between them are none of it (§5.4)."""
    first, ping, last = frames("0103486562 8900 80026c6f")
    assert (first.message, ping.message) == (None, None)
    assert last.message == Message(1, b"Heblo", (1, 3))
    assert not [*first.problems, *ping.problems, *last.problems]


def test_text_may_be_cut_within_a_character() -> None:
    """UTF-8 is checked over all frames of a message (§8.1)."""
    assert problems("0101c3 8001a4") == []


def test_text_that_is_not_finished_is_checked_as_it_comes() -> None:
    """A receiver need not wait for the end of a frame to see that it is not text."""
    assert problems("8105ff")[0].startswith("the text is not UTF-8: byte 0, 0xff")
    assert problems("8105c3") == [
        "the payload is cut off: 4 of 5 bytes are missing | RFC 6455 §5.2 | None"
    ]


def test_compressed_messages_are_inflated_with_what_came_before() -> None:
    """The second message refers to the first (RFC 7692 §7.2.3.2 has these bytes)."""
    first, second = frames("c107f248cdc9c90700 c105f200110000", inflate=True)
    assert first.message == Message(1, b"Hello", (1,), compressed=True)
    assert second.message == Message(1, b"Hello", (2,), compressed=True)


def test_a_message_may_be_sent_plain_in_between() -> None:
    """RSV1 tells for each message whether it is compressed (RFC 7692 §6)."""
    (frame,) = frames("810141", inflate=True)
    assert frame.message == Message(1, b"A", (1,))


@pytest.mark.parametrize("block", [b"", b"\x00"])
def test_a_block_marked_as_the_last_may_end_a_message(block: bytes) -> None:
    """With the empty block behind it (RFC 7692 §7.2.3.4), or without; what follows is afresh."""
    one_more = packed(b"one", final=True) + block
    one, two = frames(wire(1, one_more, rsv=4) + wire(1, packed(b"two"), rsv=4), inflate=True)
    assert one.message == Message(1, b"one", (1,), compressed=True)
    assert two.message == Message(1, b"two", (2,), compressed=True)
    assert (one.problems, two.problems) == ((), ())


def test_rsv1_marks_only_the_first_frame_of_a_message() -> None:
    """Neither a continuation nor a control frame may have it (RFC 7692 §6.1)."""
    assert problems("0100c000", inflate=True) == problems("01008000c900", inflate=True) != []


def test_what_cannot_be_inflated_is_named_and_so_is_what_follows() -> None:
    """The context is lost with the message (RFC 7692 §7.2.2)."""
    bad, after = problems("c10106 c107f248cdc9c90700", inflate=True)
    assert bad.startswith("it cannot be inflated: ")
    assert bad.endswith("| RFC 7692 §7.2.2 | 1007")
    assert after.startswith("it follows a message that could not be inflated")


def test_inflated_text_must_be_utf8() -> None:
    """It is text that is compressed, not bytes (§8.1)."""
    assert problems(wire(1, packed(b"\xff"), rsv=4), inflate=True) == [
        "the text is not UTF-8: byte 0, 0xff, invalid start byte | RFC 6455 §8.1 | 1007"
    ]
    assert problems(wire(2, packed(b"\xff"), rsv=4), inflate=True) == []


def test_a_bomb_is_inflated_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small message must not take all memory."""
    monkeypatch.setattr(diagnosis, "MAX_INFLATED", 1000)
    (frame,) = frames(wire(2, packed(bytes(5000)), rsv=4), inflate=True)
    assert frame.message is not None
    assert len(frame.message.payload) == 1000
    assert frame.problems[0].text == "inflated it is over 1000 bytes"


def test_a_bomb_of_last_blocks_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block that is marked as the last begins afresh, and counts."""
    monkeypatch.setattr(diagnosis, "MAX_INFLATED", 1000)
    blocks = packed(bytes(600), final=True) * 5
    (frame,) = frames(wire(2, blocks, rsv=4), inflate=True)
    assert frame.message is not None
    assert len(frame.message.payload) < 2000
    assert frame.problems[0].text == "inflated it is over 1000 bytes"
    monkeypatch.setattr(diagnosis, "MAX_LAST_BLOCKS", 2)
    (frame,) = frames(wire(2, packed(b"x", final=True) * 5, rsv=4), inflate=True)
    assert frame.message is not None
    assert frame.message.payload == b"xxx"


def test_no_bytes_are_no_frames() -> None:
    """There is nothing to say about nothing."""
    assert frames("") == []


@given(st.binary(max_size=200), st.booleans())
@example(b"\xc1\x02\x03\x00", True)
def test_any_bytes_can_be_explained(data: bytes, inflate: bool) -> None:
    """Nothing is raised, and no byte is left out."""
    seen = list(read_frames(data, inflate=inflate))
    assert [frame.number for frame in seen] == list(range(1, len(seen) + 1))
    covered = [(f.offset, f.offset + (f.head.size if f.head else 0) + len(f.wire)) for f in seen]
    assert all(end == start for (_, end), (start, _) in pairwise(covered))
    assert not data or (covered[0][0], covered[-1][1]) == (0, len(data))


pieces = st.builds(
    _peer.Frame,
    st.sampled_from([0, 0, 1, 1, 2, 3, 8, 9, 10, 11]),
    st.one_of(st.text(max_size=4).map(str.encode), st.binary(max_size=4), st.just(b"\x03\xe8ok")),
    st.booleans(),
    st.sampled_from([0, 0, 0, 0, 1, 2, 4]),
    st.sampled_from([True, True, True, False]),
)


@given(st.lists(pieces, max_size=6), st.integers(0, 3))
def test_wsproto_accepts_what_has_no_problem_and_nothing_else(
    sent: list[_peer.Frame], cut_off: int
) -> None:
    """Two codecs that share no code agree about a client's frames, whole or cut off."""
    closes = [number for number, frame in enumerate(sent) if frame.opcode == 8]
    sent = sent[: closes[0] + 1] if closes else sent  # wsproto leaves what follows to others
    data = b"".join(map(_peer.encode, sent))
    data = data[: len(data) - cut_off]
    seen = list(read_frames(data))
    found = [p for f in seen for p in f.problems if p.code is not None]
    # Whether masking is wrong depends on the side, and half a header tells half of it.
    if any(not f.masked for f in sent) or any(f.head is None for f in seen):
        return
    code = refused_by_wsproto(data)
    if not cut_off:  # wsproto may wait for more
        assert (code is None) == (not found)
    assert code in {None, *(int(p.code or 0) for p in found)}


def refused_by_wsproto(data: bytes) -> int | None:
    """Return the close code that wsproto answers with; None: it accepts."""
    server = Connection(ConnectionType.SERVER)
    server.receive_data(data)
    ends = [event.code for event in server.events() if isinstance(event, CloseConnection)]
    return ends[-1] if ends and server.state is ConnectionState.OPEN else None
