"""The snippets on observability do what their page says."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import trio
import trio.testing
from prometheus_client import REGISTRY

from docs.snippets import metrics, show_on_signal, structured_log
from trio_ws import Ending, WebSocket, open_websocket

from .halls import serving
from .wires import settled


@pytest.fixture
def _registered() -> Iterator[None]:
    """What a test adds to the registry of the process is taken out again."""
    before = set(REGISTRY._collector_to_names)
    yield
    for collector in set(REGISTRY._collector_to_names) - before:
        REGISTRY.unregister(collector)


async def page(port: int, path: str) -> str:
    """Return the answer to a plain request."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(f"GET {path} HTTP/1.0\r\nHost: a\r\n\r\n".encode())
        return b"".join([part async for part in stream]).decode()


@pytest.mark.usefixtures("_registered")
async def test_metrics_are_a_page_of_the_same_port() -> None:
    """Prometheus gets them there, and other paths are answered as ever."""
    with socket.create_server(("", 0)) as free:
        port = free.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(metrics.main, port)
        await trio.testing.wait_all_tasks_blocked()
        async with open_websocket(f"ws://127.0.0.1:{port}") as ws:
            await ws.send("hello")
            await ws.receive()
            text = await page(port, "/metrics")
        assert 'websocket_connections{role="server"} 1.0\n' in text
        assert 'websocket_messages_total{direction="received",type="text"} 1.0\n' in text
        assert (await page(port, "/else")).startswith("HTTP/1.1 426 ")
        nursery.cancel_scope.cancel()


def test_long_connections(caplog: pytest.LogCaptureFixture) -> None:
    """The instrument tells of a connection that lasted for more than an hour, and of no other."""
    caplog.set_level(logging.INFO, "app")
    ws = SimpleNamespace(remote_address="a")
    for age in (3600, 3601):
        metrics.LongConnections().connection_closed(ws, Ending(age=age))  # type: ignore[arg-type]
    assert caplog.messages == ["a was connected for 3601 s"]


async def test_lines_say_which_connection(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line of a handler has the context of its own connection."""
    async with serving(structured_log.handler) as hall:
        for path in ("/one", "/two"):
            async with hall.open(path) as ws:
                await ws.send("12345")
                await ws.flush()
                await settled()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["path"], line["event"], line.get("size")) for line in lines] == [
        (path, *said) for path in ("/one", "/two") for said in (("hello", None), ("a message", 5))
    ]
    assert len({line["name"] for line in lines}) == 2


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGUSR1")
async def test_a_signal_shows_what_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    """SIGUSR1 prints the connections, each time."""
    shown = ""
    async with trio.open_nursery() as nursery, serving() as hall, hall.open("/chat"):
        nursery.start_soon(show_on_signal.show_on_signal)
        await settled()
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGUSR1)
            with trio.fail_after(5):  # noqa: ASYNC912
                while "2 connections" not in (shown := capsys.readouterr().err):  # noqa: ASYNC110
                    await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert ": /chat for " in shown


async def test_the_handlers_echo() -> None:
    """The servers of the snippets echo."""

    async def ask(ws: WebSocket) -> str | bytes:
        await ws.send("hello")
        return await ws.receive()

    for handler in (metrics.echo, show_on_signal.echo):
        async with serving(handler) as hall, hall.open() as ws:
            assert await ask(ws) == "hello"
