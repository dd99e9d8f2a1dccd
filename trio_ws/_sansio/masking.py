"""Masking (RFC 6455 §5.3): XOR with a key of four bytes, and where the keys come from.

Three ways, each the fastest for some size (measure with ``tests/benchmarks``):

* one XOR of two long integers: three steps in C whatever the size, so nothing beats it
  on small payloads, but each step is slow for each byte;
* ``bytes.translate`` on every fourth byte: a table look-up in C;
* numpy, if it is installed (extra ``fast``): whole machine words.

Keys are four bytes of the system's entropy for each frame.
They are drawn in bulk, since a system call for four bytes costs as much as one for a thousand,
and thrown away when the process forks, since two processes must not share them.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType

SMALL = 640
"""Up to this size one integer XOR is fastest."""

BULK = 1024
"""How many bytes of entropy are drawn at once."""

_TABLES = [bytes(byte ^ key for byte in range(256)) for key in range(256)]


def find_numpy() -> ModuleType | None:
    """The numpy module, or None; imported with the library, never while a connection waits."""
    try:
        return importlib.import_module("numpy")
    except ImportError:
        return None


np = find_numpy()


def apply_mask(data: bytes | bytearray, key: bytes) -> bytes:
    """`data` masked with `key`, or unmasked: XOR is its own inverse."""
    size = len(data)
    if size <= SMALL:
        return _by_integer(data, key, size)
    return _by_table(data, key) if np is None else _by_words(np, data, key, size)


def _by_integer(data: bytes | bytearray, key: bytes, size: int) -> bytes:
    repeated = (key * (size // 4 + 1))[:size]
    masked = int.from_bytes(data, "little") ^ int.from_bytes(repeated, "little")
    return masked.to_bytes(size, "little")


def _by_table(data: bytes | bytearray, key: bytes) -> bytes:
    masked = bytearray(data)
    for index, byte in enumerate(key):
        masked[index::4] = masked[index::4].translate(_TABLES[byte])
    return bytes(masked)


def _by_words(np: ModuleType, data: bytes | bytearray, key: bytes, size: int) -> bytes:
    whole = size & ~3
    words = np.frombuffer(data, dtype="<u4", count=whole // 4)
    masked: bytes = (words ^ np.frombuffer(key, dtype="<u4")[0]).tobytes()
    return masked + _by_integer(data[whole:], key, size - whole) if size > whole else masked


class MaskKeys:
    """A store of keys, each given out once."""

    def __init__(self) -> None:
        self._bytes = b""
        self._position = 0

    def take(self) -> bytes:
        """A fresh key."""
        position = self._position
        if position == len(self._bytes):
            self._bytes = os.urandom(BULK)
            position = 0
        self._position = position + 4
        return self._bytes[position : position + 4]

    def forget(self) -> None:
        """Throw the store away."""
        self._bytes = b""
        self._position = 0


mask_keys = MaskKeys()
if hasattr(os, "register_at_fork"):  # pragma: no branch - where there is no fork there is none
    os.register_at_fork(after_in_child=mask_keys.forget)
