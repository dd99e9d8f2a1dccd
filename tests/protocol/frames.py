"""Frames as bytes, each masked with a key of its own."""

from __future__ import annotations

import os

from trio_ws._protocol.masking import apply_mask

TEXT, BINARY = 0x81, 0x82


def frame(first: int, payload: bytes, *, masked: bool, key: bytes | None = None) -> bytes:
    """Return a frame; each one that is masked has another key."""
    size, bit = len(payload), 0x80 if masked else 0
    code, width = (size, 0) if size < 126 else (126, 2) if size < 65536 else (127, 8)
    length = bytes([bit | code]) + size.to_bytes(8, "big")[8 - width :]
    head = bytes([first]) + length
    if not masked:
        return head + payload
    key = os.urandom(4) if key is None else key
    return head + key + apply_mask(payload, key)


def run_of(size: int, count: int, *, masked: bool) -> tuple[bytes, list[bytes]]:
    payloads = [os.urandom(size) for _ in range(count)]
    return b"".join(frame(BINARY, each, masked=masked) for each in payloads), payloads
