"""The ways to read and to mask frames, which must all give the same.

Where the accelerator was not built, a model of it takes its place,
so that what calls it is tested all the same.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import pytest

from trio_ws._protocol import accelerator, masking
from trio_ws._protocol.accelerator import Accelerator
from trio_ws._protocol.numpy_on_demand import NumpyOnDemand

WAYS = ["accelerator", "numpy", "pure"]

every_way = pytest.mark.parametrize("way", WAYS)


class Model:
    """What the accelerator does, with as little thought for speed as possible."""

    def read_frames(
        self,
        data: bytes | memoryview,
        position: int,
        masked: bool,
        limit: int,
        most: int,
        messages: Any,
    ) -> int:
        """Take one frame after the other."""
        for _ in range(most):
            message, end = self._read_frame(bytes(data[position:]), masked, limit)
            if message is None:
                break
            messages.append(message)
            position += end
        return position

    def _read_frame(self, data: bytes, masked: bool, limit: int) -> tuple[str | bytes | None, int]:
        """Return the message of the frame that `data` begins with, and its end; else None."""
        if len(data) < 2 or data[0] not in (0x81, 0x82) or data[1] >> 7 != masked:
            return None, 0
        size, start = data[1] & 127, 2
        if size > 125:
            start = 4 if size == 126 else 10
            size = int.from_bytes(data[2:start], "big")
            if size < (126 if start == 4 else 65536):
                return None, 0
        start += 4 * masked
        payload = data[start : start + size]
        if size > limit or len(data) < start + size:
            return None, 0
        if masked:
            payload = self.mask(payload, data[start - 4 : start], 0, size)
        try:
            return payload if data[0] == 0x82 else payload.decode(), start + size
        except UnicodeDecodeError:
            return None, 0

    def mask(self, data: bytes | memoryview, key: bytes, start: int, stop: int) -> bytes:
        """XOR one number with another."""
        size = stop - start
        repeated = int.from_bytes((key * (size // 4 + 1))[:size], "big")
        return (int.from_bytes(data[start:stop], "big") ^ repeated).to_bytes(size, "big")

    def mask_into(
        self, target: bytearray | memoryview, source: bytes | memoryview, key: bytes
    ) -> None:
        """Mask, and copy what comes of it."""
        target[:] = self.mask(source, key, 0, len(source))

    def join_masked(self, frames: Any, large: int) -> bytes | None:
        """Mask one frame after the other."""
        if not all(isinstance(each, tuple) and len(each[1]) < large for each in frames):
            return None
        return b"".join(
            head + self.mask(payload, head[-4:], 0, len(payload)) for head, payload in frames
        )


BUILT = accelerator.compiled
ACCELERATOR: Accelerator = Model() if BUILT is None else BUILT

needs_accelerator = pytest.mark.skipif(
    BUILT is None, reason="the accelerator was not built: there was no C compiler, or TRIO_WS_PURE"
)


def available() -> list[str]:
    """Return the ways that are there; numpy is optional."""
    return [way for way in WAYS if way != "numpy" or find_spec("numpy")]


@contextmanager
def going(way: str) -> Generator[None]:
    """Go this way within a block; a decoder that is made there keeps to it."""
    on_demand = NumpyOnDemand()
    if way == "numpy":
        on_demand.provide(pytest.importorskip("numpy", reason="the extra `fast` is not installed"))
    elif way == "accelerator":
        on_demand.fetch_with(lambda provide: pytest.fail("numpy was fetched"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(accelerator, "compiled", ACCELERATOR if way == "accelerator" else None)
        patch.setattr(masking, "numpy", on_demand)
        yield
