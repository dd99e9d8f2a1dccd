"""`trio_ws._transport.network`: the network of a Trio run, and a toy one under every door."""

from __future__ import annotations

import errno
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import (
    HandshakeError,
    Server,
    WebSocket,
    open_reconnecting_websocket,
    open_websocket,
    serve_websocket,
    supervise,
)
from trio_ws._transport.network import TCPNetwork, current_network, use_network

from ..halls import MemoryListener, echo


class ToyNetwork:
    """A network in memory: each port leads to a listener, if something listens there."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self._listeners: dict[int, MemoryListener] = {}

    async def connect(self, host: str, port: int) -> trio.abc.Stream:
        """Connect to a port; the host may have any name."""
        await trio.lowlevel.checkpoint()
        self.asked.append((host, port))
        listener = self._listeners.get(port)
        if listener is None or listener.closed:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "nothing listens there")
        stream = listener.connect()
        vars(stream)["remote_address"] = (host, port)
        return stream

    async def listen(
        self, host: str | None, port: int, backlog: int | None = None
    ) -> list[MemoryListener]:
        """Listen on a port; 0 is the next that is free."""
        await trio.lowlevel.checkpoint()
        self.asked.append((host, port, backlog))
        listener = MemoryListener()
        vars(listener)["port"] = port or 8000 + len(self._listeners)
        self._listeners[vars(listener)["port"]] = listener
        return [listener]


@asynccontextmanager
async def toy_server(handler: Any = echo) -> AsyncGenerator[tuple[ToyNetwork, Server]]:
    """A server on a network in memory, which is that of the run."""
    network = ToyNetwork()
    with use_network(network):
        async with trio.open_nursery() as nursery:
            server = await nursery.start(serve_websocket, handler, "any.name", 0)
            yield network, server
            nursery.cancel_scope.cancel()


async def test_client_and_server(autojump_clock: trio.testing.MockClock) -> None:
    """`open_websocket` and `serve_websocket` find the network of their run by themselves."""
    async with toy_server() as (network, server):
        assert server.port == 8000
        async with open_websocket(f"ws://other.name:{server.port}/") as ws:
            assert ws.remote_address == ("other.name", 8000)
            await ws.send("hello")
            assert await ws.receive() == "hello"
        with pytest.raises(HandshakeError, match="nothing listens there") as caught:
            async with open_websocket("ws://other.name:9/"):
                pass
    assert caught.value.transient
    assert network.asked == [("any.name", 0, None), ("other.name", 8000), ("other.name", 9)]
    assert trio.current_time() == 0


async def test_supervised(autojump_clock: trio.testing.MockClock) -> None:
    """`supervise` and the reconnecting channel stand on it too, lost connections included."""
    opened: list[float] = []

    async def breaks_once(ws: WebSocket) -> None:
        opened.append(trio.current_time())
        if len(opened) == 1:
            await ws.close(1012)
        await echo(ws)

    async def session(ws: WebSocket) -> str | bytes:
        await ws.send("hello")
        return await ws.receive()

    async with toy_server(breaks_once) as (_, server):
        url = f"ws://name:{server.port}/"
        assert await supervise(session, url) == "hello"
        assert len(opened) == 2
        async with open_reconnecting_websocket(url) as channel:
            await channel.send("again")
            assert await channel.receive() == "again"


async def test_a_failed_start_closes_the_listener(autojump_clock: trio.testing.MockClock) -> None:
    """Listeners of any network are closed if nobody takes the server."""
    network = ToyNetwork()

    class Refuses(trio.TaskStatus[Server]):
        def started(self, value: Server) -> None:
            raise ZeroDivisionError

    with use_network(network), pytest.raises(ZeroDivisionError):
        await serve_websocket(echo, None, 80, task_status=Refuses())
    assert network._listeners[80].closed


async def test_the_network_of_a_run() -> None:
    """It is TCP, unless another was put in its place, for a block at a time."""
    assert isinstance(current_network(), TCPNetwork)
    one, two = ToyNetwork(), ToyNetwork()
    with use_network(one):
        with use_network(two):
            assert current_network() is two
        assert current_network() is one
    assert isinstance(current_network(), TCPNetwork)


def test_another_run_has_another_network() -> None:
    """What one run uses is nothing to the next, also if it never gave it back."""

    async def keep() -> None:
        use_network(ToyNetwork()).__enter__()

    async def look() -> None:
        assert isinstance(current_network(), TCPNetwork)

    trio.run(keep)
    trio.run(look)


async def test_tcp() -> None:
    """The network of the machine connects and listens over TCP."""
    network = TCPNetwork()
    [listener] = await network.listen("127.0.0.1", 0, backlog=5)
    port = listener.socket.getsockname()[1]
    async with listener, await network.connect("127.0.0.1", port) as stream:
        assert stream.socket.getpeername() == ("127.0.0.1", port)
