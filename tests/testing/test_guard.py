"""Keeping a test off the real network, and off real time."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from functools import partial

import pytest
import trio
import trio.testing

from trio_ws import open_websocket
from trio_ws.testing import Fault, MemoryNetwork

from ..halls import echo

Clock = trio.testing.MockClock


async def test_a_clock_that_does_not_jump() -> None:
    """It is refused with a sentence that says what to do, unless one wants it."""
    with pytest.raises(RuntimeError, match=r"a SystemClock, in which an hour .* autojump_clock"):
        async with MemoryNetwork(seed=1):
            pass
    async with MemoryNetwork(seed=1, any_clock=True) as network:
        await network.serve("ws://api.example/", echo)
        network.link("api.example", latency=0.01)
        network.inject("api.example", Fault.latency(0.01, at=0.01, for_=0.5))
        async with open_websocket("ws://api.example/") as ws:
            await ws.send("x")
            assert await ws.receive() == "x"


def test_a_virtual_clock_that_does_not_jump() -> None:
    """A `MockClock` must be told to."""

    async def main() -> None:
        async with MemoryNetwork(seed=1):
            pass

    with pytest.raises(RuntimeError, match="this MockClock does not jump"):
        trio.run(main, clock=trio.testing.MockClock(rate=10))
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


async def make_a_socket() -> None:
    trio.socket.socket()


@pytest.mark.parametrize(
    "use",
    [
        make_a_socket,
        partial(trio.open_tcp_stream, "localhost", 9),
        partial(trio.open_tcp_listeners, 0),
        partial(trio.open_tcp_listeners, 0, host="127.0.0.1"),
        partial(trio.serve_tcp, trio.aclose_forcefully, 0),
        partial(trio.open_ssl_over_tcp_stream, "localhost", 9),
        partial(trio.socket.getaddrinfo, "localhost", 9),
        partial(trio.socket.getnameinfo, ("127.0.0.1", 9), 0),
    ],
)
async def test_no_real_sockets(use: Callable[[], Awaitable[object]], autojump_clock: Clock) -> None:
    """Code that goes past the simulated network is found."""
    async with MemoryNetwork(seed=1):
        with pytest.raises(RuntimeError, match=r"a real socket was asked for .*allow_real_sockets"):
            await use()
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    await listener.aclose()


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are no Unix sockets here")
async def test_no_unix_sockets(autojump_clock: Clock) -> None:
    """They are Trio's sockets, too."""
    async with MemoryNetwork(seed=1):
        with pytest.raises(RuntimeError, match="a real socket was asked for"):
            await trio.open_unix_socket("a.sock")


async def test_no_real_connection_to_an_address(autojump_clock: Clock) -> None:
    """An address needs no look-up; Trio tries several at once, so the error is in a group."""
    async with MemoryNetwork(seed=1):
        with pytest.RaisesGroup(pytest.RaisesExc(RuntimeError, match="a real socket was asked f")):
            await trio.open_tcp_stream("127.0.0.1", 9)


async def test_sockets_that_are_not_caught(autojump_clock: Clock) -> None:
    """Those of the standard library, also in the hands of Trio: a test may need them."""
    async with MemoryNetwork(seed=1):
        with (
            socket.create_server(("127.0.0.1", 0)) as server,
            socket.create_connection(server.getsockname()) as client,
        ):
            ours = trio.socket.from_stdlib_socket(client)
            assert ours.getpeername() == server.getsockname()
        for end in trio.socket.socketpair():
            end.close()
