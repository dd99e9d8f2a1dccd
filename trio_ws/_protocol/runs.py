"""Runs: frames of the same kind and size, one behind the other, found and cut out together.

Most bursts are runs.  The headers of a run lie at equal distances, and are equal but for the keys,
so a slice with a stride holds the same byte of each of them,
and one comparison in C says for how many frames the run goes on.
To look at each header costs as much as all else that is done with a small message.
"""

from __future__ import annotations

from .masking import unmask_run


def length_of_run(data: bytes, position: int, head: int, stop: int, most: int) -> int:
    """Return how many whole frames from `position` on are like the first one, `most` at most.

    The first one has a header of `head` bytes, without the key, and ends at `stop`.
    """
    header = data[position : position + head]
    if data[stop : stop + head] != header:
        return 1
    stride = stop - position
    count = min((len(data) - position) // stride, most)
    for offset, byte in enumerate(header, position):
        column = data[offset : offset + count * stride : stride]
        count -= len(column.lstrip(bytes((byte,))))
    return count


def payloads_of_run(
    data: bytes, start: int, size: int, stride: int, count: int, *, masked: bool
) -> list[bytes]:
    """Return the payloads of a run; the first one has `size` bytes and begins at `start`."""
    if masked:
        return unmask_run(data, start, size, stride, count)
    return [data[begin : begin + size] for begin in range(start, start + count * stride, stride)]
