"""Frames and handshakes, built by hand and beforehand, so that a counterpart costs little.

This knows RFC 6455 by itself, without the library that is measured.
What a connection is for stands in its path: ``/CONVERSATION/KIND/SIZE/COUNT``.
"""

from __future__ import annotations

import base64
import hashlib
from typing import NamedTuple

KEY = base64.b64encode(b"a fixed test key").decode()
MASK = bytes.fromhex("37fa213d")
CLOSE = bytes.fromhex("8882") + MASK + bytes(a ^ b for a, b in zip(b"\x03\xe8", MASK, strict=False))
"""A client's Close with code 1000."""

COMPRESSION = (
    "Sec-WebSocket-Extensions: permessage-deflate; "
    "server_max_window_bits=12; client_max_window_bits=12"
)
"""What a client offers, and what a server chooses (RFC 7692)."""

_PATTERN = {"binary": bytes(range(256)), "text": "Καλημέρα, größer, 日本語, 🎈! ".encode()}
_OPCODES = {"binary": 2, "text": 1}


class Talk(NamedTuple):
    """What a connection is for: echo, sink (the server receives) or source (it sends).

    `messages` is how many there are, or, of an echo, how many are in flight.
    """

    conversation: str = "echo"
    kind: str = "binary"
    size: int = 32
    messages: int = 0

    @property
    def path(self) -> str:
        """It as a path."""
        return "/" + "/".join(map(str, self))


def read_talk(path: str) -> Talk:
    """Read what `Talk.path` wrote."""
    _, conversation, kind, size, count = path.split("/")
    return Talk(conversation, kind, int(size), int(count))


def payload(kind: str, size: int) -> bytes:
    """Make a message of `size` bytes; if it is text, its characters are of all four lengths."""
    pattern = _PATTERN[kind]
    repeated = (pattern * (size // len(pattern) + 1))[:size]
    if kind == "text":
        repeated = repeated.decode(errors="ignore").encode().ljust(size, b".")
    return repeated


def message(kind: str, size: int) -> str | bytes:
    """Make the same as applications see it."""
    data = payload(kind, size)
    return data.decode() if kind == "text" else data


def frame(kind: str, data: bytes, *, masked: bool) -> bytes:
    """Build a whole message as one frame (RFC 6455 §5.2)."""
    bit = 0x80 if masked else 0
    head = bytes([0x80 | _OPCODES[kind]]) + _length(len(data), bit)
    return head + MASK + xor(data) if masked else head + data


def frame_size(size: int, *, masked: bool) -> int:
    """Tell how long the frame of a message of `size` bytes is."""
    return len(_length(size, 0)) + 1 + 4 * masked + size


def _length(size: int, bit: int) -> bytes:
    if size < 126:
        return bytes([bit | size])
    if size < 65536:
        return bytes([bit | 126]) + size.to_bytes(2, "big")
    return bytes([bit | 127]) + size.to_bytes(8, "big")


def xor(data: bytes) -> bytes:
    """Mask with the one key that we use."""
    repeated = (MASK * (len(data) // 4 + 1))[: len(data)]
    both = int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")
    return both.to_bytes(len(data), "big")


def request(path: str, port: int) -> bytes:
    """Build the upgrade request of a client (RFC 6455 §4.1); for JSON it offers compression."""
    offer = f"{COMPRESSION}\r\n" if read_talk(path).kind == "json" else ""
    return (
        f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n{offer}\r\n"
    ).encode()


def response(head: bytes) -> bytes:
    """Build the answer of a server to a request's head (RFC 6455 §4.2.2)."""
    key = header(head, b"sec-websocket-key")
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11", usedforsecurity=False)
    chosen = COMPRESSION.encode() + b"\r\n" if read_talk(target(head)).kind == "json" else b""
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest.digest()) + b"\r\n" + chosen + b"\r\n"
    )


def header(head: bytes, name: bytes) -> bytes:
    """Find a header's value."""
    for line in head.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    raise ValueError(f"no {name.decode()} in {head!r}")


def target(head: bytes) -> str:
    """Find the path that a request's head asks for."""
    return head.split(b" ", 2)[1].decode()
