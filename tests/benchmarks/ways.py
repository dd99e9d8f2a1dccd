"""What each way to read and to mask frames costs: ``python -m tests.benchmarks.ways``.

The ways are those of `trio_ws._protocol.accelerator`: pure Python, numpy, and C.
One process goes all of them, each with the same frames; one that is not installed has a dash.

read
    to find the frames of a burst that a client has sent, and to unmask them
mask
    to mask the frames of a burst that a client is about to send

A burst is 64 binary frames, fewer if they are large.
The figure is the CPU time for one frame, in the quickest of many rounds:
whatever else the machine does makes the others slower.
The last column tells how many times as long Python takes as C.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import partial
from unittest.mock import patch

from trio_ws._protocol import accelerator, masking
from trio_ws._protocol.fast_path import FastDecoder
from trio_ws._protocol.masking import Parts, mask_frames, mask_keys
from trio_ws._protocol.numpy_on_demand import NumpyOnDemand

from ..cpu import cpu_seconds
from .table import aligned

WAYS = ["Python", "numpy", "C"]
SIZES = {"32 B": 32, "1 KiB": 1024, "16 KiB": 16 * 1024, "64 KiB": 64 * 1024}
DEEDS = ["read", "mask"]

BURST = 64
"""So many frames at once, if they are not large."""

MOST = 256 * 1024
"""So many bytes at once, as the library reads."""

SECONDS = 0.3
"""So long all rounds of a figure take."""

COMPILED = accelerator.compiled


@contextmanager
def going(way: str) -> Generator[None]:
    """Go this way within a block.

    Raises:
        ImportError: it is not installed.
    """
    if way == "C" and COMPILED is None:
        raise ImportError("the accelerator was not built")
    on_demand = NumpyOnDemand()
    if way == "numpy":
        on_demand.provide(importlib.import_module("numpy"))
    compiled = COMPILED if way == "C" else None
    with (
        patch.object(accelerator, "compiled", compiled),
        patch.object(masking, "numpy", on_demand),
    ):
        yield


def burst(size: int) -> list[Parts]:
    """Return frames with payloads of this size, each with a key of its own."""
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 1 << 16:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    count = min(BURST, MOST // size)
    return [(b"\x82" + length + mask_keys.take(), bytes(size)) for _ in range(count)]


def deed(what: str, frames: list[Parts]) -> Callable[[], object]:
    """Return what is measured; it goes the way that is gone when this is called."""
    if what == "mask":
        return partial(mask_frames, [*frames])
    received = memoryview(b"".join(mask_frames([*frames])))
    decoder = FastDecoder(masked=True, limit=sys.maxsize)
    return lambda: decoder.read(received, 0, [])


def measure(what: str, size: int, way: str, seconds: float = SECONDS) -> float | None:
    """Return the seconds that one frame takes; None if this way is not installed."""
    frames = burst(size)
    with suppress(ImportError), going(way):
        return quickest(deed(what, frames), seconds) / len(frames)
    return None


def quickest(act: Callable[[], object], seconds: float) -> float:
    """Return the seconds per call in the quickest round; together they take so many seconds."""
    with cpu_seconds() as first:
        act()
    calls = max(1, int(0.002 / max(first[0], 1e-6)))
    found: list[float] = []
    while sum(found) < seconds:
        with cpu_seconds() as spent:
            for _ in range(calls):
                act()
        found += spent
    return min(found) / calls


def shown(seconds: dict[tuple[str, str], list[float | None]]) -> str:
    """Return the table of what was measured: a line for each deed and size."""
    rows = [["µs a frame", "", *WAYS, "Python ÷ C"]]
    for (what, size), figures in seconds.items():
        python, _, c = figures
        ratio = f"{python / c:.0f}" if python and c else "–"
        told = ["–" if figure is None else f"{figure * 1e6:.3g}" for figure in figures]
        rows.append([what, size, *told, ratio])
    return aligned(rows)


def main() -> int:
    """Measure everything, and print the table."""
    pairs = [(what, size) for what in DEEDS for size in SIZES]
    print(shown({(what, s): [measure(what, SIZES[s], w) for w in WAYS] for what, s in pairs}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
