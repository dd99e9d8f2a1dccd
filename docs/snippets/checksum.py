"""An extension of one's own: a checksum behind each message."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import trio

from trio_ws import (
    RSV2,
    Agreement,
    Extension,
    ExtensionCodec,
    Parameters,
    WebSocket,
    open_websocket,
    serve_websocket,
)


class ChecksumCodec(ExtensionCodec):
    """Sends four bytes of CRC-32 behind each message, and checks those that arrive."""

    rsv = RSV2

    def __init__(self) -> None:
        self._sent = 0
        self._received = 0
        self._held = b""

    def encode(self, payload: bytes, *, finished: bool) -> bytes:
        self._sent = zlib.crc32(payload, self._sent)
        if not finished:
            return payload
        checksum, self._sent = self._sent, 0
        return payload + checksum.to_bytes(4, "big")

    def decode(self, payload: bytes, *, finished: bool, max_size: int) -> Iterable[bytes]:
        data = self._held + payload
        content, self._held = data[:-4], data[-4:]  # these may be the checksum
        self._received = zlib.crc32(content, self._received)
        yield content
        if finished:
            if self._held != self._received.to_bytes(4, "big"):
                raise ValueError("the checksum is wrong")
            self._received, self._held = 0, b""


class Checksum(Extension):
    """Has no parameters: either both ends have it or not."""

    name = "x-checksum"

    def accept_offer(self, parameters: Parameters) -> Agreement | None:
        return None if parameters else Agreement((), ChecksumCodec())

    def accept_answer(self, parameters: Parameters) -> ExtensionCodec | None:
        return None if parameters else ChecksumCodec()


async def main() -> None:
    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    async with trio.open_nursery() as nursery:
        server = await nursery.start(
            lambda task_status: serve_websocket(
                echo, "localhost", 0, extensions=[Checksum()], task_status=task_status
            )
        )
        url = f"ws://localhost:{server.port}/"
        async with open_websocket(url, extensions=[Checksum()]) as ws:
            print(ws.extensions)
            await ws.send("hello")
            print(await ws.receive())
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
