"""A cable is cut: what happens to each task, on both sides."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import trio
import trio.testing

from trio_ws import Heartbeat, HeartbeatTimeout, WebSocket, open_websocket
from trio_ws.testing import Fault, MemoryNetwork

URL = "ws://server.example/"
HEARTBEAT = Heartbeat(interval=5, timeout=5)
CUT = 10


def tell(what: str) -> None:
    print(f"{trio.current_time():6.2f} s  {what}")


@contextmanager
def watched(what: str) -> Iterator[None]:
    """Tell how something ends."""
    try:
        yield
        tell(f"{what}: has ended")
    except BaseException as error:
        tell(f"{what}: {type(error).__name__}")
        raise


class Pings(logging.Handler):
    """Tells of pings: they are in the log only."""

    def emit(self, record: logging.LogRecord) -> None:
        if "> PING" in record.getMessage() and trio.current_time() > CUT:
            side = record.getMessage().strip("[").partition("-")[0]
            tell(f"{side}: its reader sends a ping")


@contextmanager
def pings_told() -> Iterator[None]:
    log, handler = logging.getLogger("trio_ws"), Pings()
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)


async def handler(ws: WebSocket) -> None:
    with watched("server: the handler, which only receives"):
        async for _ in ws:
            pass


async def listen(ws: WebSocket) -> None:
    with watched("client: the task that receives"):
        async for _ in ws:
            pass


async def speak(ws: WebSocket) -> None:
    with watched("client: the task that sends once a minute"):
        while True:
            await ws.send("hello")
            await trio.sleep(60)


async def wait_for_something_else() -> None:
    with watched("client: the task that waits for a database"):
        await trio.sleep_forever()


async def client(network: MemoryNetwork) -> None:
    try:
        async with open_websocket(URL, heartbeat=HEARTBEAT) as ws:
            with watched("client: the body of the block"):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(listen, ws)
                    nursery.start_soon(speak, ws)
                    nursery.start_soon(wait_for_something_else)
                    await trio.sleep_until(CUT)
                    network.inject("server.example", Fault.black_hole())
                    tell("the cable is cut")
                    await trio.sleep_forever()
    except HeartbeatTimeout as error:
        tell(f"client: what leaves the block: {error}")


async def main() -> None:
    with pings_told():
        async with MemoryNetwork(seed=2, strict=False) as network:
            await network.serve(URL, handler, heartbeat=HEARTBEAT)
            await client(network)


if __name__ == "__main__":
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
