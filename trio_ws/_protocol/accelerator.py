"""The accelerator: what is done with each byte of each frame, in C, where that was built.

There are three ways to read and to mask frames, and all give the same:

* pure Python, in `fast_path`, `runs` and `masking`: the definition, which the others must match;
* the same with numpy for what is worth its calls, if numpy is installed (`numpy_on_demand`);
* the accelerator, if it was built.  Then numpy is never imported.

Where the library is installed, ``in_c/accelerator.c`` is compiled if there is a compiler.
If not, or if ``TRIO_WS_PURE=1`` is set, `compiled` is None, and the library is pure Python.
So it is in a working tree whose source has changed since: what was built of another one is not used
until ``pip install -e .`` builds it again.
The choice is made here, once, when the library is imported.
"""

from __future__ import annotations

import importlib
import os
from binascii import crc32
from typing import Any, Protocol, cast

PURE = "TRIO_WS_PURE"
"""The environment variable that leaves the accelerator out, unless it is empty or 0."""

SOURCE = os.path.join(os.path.dirname(__file__), "in_c", "accelerator.c")
"""Where the source is in a working tree; a wheel does not have it."""


class Accelerator(Protocol):
    """The functions of the accelerator; each takes any contiguous buffer, and keeps none."""

    def read_frames(
        self,
        data: bytes | memoryview,
        position: int,
        masked: bool,
        limit: int,
        most: int,
        messages: Any,  # a list
        /,
    ) -> int:
        """Append each whole text or binary message from `position` on; return where that ended."""

    def mask(self, data: bytes | memoryview, key: bytes, start: int, stop: int, /) -> bytes:
        """Return `data` from `start` to `stop`, masked or unmasked."""

    def mask_into(
        self, target: bytearray | memoryview, source: bytes | memoryview, key: bytes, /
    ) -> None:
        """Mask `source` into `target`, which has the same size and may be the same."""

    def join_masked(self, frames: Any, large: int, /) -> bytes | None:
        """Return frames masked, behind each other.

        Return None unless all are in two parts, and their payloads are below `large` bytes.
        """


def load() -> Accelerator | None:
    """Return the accelerator; None if it is not wanted, was not built or does not fit."""
    if os.environ.get(PURE, "0") not in ("", "0"):
        return None
    try:
        built = importlib.import_module(f"{__package__}._accelerator")
    except ImportError:
        return None
    return cast(Accelerator, built) if _fits(built) else None


def _fits(built: object) -> bool:
    """Return True unless it was built of another source than the one that lies beside us."""
    try:
        with open(SOURCE, "rb") as source:
            # 31 bits, as `in_c/build_hook.py` counts: more may be too many for a long of C.
            return getattr(built, "source", None) == crc32(source.read()) >> 1
    except OSError:
        return True


compiled = load()
