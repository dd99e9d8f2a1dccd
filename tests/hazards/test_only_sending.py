"""Programs that only send, over real TCP: none of them stands still for ever (F1.2).

When the receive queue of such a program is full its reader rests, and nothing is read any more.
Times are real here, so they have bounds instead of being exact.
"""

from __future__ import annotations

import socket
import struct
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import pytest
import trio

from trio_ws import (
    ConnectionClosed,
    Heartbeat,
    Limits,
    Loss,
    ReconnectingWebSocket,
    SupervisorState,
    Timeouts,
    WebSocket,
    open_reconnecting_websocket,
    open_websocket_on,
    serve_websocket_on,
)

pytestmark = pytest.mark.slow

QUICK = Heartbeat(interval=1, timeout=1)
SMALL = Limits(receive_buffer=10_000)
CHUNK = bytes(50_000)


@contextmanager
def listening() -> Generator[socket.socket]:
    """Listen on a free port of the loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield listener


def stream_of(sock: socket.socket) -> trio.SocketStream:
    """Wrap a socket."""
    sock.setblocking(False)
    return trio.SocketStream(trio.socket.from_stdlib_socket(sock))


async def accept(listener: socket.socket) -> socket.socket:
    """Accept a connection."""
    await trio.lowlevel.wait_readable(listener)
    sock, _ = listener.accept()
    return sock


async def only_send(ws: WebSocket, ended: dict[str, tuple[float, Loss | None]], who: str) -> None:
    """Send until the connection ends, and note when and how that was."""
    try:
        while True:
            await ws.send(CHUNK)
    except ConnectionClosed as error:
        ended[who] = (trio.current_time(), error.ending.loss)
        raise


@asynccontextmanager
async def served(sock: socket.socket, handler: Any, **options: Any) -> AsyncGenerator[None]:
    """Serve one connection for the length of a block."""
    async with trio.open_nursery() as nursery:
        serve = partial(serve_websocket_on, handler, stream_of(sock), **options)
        nursery.start_soon(serve)  # noqa: ASYNC113 - the client waits for it
        yield
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("options", "bound", "losses"),
    [
        ({"heartbeat": QUICK}, 1 + 0.25, {Loss.HEARTBEAT}),
        ({"heartbeat": None, "timeouts": Timeouts(send=1)}, 1 + 0.25, {Loss.SEND_TIMEOUT}),
        ({"heartbeat": None, "timeouts": Timeouts(stall=1)}, 1 + 0.25, {Loss.SEND_TIMEOUT}),
    ],
    ids=["heartbeat", "send", "stall"],
)
async def test_two_ends_that_only_send(
    options: dict[str, Any], bound: float, losses: set[Loss]
) -> None:
    """Two ends that only send fill both directions, and are given up by at least one of them."""
    ended: dict[str, tuple[float, Loss | None]] = {}

    async def handler(ws: WebSocket) -> None:
        await only_send(ws, ended, "server")

    with listening() as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs = await accept(listener)
    began = trio.current_time()
    async with served(theirs, handler, limits=SMALL, **options):
        with pytest.raises(ConnectionClosed):
            async with open_websocket_on(
                stream_of(ours), "ws://test/", limits=SMALL, **options
            ) as ws:
                await only_send(ws, ended, "client")
    first = min(ended.values(), key=lambda end: end[0])
    assert first[1] in losses
    assert first[0] - began < bound + 1.5, "a second to fill the buffers, and half a one to spare"
    assert "client" in ended


async def test_a_client_that_vanishes() -> None:
    """A client that sends too much, and vanishes, does not hold the seat of its handler."""
    ended: dict[str, tuple[float, Loss | None]] = {}

    async def handler(ws: WebSocket) -> None:
        await only_send(ws, ended, "server")

    with listening() as listener:
        client = socket.create_connection(listener.getsockname())
        theirs = await accept(listener)
    with client:
        client.sendall(
            b"GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        frame = struct.pack("!BBH4x", 0x82, 0x80 | 126, len(CHUNK)) + CHUNK
        began = trio.current_time()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                partial(
                    serve_websocket_on, handler, stream_of(theirs), heartbeat=QUICK, limits=SMALL
                )
            )
            await trio.to_thread.run_sync(client.sendall, frame * 24)
        assert ended["server"][1] is Loss.HEARTBEAT
        assert ended["server"][0] - began < 1 + 0.25 + 1.5


FLOODING_SERVER = """
import trio, trio_ws

async def flood(ws):
    while True:
        await ws.send(bytes(50_000))

async def main():
    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_ws.serve_websocket, flood, "127.0.0.1", 0)
        print(server.port, flush=True)

trio.run(main)
"""


@pytest.mark.parametrize("often", [True, False], ids=["sends often", "sends nothing more"])
async def test_a_channel_whose_server_is_killed(often: bool) -> None:
    """A channel that only sends notices within a second that its server has died.

    The server's kernel answers what is sent to it then with a reset.
    If nothing is sent, the pong does it that a resting reader sends each interval.
    """
    heartbeat = Heartbeat() if often else Heartbeat(interval=0.5, timeout=5)
    command = [sys.executable, "-c", FLOODING_SERVER]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as server:  # noqa: ASYNC220
        assert server.stdout is not None
        port = int(await trio.to_thread.run_sync(server.stdout.readline))
        async with open_reconnecting_websocket(
            f"ws://127.0.0.1:{port}/", limits=SMALL, heartbeat=heartbeat
        ) as channel:
            await channel.send("first")
            await trio.sleep(1)
            async with trio.open_nursery() as nursery:
                began = trio.current_time()
                server.kill()
                if often:
                    nursery.start_soon(keep_ticking, channel)
                await channel.supervisor.wait_for(SupervisorState.WAITING)
                seconds = trio.current_time() - began
                nursery.cancel_scope.cancel()
    goodbye = Timeouts().goodbye
    assert seconds < 1 + goodbye + 0.3 + (0 if often else heartbeat.interval)


async def keep_ticking(channel: ReconnectingWebSocket) -> None:
    """Send ten times a second."""
    while True:
        await channel.send("tick")
        await trio.sleep(0.1)
