"""`trio_ws._protocol.runs`: frames of the same kind and size, found and cut out together."""

from __future__ import annotations

import pytest

from trio_ws._protocol.runs import length_of_run, payloads_of_run

from .frames import BINARY, frame, run_of


@pytest.mark.parametrize("size", [0, 1, 125, 126, 1000])
@pytest.mark.parametrize("masked", [True, False])
def test_payloads(size: int, masked: bool) -> None:
    """The payloads of a run come out as they were sent, whether or not they are masked."""
    data, payloads = run_of(size, 20, masked=masked)
    stride = len(data) // 20
    assert payloads_of_run(data, stride - size, size, stride, 20, masked=masked) == payloads


@pytest.mark.parametrize("count", [1, 2, 3, 10])
@pytest.mark.parametrize("size", [0, 5, 200])
@pytest.mark.parametrize("behind", [b"", b"\x82", b"\x82\x7e\x00", b"\x88\x00", b"\x81" * 9])
def test_where_a_run_ends(count: int, size: int, behind: bytes) -> None:
    """A run ends before a frame that is of another kind or size, or not there in full."""
    one = frame(BINARY, b"x" * size, masked=False)
    data = b"." + one * count + behind
    assert length_of_run(data, 1, len(one) - size, 1 + len(one), 1000) == count


@pytest.mark.parametrize("place", range(1, 12))
@pytest.mark.parametrize("offset", [0, 1, 2, 3])
def test_one_odd_header(place: int, offset: int) -> None:
    """A run ends before the first header that differs in any byte."""
    one = frame(BINARY, b"x" * 200, masked=False)
    data = bytearray(one * 12)
    data[place * len(one) + offset] ^= 1
    assert length_of_run(bytes(data), 0, 4, len(one), 1000) == place
    assert length_of_run(bytes(data), 0, 4, len(one), 5) == min(place, 5)


def test_two_odd_headers() -> None:
    """The nearest one counts, in whichever byte it differs."""
    one = frame(BINARY, b"x" * 200, masked=False)
    data = bytearray(one * 12)
    data[7 * len(one)] ^= 1
    data[4 * len(one) + 3] ^= 1
    data[9 * len(one) + 1] ^= 1
    assert length_of_run(bytes(data), 0, 4, len(one), 1000) == 4
