"""Frames are taken apart into the fields that another codec put together."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trio_ws._protocol.anatomy import Frame, Head, cut, read_head, unmask
from trio_ws.testing import _peer

payloads = st.one_of(st.binary(max_size=130), st.integers(65_534, 65_537).map(bytes))


@given(
    payload=payloads,
    opcode=st.integers(0, 15),
    rsv=st.integers(0, 7),
    fin=st.booleans(),
    masked=st.booleans(),
    before=st.binary(max_size=3),
)
def test_what_was_put_together_is_taken_apart(
    payload: bytes, opcode: int, rsv: int, fin: bool, masked: bool, before: bytes
) -> None:
    """Every field comes back as it went in, wherever the frame stands."""
    wire = _peer.encode(_peer.Frame(opcode, payload, fin, rsv, masked))
    head = read_head(before + wire + b"next", len(before))
    assert isinstance(head, Head)
    assert (head.opcode, head.rsv, head.fin, head.masked) == (opcode, rsv, fin, masked)
    assert head.length == len(payload)
    frame, end = cut(before + wire + b"next", len(before), 7, head)
    assert (frame.number, frame.offset, frame.payload, frame.missing) == (
        7,
        len(before),
        payload,
        0,
    )
    assert end == len(before) + len(wire)


def test_a_header_that_is_cut_off_says_how_much_is_missing() -> None:
    """The first two bytes announce how long a header is."""
    whole = bytes.fromhex("81fe0080 01020304")
    assert [read_head(whole[:size], 0) for size in range(1, 8)] == [1, 6, 5, 4, 3, 2, 1]
    frame, end = cut(whole[:3], 0, 1, 5)
    assert (frame.head, frame.wire, frame.missing, end) == (None, whole[:3], 5, 3)


def test_a_payload_that_is_cut_off_is_unmasked_as_far_as_it_is_there() -> None:
    """The key is known, so each byte that is there can be read."""
    data = bytes.fromhex("8185 37fa213d 7f9f")
    head = read_head(data, 0)
    frame, end = cut(data, 0, 1, head)
    assert (frame.payload, frame.missing, end) == (b"He", 3, 11)


def test_an_empty_key_or_payload_is_left_alone() -> None:
    """Frames of a server have no key, and many control frames no payload."""
    assert unmask(b"abc", b"") == b"abc"
    assert unmask(b"", b"1234") == b""


def test_only_a_close_frame_has_a_close_code() -> None:
    """Two bytes at its front are the code (§5.5.1)."""

    def code(hexed: str) -> int | None:
        data = bytes.fromhex(hexed)
        return cut(data, 0, 1, read_head(data, 0))[0].close_code

    assert code("880203e8") == 1000
    assert code("8800") is None
    assert code("820203e8") is None
    assert Frame(number=1, offset=0, head=None).close_code is None
