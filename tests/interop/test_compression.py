"""Compression with Firefox, with uvicorn, and through nginx; the peers have it as a scenario."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import pytest
import trio

from trio_ws import (
    Deflate,
    HandshakeError,
    Limits,
    WebSocket,
    open_websocket,
    serve_websocket,
)

from . import bodies
from .converse import Papers, Setup, serve_one
from .firefox import firefox
from .install import find_program
from .test_front_servers import FRONTS, Front, running
from .test_rolling_deploy import free_ports

pytestmark = [pytest.mark.peer, pytest.mark.slow]

MIB = 1024 * 1024
MESSAGES: list[str | bytes] = [
    json.dumps([{"id": number, "name": "é☃", "price": number * 7 % 13} for number in range(count)])
    for count in (0, 1, 5, 50, 500, 5000)
]
MESSAGES += [b"", b"x" * 100_000, bytes(range(256)) * 300]

APPLICATION = """
async def echo(scope, receive, send):
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        text, data = event.get("text"), event.get("bytes")
        said = {"bytes": data} if text is None else {"text": text}
        await send({"type": "websocket.send", **said})
"""
"""What uvicorn runs."""


async def both_ways(ws: WebSocket) -> None:
    """Have each message echoed, three times, so that later ones refer to earlier ones."""
    assert [each.partition(";")[0] for each in ws.extensions] == ["permessage-deflate"]
    for message in MESSAGES * 3:
        await ws.send(message)
        assert await ws.receive() == message
    statistics = ws.statistics().compression
    assert statistics is not None
    assert statistics.messages_sent > len(MESSAGES)
    assert statistics.messages_received > len(MESSAGES)
    assert statistics.bytes_received_compressed < statistics.bytes_received / 5


async def open_when_it_listens(url: str) -> None:
    """Converse, as soon as there is a server."""
    with trio.fail_after(30):
        while True:
            try:
                async with open_websocket(
                    url, compression=Deflate(), limits=Limits(max_message_size=2 * MIB)
                ) as ws:
                    return await both_ways(ws)
            except HandshakeError:
                await trio.sleep(0.1)


@contextmanager
def uvicorn(folder: Path, port: int, implementation: str) -> Iterator[None]:
    """Run uvicorn with one of its implementations of WebSocket."""
    if importlib.util.find_spec("uvicorn") is None:
        pytest.skip('uvicorn is not installed; `pip install -e ".[bench]"` brings it')
    (folder / "application.py").write_text(APPLICATION)
    options = ["--port", f"{port}", "--ws", implementation, "--log-level", "warning"]
    place = ["--app-dir", str(folder)]
    command = [sys.executable, "-m", "uvicorn", "application:echo", *place, *options]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("implementation", ["websockets-sansio", "wsproto"])
async def test_uvicorn(implementation: str, tmp_path: Path) -> None:
    """A server of uvicorn, as FastAPI and Starlette have it, agrees and compresses."""
    (port,) = free_ports(1)
    with uvicorn(tmp_path, port, implementation):
        await open_when_it_listens(f"ws://127.0.0.1:{port}/")


@asynccontextmanager
async def echoing() -> AsyncGenerator[int]:
    """Run a server of ours that compresses."""

    async def echo(ws: WebSocket) -> None:
        async for message in ws:
            await ws.send(message)

    options = {"compression": Deflate(), "limits": Limits(max_message_size=2 * MIB)}
    async with trio.open_nursery() as nursery:
        serve = partial(serve_websocket, echo, "127.0.0.1", 0, **options)  # type: ignore[arg-type]
        server = await nursery.start(serve)
        yield server.port
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    "front", [each for each in FRONTS if each.program == "nginx"], ids=lambda front: front.program
)
async def test_through_a_proxy(front: Front, tmp_path: Path) -> None:
    """nginx, configured as the page on deployment says, passes the negotiation and the bits on."""
    (port,) = free_ports(1)
    async with echoing() as server:
        with running(front, port, server, tmp_path):
            await open_when_it_listens(f"ws://127.0.0.1:{port}/live")


@pytest.mark.parametrize("settings", [Deflate(), Deflate(context_takeover=False, threshold=0)])
async def test_firefox(settings: Deflate, papers: Papers, tmp_path: Path) -> None:
    """A page in Firefox talks compressed, with context takeover and without."""
    if find_program("firefox-esr") is None:
        pytest.skip("firefox is not installed; `python -m tests.interop.install` brings it")
    setup = Setup(
        ours={"compression": settings, "limits": Limits(max_message_size=2 * MIB)},
        theirs={"compression": True},
    )
    async with firefox(tmp_path) as window:
        _, left = await serve_one(window, papers, setup, bodies.compression)
    assert left is None
