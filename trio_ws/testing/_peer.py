"""A peer that does what the script says, and nothing by itself.

It shares no code with the library: its frames are built and parsed here,
so that a fault of the library cannot hide behind the same fault in its tests.
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass
from typing import final

import trio

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame as it was on the wire, unmasked (RFC 6455 §5.2).

    Attributes:
        opcode: 0 continuation, 1 text, 2 binary, 8 close, 9 ping, 10 pong.
        payload: the unmasked bytes.
        fin: whether it is the last of its message.
        rsv: the three reserved bits as a number.
        masked: whether it was masked.
    """

    opcode: int
    payload: bytes = b""
    fin: bool = True
    rsv: int = 0
    masked: bool = False


@final
class RawPeer(trio.abc.AsyncResource):
    """One end of a stream, speaking frames by hand.

    Args:
        stream: any Trio stream; it is closed with the peer.
        client: whether to mask what is sent, as a client must.

    Every method that waits can be cancelled; `receive_frame` loses nothing then.
    """

    def __init__(self, stream: trio.abc.Stream, *, client: bool) -> None:
        self.stream = stream
        self.client = client
        self._received = bytearray()

    async def aclose(self) -> None:
        """Close the stream, saying nothing."""
        await self.stream.aclose()

    # Sending

    async def send_bytes(self, data: bytes) -> None:
        """Send exactly these bytes."""
        await self.stream.send_all(data)

    async def send_frame(
        self,
        opcode: int,
        payload: bytes = b"",
        *,
        fin: bool = True,
        rsv: int = 0,
        masked: bool | None = None,
    ) -> None:
        """Send one frame, allowed or not; `masked` is what the role demands unless given."""
        masked = self.client if masked is None else masked
        await self.send_bytes(encode(Frame(opcode, payload, fin, rsv, masked)))

    async def send_text(self, text: str) -> None:
        """Send a text message in one frame."""
        await self.send_frame(TEXT, text.encode())

    async def send_close(self, code: int | None = 1000, reason: str = "") -> None:
        """Send a Close frame, empty if `code` is None."""
        body = b"" if code is None else code.to_bytes(2, "big") + reason.encode()
        await self.send_frame(CLOSE, body)

    async def send_eof(self) -> None:
        """End our direction of the stream, without a word."""
        assert isinstance(self.stream, trio.abc.HalfCloseableStream)
        await self.stream.send_eof()

    # Receiving

    @property
    def unread(self) -> bytes:
        """Return the bytes that were received, and are part of no frame given out."""
        return bytes(self._received)

    async def receive_frame(self) -> Frame:
        """Return the next frame; raises `EOFError` if the stream ends first."""
        while (parsed := decode(self._received)) is None:
            data = await self.stream.receive_some(65536)
            if not data:
                raise EOFError(f"the stream ended with {bytes(self._received)!r} unparsed")
            self._received += data
        frame, size = parsed
        del self._received[:size]
        return frame

    async def expect_frame(self, opcode: int, payload: bytes | None = None) -> Frame:
        """Return the next frame, which must have this opcode, and this payload if one is given."""
        frame = await self.receive_frame()
        if frame.opcode != opcode or payload not in (None, frame.payload):
            raise AssertionError(f"expected opcode {opcode}, payload {payload!r}; got {frame}")
        return frame

    async def expect_close(self, code: int | None) -> str:
        """Expect a Close with this code (None: empty) as the next frame; return its reason."""
        frame = await self.expect_frame(CLOSE)
        got = int.from_bytes(frame.payload[:2], "big") if frame.payload else None
        if got != code:
            raise AssertionError(f"expected close code {code}, got {got}: {frame}")
        return frame.payload[2:].decode()

    async def expect_eof(self) -> None:
        """Expect the end of the stream, with nothing before it."""
        data = bytes(self._received) or bytes(await self.stream.receive_some(65536))
        if data:
            raise AssertionError(f"expected the end of the stream, got {data!r}")

    async def close_politely(self) -> Frame:
        """Answer the Close that comes next (other frames are skipped), then close the stream."""
        while (frame := await self.receive_frame()).opcode != CLOSE:
            pass
        await self.send_frame(CLOSE, frame.payload)
        await self.stream.aclose()
        return frame

    # The opening handshake

    async def receive_head(self) -> bytes:
        """Return the head of an HTTP message, up to its blank line."""
        while b"\r\n\r\n" not in self._received:
            data = await self.stream.receive_some(65536)
            if not data:
                raise EOFError(f"the stream ended within a head: {bytes(self._received)!r}")
            self._received += data
        head, _, rest = bytes(self._received).partition(b"\r\n\r\n")
        self._received = bytearray(rest)
        return head + b"\r\n\r\n"

    async def accept(self, *extra_lines: str) -> bytes:
        """Receive an upgrade request, answer 101 with `extra_lines`; return the request."""
        head = await self.receive_head()
        await self.send_acceptance(head, *extra_lines)
        return head

    async def send_acceptance(self, head: bytes, *extra_lines: str) -> None:
        """Answer the upgrade request that `head` is with 101 and `extra_lines`."""
        key = _header(head, b"sec-websocket-key")
        lines = [
            "HTTP/1.1 101 Switching Protocols",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Accept: {_accept_token(key)}",
            *extra_lines,
        ]
        await self.send_bytes("\r\n".join([*lines, "", ""]).encode())

    async def request(
        self, target: str = "/", *extra_lines: str, host: str = "testserver"
    ) -> bytes:
        """Request an upgrade with `extra_lines`; return the head of the answer."""
        lines = [
            f"GET {target} HTTP/1.1",
            f"Host: {host}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            *extra_lines,
        ]
        await self.send_bytes("\r\n".join([*lines, "", ""]).encode())
        return await self.receive_head()


def encode(frame: Frame) -> bytes:
    """Return a frame as bytes, with a fresh mask if it is masked."""
    first = frame.fin << 7 | frame.rsv << 4 | frame.opcode
    length = len(frame.payload)
    if length < 126:
        head, extended = length, b""
    elif length < 65536:
        head, extended = 126, length.to_bytes(2, "big")
    else:
        head, extended = 127, length.to_bytes(8, "big")
    start = bytes([first, frame.masked << 7 | head]) + extended
    if not frame.masked:
        return start + frame.payload
    key = os.urandom(4)
    return start + key + _xor(frame.payload, key)


def decode(data: bytearray) -> tuple[Frame, int] | None:
    """Return the first frame in `data` and its size in bytes, or None if it is not whole."""
    if len(data) < 2:
        return None
    width = {126: 2, 127: 8}.get(data[1] & 0x7F, 0)
    masked = bool(data[1] & 0x80)
    start = 2 + width + 4 * masked
    if len(data) < start:
        return None
    length = int.from_bytes(data[2 : 2 + width], "big") if width else data[1] & 0x7F
    if len(data) < start + length:
        return None
    payload = bytes(data[start : start + length])
    if masked:
        payload = _xor(payload, bytes(data[start - 4 : start]))
    frame = Frame(data[0] & 0x0F, payload, bool(data[0] & 0x80), data[0] >> 4 & 7, masked)
    return frame, start + length


def _xor(data: bytes, key: bytes) -> bytes:
    size = len(data)
    mask = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(data, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")


def _header(head: bytes, name: bytes) -> bytes:
    for line in head.split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    raise AssertionError(f"no {name.decode()} in {head!r}")


def _accept_token(key: bytes) -> str:
    # SHA-1 is what RFC 6455 §1.3 prescribes; nothing secret depends on it.
    digest = hashlib.sha1(key + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()
