"""The cancellation sweep (B7) over the doors: `open_websocket`, `serve_websocket`, a handler.

From the first byte of the handshake on, cancelled at any step: what never became a WebSocket
is dropped; what did says goodbye with a Close behind whole frames; nobody waits for nobody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio
import trio.testing

from trio_ws import (
    ConnectionClosed,
    HandshakeError,
    Limits,
    WebSocket,
    open_websocket,
    open_websocket_on,
    serve_websocket_listeners,
    serve_websocket_on,
)
from trio_ws.testing import RawPeer

from ..client.places import PROXY, redirect, scripted, tunnel
from ..client.servers import accept_and_close
from ..wires import Steps, TwoWayWire, goodbye_of
from .sweeping import just_after_or_before, some_or_all, sweep

Body = Callable[[WebSocket], Awaitable[object]]

POLITE = (1000, 1001, 1012)
LIMITS = Limits(send_buffer=1000, receive_buffer=1000)
COUNT = 3


def message(number: int) -> str:
    """Make a message, known by its number, of which few fit into a buffer."""
    return f"{number} " + "x" * 600


class Memory(trio.abc.Listener[trio.abc.Stream]):
    """A listener for streams over memory."""

    def __init__(self) -> None:
        self._put, self._get = trio.open_memory_channel[trio.abc.Stream](9)
        self.closed = False

    def connect(self) -> tuple[TwoWayWire, TwoWayWire]:
        """Connect to the listener: the caller's end, and the server's."""
        ours, theirs = map(TwoWayWire, trio.testing.memory_stream_pair())
        self._put.send_nowait(theirs)
        return ours, theirs

    async def accept(self) -> trio.abc.Stream:
        """Wait for a connection."""
        return await self._get.receive()

    async def aclose(self) -> None:
        """Stop listening, and hang up on whoever was not accepted."""
        self.closed = True
        with trio.CancelScope(shield=True):
            while self._get.statistics().current_buffer_used:
                stream = await self._get.receive()
                await stream.aclose()
            await trio.lowlevel.checkpoint()


async def echo(ws: WebSocket) -> None:
    """Say everything again, as a handler or as a client."""
    async for text in ws:
        await ws.send(text)


async def converse(ws: WebSocket) -> None:
    """Say something, hear it again, and leave."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ws.ping)
        for number in range(COUNT):
            nursery.start_soon(ws.send, message(number))
        heard = sorted([str(await ws.receive()) for _ in range(COUNT)])
    assert heard == [message(number) for number in range(COUNT)]


async def call(stream: trio.abc.Stream, body: Body = converse) -> None:
    """Be a client that is not cancelled; a server that is may turn it away or leave early."""
    try:
        async with open_websocket_on(stream, "ws://test/", limits=LIMITS) as ws:
            await body(ws)
    except HandshakeError:
        return
    except ConnectionClosed as error:
        if error.ending.code not in POLITE:
            raise


def said_goodbye(read: bytearray) -> bool:
    """Whether a side was heard to finish its handshake; if so, it also said goodbye."""
    head, blank, rest = bytes(read).partition(b"\r\n\r\n")
    if not blank or not head.startswith(b"HTTP/1.1 101 "):
        return False
    assert goodbye_of(rest)[0] in POLITE
    return True


async def cancel_client(steps: Steps) -> None:
    """Cancel `open_websocket`: connecting, conversing, or leaving."""
    ours, theirs = map(TwoWayWire, trio.testing.memory_stream_pair())
    entered = False
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(serve_websocket_on, echo, theirs, limits=LIMITS))
        trio.lowlevel.add_instrument(steps)
        with steps.scope:
            async with open_websocket_on(ours, "ws://test/", limits=LIMITS) as ws:
                entered = True
                await converse(ws)
        assert_left(steps)
        assert ours.closed
    assert theirs.closed
    if entered:
        _, _, frames = bytes(theirs.read).partition(b"\r\n\r\n")
        assert goodbye_of(frames)[0] in (1000, 1001)


async def cancel_client_on_its_way(steps: Steps) -> None:
    """Cancel `open_websocket` where a function, a proxy and a redirect are on the way."""
    servers = iter([redirect("ws://b.example/"), redirect("/there"), accept_and_close])

    async def proxy(peer: RawPeer) -> None:
        await tunnel(next(servers))(peer)

    async def headers() -> dict[str, str]:
        await trio.sleep(0.1)
        return {"X-Token": "fresh"}

    async with scripted({PROXY: proxy}) as network:
        trio.lowlevel.add_instrument(steps)
        with steps.scope:
            async with open_websocket(
                "ws://a.example/", headers=headers, proxy="http://proxy.example:3128"
            ) as ws:
                assert ws.request.target == "/there"
        assert_left(steps)
        assert network.all_closed


async def cancel_server(steps: Steps) -> None:
    """Cancel `serve_websocket`: starting, with two connections, or draining."""
    listener = Memory()
    wires = [listener.connect() for _ in range(2)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call, wires[0][0])
        nursery.start_soon(call, wires[1][0], WebSocket.receive)
        trio.lowlevel.add_instrument(steps)
        with steps.scope:
            async with trio.open_nursery() as server_nursery:
                server = await server_nursery.start(
                    partial(serve_websocket_listeners, echo, [listener], limits=LIMITS)
                )
                await trio.sleep(0.1)
                await server.drain(spread=0)
        assert_left(steps)
        assert listener.closed
        nursery.cancel_scope.deadline = trio.current_time() + 1
    assert not nursery.cancel_scope.cancelled_caught, "a client was left to wait"
    for ours, theirs in wires:
        assert theirs.closed or not ours.read
        said_goodbye(ours.read)


async def cancel_handler(steps: Steps) -> None:
    """Cancel what a handler does with its connection: that ends the connection well."""
    ours, theirs = map(TwoWayWire, trio.testing.memory_stream_pair())

    async def handler(ws: WebSocket) -> None:
        trio.lowlevel.add_instrument(steps)
        with steps.scope:
            await echo(ws)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(serve_websocket_on, handler, theirs, limits=LIMITS))
        await call(ours)
    assert said_goodbye(ours.read)
    assert theirs.closed


async def cancel_connection(steps: Steps) -> None:
    """Cancel `serve_websocket_on`: the one connection that it serves."""
    ours, theirs = map(TwoWayWire, trio.testing.memory_stream_pair())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(call, ours)
        trio.lowlevel.add_instrument(steps)
        with steps.scope:
            await serve_websocket_on(echo, theirs, limits=LIMITS)
        assert_left(steps)
        assert theirs.closed
        nursery.cancel_scope.deadline = trio.current_time() + 1
    assert not nursery.cancel_scope.cancelled_caught, "the client was left to wait"
    said_goodbye(ours.read)


def assert_left(steps: Steps) -> None:
    """Check that the cancelled side took no more than the time of a goodbye."""
    if steps.cancelled_at is not None:
        assert trio.current_time() <= steps.cancelled_at + 0.5


@some_or_all
@just_after_or_before
@pytest.mark.parametrize(
    "what",
    [
        cancel_client,
        cancel_client_on_its_way,
        cancel_server,
        cancel_handler,
        cancel_connection,
    ],
)
def test_sweep(what: Callable[[Steps], Awaitable[None]], after: bool, stride: int) -> None:
    """Cancelled at any step, whatever has become a WebSocket says goodbye, and nobody is left."""
    assert sweep(what, after=after, stride=stride) > 50
