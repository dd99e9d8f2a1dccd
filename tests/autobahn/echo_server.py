"""The server under test: it sends back what it gets.

Prints its port, and when it is told to go (SIGTERM) the CPU seconds it has used.
No heartbeat, because the suite is slow at times and counts the pings it did not ask for.
Messages of any size are compressed, if the suite asks for it (groups 12 and 13).
The limits are what groups 9.* need: 16 MiB in one message, 65,536 fragments in another.
"""

import signal
import time
from functools import partial

import trio

from trio_ws import Deflate, Limits, Server, WebSocket, serve_websocket

LIMITS = Limits(max_message_size=2**24, max_fragments=2**17)


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


async def main() -> None:
    compression = Deflate(threshold=0)
    serve = partial(
        serve_websocket,
        echo,
        "127.0.0.1",
        0,
        heartbeat=None,
        limits=LIMITS,
        compression=compression,
    )
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            server: Server = await nursery.start(serve)
            print(server.port, flush=True)
            await anext(signals)
            nursery.cancel_scope.cancel()
    print(time.process_time())


if __name__ == "__main__":
    trio.run(main)
