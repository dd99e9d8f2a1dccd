"""Compressed frames are made once, can be sent round and round, and are counted as they come."""

from __future__ import annotations

import zlib

import pytest

from trio_ws.testing import Frame
from trio_ws.testing._peer import decode

from .deflated import TAIL, WINDOW_BITS, Counter, Sender, frames, messages


def parsed(data: bytes) -> list[Frame]:
    """Return all frames of `data`."""
    found, rest = [], bytearray(data)
    while one := decode(rest):
        found.append(one[0])
        del rest[: one[1]]
    assert not rest
    return found


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("size", [30, 1024])
def test_frames_say_what_they_should(size: int, masked: bool) -> None:
    """Each frame is a message, compressed with context; the first may follow the last."""
    wanted = messages(40, size)
    decompressor = zlib.decompressobj(-WINDOW_BITS)
    for _ in range(2):
        for message, frame in zip(
            wanted, parsed(b"".join(frames(wanted, masked=masked))), strict=True
        ):
            assert (frame.masked, frame.rsv, frame.opcode) == (masked, 4, 1)
            assert decompressor.decompress(frame.payload + TAIL) == message


@pytest.mark.parametrize("close", [b"\x88\x00", b"\x88\x02\x03\xe8", b"\x88\x82\0\0\0\0\x03\xe8"])
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_frames_are_counted(step: int, close: bytes) -> None:
    """However they arrive, each whole frame of a message counts once, a Ping and a Close do not."""
    data = (
        Sender(200, masked=True).next(3) + b"\x89\x02hi" + Sender(200, masked=False).next(2) + close
    )
    counter = Counter()
    assert sum(counter.count(data[at : at + step]) for at in range(0, len(data), step)) == 5
    assert counter.closing
