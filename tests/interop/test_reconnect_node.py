"""Our reconnecting client, and a Node server that is killed and started again and again."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio

from trio_ws import Backoff, ReconnectingWebSocket, open_reconnecting_websocket

from .conftest import skip_without
from .kinds import HERE, LIBRARIES

pytestmark = [pytest.mark.peer, pytest.mark.slow]

HOST = "127.0.0.1"
LIVES = 12
BACKOFF = Backoff(first=0.2, cap=0.2, stable=0.05, max_restarts=1000)
PATIENCE = 15.0
NODE = next(kind for kind in LIBRARIES if kind.name == "node-ws")


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.create_server((HOST, 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


@asynccontextmanager
async def life(port: int) -> AsyncGenerator[int]:
    """One life of the server; it ends by SIGKILL.  Gives its process id."""
    script = HERE / "peers" / "mortal_server.cjs"
    process = await trio.lowlevel.open_process(
        ["node", str(script), str(port)], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        with trio.fail_after(PATIENCE):
            assert await process.stdout.receive_some() == b"listening\n"
        yield process.pid
    finally:
        process.kill()
        with trio.CancelScope(shield=True, deadline=trio.current_time() + PATIENCE):
            await process.wait()
            if process.stdout is not None:
                await process.stdout.aclose()


async def test_a_server_that_is_killed_again_and_again() -> None:
    """In each of its lives the client comes back by itself, and every echo comes once, in order."""
    skip_without(NODE)
    port = free_port()
    async with open_reconnecting_websocket(f"ws://{HOST}:{port}/", backoff=BACKOFF) as channel:
        for number in range(LIVES):
            async with life(port) as pid:
                with trio.fail_after(PATIENCE):
                    await talk(channel, pid, number)
        statistics = channel.statistics()
    assert statistics.connections == LIVES
    assert statistics.messages_received == LIVES * 4


async def talk(channel: ReconnectingWebSocket, pid: int, number: int) -> None:
    """The greeting of this life, then three echoes."""
    assert await channel.receive() == f"greetings from {pid}"
    for word in ("one", "two", "three"):
        await channel.send(f"{word} {number}")
        assert await channel.receive() == f"{word} {number}"
