"""An opening handshake by hand: bytes out, bytes in, and the token computed step by step."""

from __future__ import annotations

import base64
import hashlib

import trio
import trio.testing

from trio_ws import WebSocket
from trio_ws.testing import MemoryNetwork

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # 16 bytes in base64; a real client draws new ones each time
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # from the RFC, the same for all

REQUEST = f"""\
GET /room HTTP/1.1
Host: server.example
Upgrade: websocket
Connection: Upgrade
Sec-WebSocket-Key: {KEY}
Sec-WebSocket-Version: 13
Sec-WebSocket-Protocol: chat

"""


def token(key: str) -> str:
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()


async def greet(ws: WebSocket) -> None:
    await ws.send("Hello")


async def main() -> None:
    async with MemoryNetwork(seed=1, strict=False) as network:
        await network.serve("ws://server.example/room", greet, subprotocols=["chat"])
        async with await network.connect("server.example", 80) as stream:
            await stream.send_all(REQUEST.replace("\n", "\r\n").encode())
            answer = b""
            async for data in stream:
                answer += data
                if b"Hello" in answer:
                    break
    head, _, frames = answer.partition(b"\r\n\r\n")
    print(head.decode().replace("\r\n", "\n"))
    print("\nthe token that we expect:", token(KEY))
    print("what follows is no HTTP: ", frames.hex(" "))


if __name__ == "__main__":
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
