"""One process for each core, all on one port; SIGTERM drains them all.

Trio runs on one core, so a machine with four of them serves with four processes.
The parent opens a socket for each process, all on the same port (``SO_REUSEPORT``):
the system deals connections out evenly.
The processes inherit the sockets.  The parent keeps them open, too,
so that clients wait in the queue while a process that has died is started again.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

import trio

from trio_ws import (
    Request,
    Response,
    Router,
    WebSocket,
    inherited_listeners,
    open_listeners,
    serve_websocket_listeners,
)

DRAIN_TIMEOUT = 20
"""Seconds within which the connections of a process that is stopped have to end."""

RESTART_DELAY = 1
"""Seconds after which a process that has died is started again."""

router = Router()


@router.websocket("/")
async def echo(ws: WebSocket) -> None:
    """Say which process this is, and then whatever is said."""
    await ws.send(f"process {os.getpid()}")
    async for message in ws:
        await ws.send(message)


@router.get("/health")
def health(request: Request) -> Response:
    """Tell a load balancer that all is well."""
    return Response.from_text("fine\n")


async def serve(descriptors: Sequence[int]) -> None:
    """Serve on inherited sockets until a signal comes, then drain: this is what a child does."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            listeners = inherited_listeners(descriptors)
            server = await nursery.start(serve_websocket_listeners, router, listeners)
            await anext(aiter(signals))
            await server.drain(timeout=DRAIN_TIMEOUT, spread=5)


async def keep_running(listeners: Sequence[trio.SocketListener]) -> None:
    """Run a child on these sockets, and another when it has died; drain it if cancelled."""
    descriptors = [listener.socket.fileno() for listener in listeners]
    command = [sys.executable, __file__, "--serve", *map(str, descriptors)]
    while True:
        done = await trio.run_process(
            command, pass_fds=descriptors, check=False, deliver_cancel=drain
        )
        print(f"a process has ended with {done.returncode}; starting another", flush=True)
        await trio.sleep(RESTART_DELAY)


async def drain(process: trio.Process) -> None:
    """Let a child drain; if it does not end, end it."""
    process.terminate()
    await trio.sleep(DRAIN_TIMEOUT + 5)
    process.kill()


async def main(
    port: int = 8765,
    processes: int = os.cpu_count() or 1,
    *,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Open the sockets, keep a child running on each share of them, stop all on a signal."""
    shares = [await open_listeners("localhost", port, reuse_port=True)]
    port = shares[0][0].socket.getsockname()[1]
    while len(shares) < processes:
        shares.append(await open_listeners("localhost", port, reuse_port=True))
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            for listeners in shares:
                nursery.start_soon(keep_running, listeners)
            task_status.started(port)
            await anext(aiter(signals))
            for listener in [listener for listeners in shares for listener in listeners]:
                await listener.aclose()  # or new clients would wait for a child that never comes
            nursery.cancel_scope.cancel()
    print("stopped", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        trio.run(serve, [int(number) for number in sys.argv[2:]])
    else:
        trio.run(main)
