"""Where compressors come from: zlib, or isal, if the extra ``deflate`` is installed.

isal compresses three times as fast as zlib from some 500 bytes on, and nearly as well.
It has no levels like zlib's, so it is used where no level was asked for.
For decompressing zlib is as good, and takes less memory.

isal keeps what it was given until 64 KiB are full, however small its window is:
30 KiB at first, and 62 in the end.  So after `RENEWAL` bytes its memory is given back,
and another compressor begins with the next message, which may refer to none before it.
What is sent becomes larger by one or two hundredths of itself.
"""

from __future__ import annotations

import importlib
import sys
import zlib
from functools import cache
from types import ModuleType
from typing import Protocol

ISAL_LEVEL = 1
"""The first level of isal that looks for repetitions as zlib does; higher ones gain nothing."""


RENEWAL = 10 * 1024
"""After so many bytes isal begins anew; never before two and a half windows."""


class Compressor(Protocol):
    """A stream of raw DEFLATE data (RFC 1951)."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self, mode: int = ..., /) -> bytes: ...


@cache
def find_isal() -> ModuleType | None:
    """Return isal's module, or None if the extra is not installed."""
    try:
        return importlib.import_module("isal.isal_zlib")
    except ImportError:
        return None


def bytes_between_renewals(window_bits: int, level: int | None) -> int:
    """Return after how many bytes a compressor should be replaced by another one."""
    if window_bits < 9 or level is not None or find_isal() is None:
        return sys.maxsize
    return max(RENEWAL, 5 << (window_bits - 1))


def new_compressor(window_bits: int, level: int | None, mem_level: int) -> Compressor:
    """Return a compressor whose references reach back at most 2 to the power of `window_bits`."""
    if window_bits < 9:
        # zlib has no window of 8 bits; a run of one byte has a distance of 1.
        strategy, window_bits = zlib.Z_RLE, 9
        best = zlib.Z_DEFAULT_COMPRESSION if level is None else level
        return zlib.compressobj(best, zlib.DEFLATED, -window_bits, mem_level, strategy)
    if level is None and (isal := find_isal()) is not None:
        fast: Compressor = isal.compressobj(ISAL_LEVEL, zlib.DEFLATED, -window_bits, mem_level)
        return fast
    best = zlib.Z_DEFAULT_COMPRESSION if level is None else level
    return zlib.compressobj(best, zlib.DEFLATED, -window_bits, mem_level)
