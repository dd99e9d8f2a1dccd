"""Keeping a test off the real network, and off real time."""

from __future__ import annotations

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
