"""A message in three fragments, and a ping in the middle of it, seen from both ends."""

from __future__ import annotations

import trio
import trio.testing

from trio_ws import WebSocket
from trio_ws.testing import Frame, MemoryNetwork, Ping, Pong, Text

URL = "ws://server.example/"
CONTINUATION = 0x0


def tell(who: str, what: object) -> None:
    print(f"{trio.current_time():5.2f} s  {who}  {what}")


def described(frame: Text | Frame) -> str:
    """Tell the three fields that make a fragment."""
    raw = frame.frame if isinstance(frame, Text) else frame
    return f"FIN {raw.fin:d}, opcode {raw.opcode}, {raw.payload!r}"


async def listen(ws: WebSocket) -> None:
    """Receive a message as it comes, and ping meanwhile."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask_meanwhile, ws)
        async with ws.receive_stream() as chunks:
            async for chunk in chunks:
                tell("server", f"receives {chunk!r}")
    tell("server", "has the whole message")


async def ask_meanwhile(ws: WebSocket) -> None:
    await trio.sleep(0.5)
    seconds = await ws.ping(b"here?")
    tell("server", f"hears the pong, {seconds:.2f} s after its ping")


async def main() -> None:
    async with MemoryNetwork(seed=1) as network:
        await network.serve(URL, listen, heartbeat=None)
        network.link("server.example", latency=0.05)
        async with network.open_peer(URL) as client:
            await client.request()
            for frame in (
                Text("A message ", fin=False),
                Frame(CONTINUATION, b"in three ", fin=False),
                Ping(b"here?"),
                Frame(CONTINUATION, b"fragments."),
            ):
                if isinstance(frame, Ping):
                    await client.expect(frame)  # control frames may come between fragments
                    await client.send(Pong(frame.payload))
                else:
                    tell("client", f"sends {described(frame)}")
                    await client.send(frame)
                await trio.sleep(0.2)
            await client.expect_close(1000)
            await client.send_close(1000)


if __name__ == "__main__":
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
