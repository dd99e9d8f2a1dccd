"""A client that asks for version 25, is told 13, and comes back; two servers, two refusals."""

from __future__ import annotations

import trio
import trio.testing

from trio_ws import WebSocket
from trio_ws.testing import MemoryNetwork, ScriptedPeer

REQUEST = """\
GET / HTTP/1.1
Host: {host}
Upgrade: websocket
Connection: Upgrade
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Sec-WebSocket-Version: {version}

"""


async def ask(network: MemoryNetwork, host: str, version: int) -> tuple[str, list[int]]:
    """Ask for a version; return the status line, and the versions that the server names."""
    async with await network.connect(host, 80) as stream:
        request = REQUEST.format(host=host, version=version)
        await stream.send_all(request.replace("\n", "\r\n").encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += await stream.receive_some()
    head, _, _ = answer.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    versions = headers.get("sec-websocket-version", "")
    return status, [int(number) for number in versions.split(",") if number.strip()]


async def connect(network: MemoryNetwork, host: str) -> None:
    """Try the newest version first, then the best one that the server speaks, too."""
    ours = [25, 13]
    print(host)
    while True:
        status, theirs = await ask(network, host, ours[0])
        print(f"  asked for {ours[0]}: {status}; the server names {theirs or 'no version'}")
        if " 101 " in status:
            return
        ours = [version for version in ours[1:] if version in theirs]


async def greet(ws: WebSocket) -> None:
    await ws.send("Hello")


async def old_server(peer: ScriptedPeer) -> None:
    """Refuse as RFC 6455 §4.4 shows it: with 400."""
    raw = peer.raw
    head = await raw.receive_head()
    if b"Version: 13" in head:
        await raw.send_acceptance(head)
    else:
        await raw.send_bytes(b"HTTP/1.1 400 Bad Request\r\nSec-WebSocket-Version: 13, 8, 7\r\n\r\n")


async def main() -> None:
    async with MemoryNetwork(seed=1, strict=False) as network:
        await network.serve("ws://new.example/", greet)
        network.peer("ws://old.example/")(old_server)
        await connect(network, "new.example")
        await connect(network, "old.example")


if __name__ == "__main__":
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
