"""Masking (RFC 6455 §5.3): XOR with a key of four bytes, and where the keys come from.

If there is the accelerator, it does all of it (`accelerator`).
Without it there are several ways, each the best for some size (measure with ``tests/benchmarks``).
If numpy is installed (extra ``fast``), it is imported when it is first needed, in a thread;
until it is there, and without it, the other ways are taken (`numpy_on_demand`).

* one XOR of two long integers: three steps in C whatever the size, so nothing beats it
  on small payloads, but each step is slow for each byte;
* numpy: bytes with bytes, the key repeated beforehand;
  it reads the payload where it lies, in the middle of what has been received;
* the same for a whole batch of frames, each with its own key (`unmask`, `mask_frames`):
  one key stream is made for all of them, and numpy is called once;
* numpy for a run, frames of one size: they are the rows of a table, and need no key stream;
* numpy for large payloads: many words with one, in place or into a buffer that exists already,
  since fresh memory costs more than the XOR;
* ``bytes.translate`` on every fourth byte: a table look-up in C.

Keys are four bytes of the system's entropy for each frame.
They are drawn in bulk, since a system call for four bytes costs as much as one for a thousand,
and thrown away when the process forks, since two processes must not share them.

So what a client sends is masked when it is written, not when it is queued:
by then there may be more of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from itertools import chain
from types import ModuleType
from typing import Any, TypeAlias

from . import accelerator, allocator
from .numpy_on_demand import NumpyOnDemand

SMALL = 384
"""Up to this size one integer XOR is fastest."""

LARGE = 8 * 1024
"""Without the accelerator, a payload of this size is not copied to stand behind its header."""

MIDDLING = range(64, LARGE)
"""With numpy, frames of such a size on average are best unmasked together."""

KEY_POOL_SIZE = 1024
"""How many bytes of entropy are drawn at once."""

Span: TypeAlias = tuple[int, int, int]
"""Of a frame: its first byte, where its payload begins, and where that ends."""

Parts: TypeAlias = tuple[bytes, bytes]
"""Of a frame that is to be masked: its header, which ends with the key, and its payload."""

MANY = 32
"""From so many frames of the same size on numpy is worth its calls for small payloads, too."""

_ZEROS = bytes(14)
"""As long as the longest header."""

_ALL_BYTES = int.from_bytes(bytes(range(256)), "big")
_ONES = int.from_bytes(bytes([1] * 256), "big")
# A loop over all bytes of all tables would take 2 ms of each import.
_TABLES = [(_ALL_BYTES ^ key * _ONES).to_bytes(256, "big") for key in range(256)]

numpy = NumpyOnDemand()
"""Each function looks at it once: what it saw does not change before it returns."""


def apply_mask(
    data: bytes | memoryview, key: bytes, start: int = 0, stop: int | None = None
) -> bytes:
    """Return `data` from `start` to `stop` masked, or unmasked: XOR is its own inverse."""
    if stop is None:
        stop = len(data)
    if (compiled := accelerator.compiled) is not None:
        return compiled.mask(data, key, start, stop)
    size = stop - start
    if size > SMALL:
        np = numpy.module
        if np is None:
            numpy.missed(size)
            return bytes(_by_table(data[start:stop], key))
        return _xor(np, data, key * (size // 4 + 1), start, size)
    repeated = (key * (size // 4 + 1))[:size]
    masked = int.from_bytes(data[start:stop], "little") ^ int.from_bytes(repeated, "little")
    return masked.to_bytes(size, "little")


def _xor(np: ModuleType, data: bytes | memoryview, stream: bytes, start: int, size: int) -> bytes:
    """Return `size` bytes of `data` from `start` on, masked with the first ones of `stream`."""
    payload = np.frombuffer(data, np.uint8, size, start)
    masked: bytes = np.bitwise_xor(payload, np.frombuffer(stream, np.uint8, size)).tobytes()
    return masked


def unmask(data: bytes, frames: list[Span]) -> list[bytes]:
    """Return the payloads of frames which follow each other in `data`, each behind its key."""
    if len(frames) == 1:
        [(_, start, stop)] = frames
        return [apply_mask(data, data[start - 4 : start], start, stop)]
    if frames and accelerator.compiled is None:
        begin, end = frames[0][1], frames[-1][2]
        if (end - begin) // len(frames) in MIDDLING:
            if (np := numpy.module) is not None:
                batch = _xor(np, data, _key_stream(data, frames), begin, end - begin)
                return [batch[start - begin : stop - begin] for _, start, stop in frames]
            numpy.missed(end - begin)
    return [apply_mask(data, data[start - 4 : start], start, stop) for _, start, stop in frames]


def unmask_run(data: bytes, start: int, size: int, stride: int, count: int) -> list[bytes]:
    """Return the payloads of `count` frames of `size` bytes each, which begin every `stride` bytes.

    Each has its key before it; the first one begins at `start`.
    """
    starts = range(start, start + count * stride, stride)
    if size > SMALL or accelerator.compiled is not None:
        return unmask(data, [(0, begin, begin + size) for begin in starts])
    if size and count >= MANY and (np := numpy.module) is not None:
        return _unmask_run(np, data, start, size, stride, count)
    if size in MIDDLING:
        numpy.missed(count * size)
    words, number = (size + 3) // 4, int.from_bytes
    beyond = 8 * (4 * words - size)  # bits
    return [
        (
            number(data[begin : begin + size], "big")
            ^ number(data[begin - 4 : begin] * words, "big") >> beyond
        ).to_bytes(size, "big")
        for begin in starts
    ]


def _unmask_run(
    np: ModuleType, data: bytes, start: int, size: int, stride: int, count: int
) -> list[bytes]:
    """Do that with a table of numbers: a row for each frame, four bytes a column."""
    words = (size + 3) // 4
    rows = _rows(np, data, start - 4, 4 + size, stride, count)
    padded = np.zeros((count, 4 * words), np.uint8)
    padded[:, :size] = rows[:, 4:]
    numbers = padded.view(np.uint32)
    numbers ^= np.ascontiguousarray(rows[:, :4]).view(np.uint32)
    batch: bytes = padded.tobytes()
    return [batch[begin : begin + size] for begin in range(0, len(batch), 4 * words)]


def _rows(
    np: ModuleType, data: bytes | bytearray, start: int, width: int, stride: int, count: int
) -> Any:
    """Return `count` parts of `data`, `width` bytes each and `stride` bytes apart, as a table."""
    whole = np.frombuffer(data, np.uint8, (count - 1) * stride + width, start)
    return np.lib.stride_tricks.as_strided(whole, (count, width), (stride, 1))


def _key_stream(data: bytes, frames: list[Span]) -> bytes:
    """Return each key, repeated to the end of its payload, and zeros for the headers between.

    A key is repeated as a whole, so up to three bytes of it lie over the next header;
    that header has been read already, and it has six bytes at least.
    """
    pieces: list[bytes] = []
    position = frames[0][1]
    for _, start, stop in frames:
        words = (stop - start + 3) // 4
        pieces += (_ZEROS[: start - position], data[start - 4 : start] * words)
        position = start + 4 * words
    return b"".join(pieces)


def mask_frames(frames: list[bytes | Parts]) -> list[bytes | bytearray]:
    """Return frames as they are written, in pieces; those in two parts are masked first."""
    compiled = accelerator.compiled
    if compiled is not None and frames and (joined := compiled.join_masked(frames, sys.maxsize)):
        if len(joined) >= LARGE * len(frames):  # a burst of small ones needs no large blocks
            allocator.expect_large_blocks()
        return [joined]
    pieces: list[bytes | bytearray] = []
    small: list[Parts] = []
    for frame in frames:
        if isinstance(frame, tuple) and len(frame[1]) < LARGE:
            small.append(frame)
            continue
        if small:
            pieces.append(_masked(small))
            small = []
        if isinstance(frame, tuple):
            pieces += (frame[0], _masked_large(*frame))
        else:
            pieces.append(frame)
    if small:
        pieces.append(_masked(small))
    return pieces


def _masked(frames: list[Parts]) -> bytes | bytearray:
    """Return masked frames behind each other."""
    compiled = accelerator.compiled
    if compiled is not None and (joined := compiled.join_masked(frames, LARGE)):
        return joined
    np = numpy.module
    if np is None or len(frames) == 1:
        joined = b"".join([head + apply_mask(payload, head[-4:]) for head, payload in frames])
        if len(frames) > 1:
            numpy.missed(len(joined))
        return joined
    if len(frames) >= MANY:
        head, payload = frames[0]
        size = len(payload)
        if size and {len(payload) for _, payload in frames} == {size}:
            return _masked_run(np, frames, len(head), size)
    batch: list[bytes] = []
    stream: list[bytes] = []
    for head, payload in frames:
        batch += (head, payload)
        size = len(payload)
        stream += (_ZEROS[: len(head)], (head[-4:] * (size // 4 + 1))[:size])
    plain = b"".join(batch)
    return _xor(np, plain, b"".join(stream), 0, len(plain))


def _masked_run(np: ModuleType, frames: list[Parts], head: int, size: int) -> bytearray:
    """Return frames of one size masked: a table with a row for each, masked where it lies."""
    batch = bytearray().join(chain.from_iterable(frames))
    rows = _rows(np, batch, 0, head + size, head + size, len(frames))
    keys = np.tile(rows[:, head - 4 : head], (size + 3) // 4)
    rows[:, head:] ^= keys[:, :size]
    return batch


def _masked_large(head: bytes, payload: bytes) -> bytearray:
    allocator.expect_large_blocks()
    target = bytearray(len(payload))
    mask_into(target, payload, head[-4:])
    return target


def mask_into(target: bytearray | memoryview, source: bytes | memoryview, key: bytes) -> None:
    """Mask the large `source` into `target`, which has the same size and may be the same."""
    if (compiled := accelerator.compiled) is not None:
        compiled.mask_into(target, source, key)
        return
    np = numpy.module
    if np is None:
        numpy.missed(len(source))
        target[:] = _by_table(source, key)
        return
    words = len(source) // 4
    payload, masked = (np.frombuffer(each, np.uint32, words) for each in (source, target))
    np.bitwise_xor(payload, np.frombuffer(key, np.uint32), out=masked)
    for index in range(4 * words, len(source)):
        target[index] = source[index] ^ key[index % 4]


def _by_table(data: bytes | memoryview, key: bytes) -> bytearray:
    masked = bytearray(data)
    for index, byte in enumerate(key):
        masked[index::4] = masked[index::4].translate(_TABLES[byte])
    return masked


class MaskKeys:
    """A store of keys, each given out once.

    Args:
        entropy: where they come from; None: from the system, which is right for every network.
    """

    def __init__(self, entropy: Callable[[int], bytes] | None = None) -> None:
        self._entropy = entropy
        self._bytes = b""
        self._position = 0

    def take(self) -> bytes:
        """Return a fresh key."""
        position = self._position
        if position == len(self._bytes):
            self._bytes = (self._entropy or os.urandom)(KEY_POOL_SIZE)
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
