"""`trio_ws._supervision.connecting`: a supervised connection, whatever ``connect=`` makes of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trio_ws import ConnectionClosed, Ending, MessageChannel, Timeouts, WebSocket, supervise
from trio_ws._connection.core import current_supervision

from ..secrecy import QUERY, USERINFO
from ..worlds import World, closing, half, listen, telling

URL = f"ws://{USERINFO}example.com/{QUERY}"
Make = Callable[..., World]


@pytest.fixture
async def make(nursery: trio.Nursery) -> AsyncGenerator[Make]:
    """Make a world out of steps."""

    def made(*steps: Any) -> World:
        return World(nursery, *steps)

    yield made
    nursery.cancel_scope.cancel()


class Shouting:
    """A wrapper around a connection: a message channel that knows capital letters only."""

    def __init__(self, ws: WebSocket) -> None:
        self._ws = ws

    @property
    def ending(self) -> Ending | None:
        return self._ws.ending

    async def send(self, message: str | bytes | bytearray | memoryview) -> None:
        assert isinstance(message, str)
        await self._ws.send(message.upper())

    async def receive(self) -> str | bytes:
        return (await self._ws.receive()).upper()

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        return self

    async def __anext__(self) -> str | bytes:
        return (await anext(self._ws)).upper()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._ws.close(code, reason)

    async def aclose(self) -> None:
        await self._ws.aclose()


def shouting_in(world: World) -> Any:
    """Take the place of `open_websocket`, and give out the wrapper."""

    @asynccontextmanager
    async def connect(url: str, **options: Any) -> AsyncGenerator[Shouting]:
        async with world.connect(url, **options) as ws:
            yield Shouting(ws)

    return connect


async def test_a_wrapper(autojump_clock: MockClock, make: Make) -> None:
    """A session gets the wrapper; its iteration ends quietly with 1000 only, as it should."""
    world = make(telling("a", then=closing(1001)), telling("b", then=closing(None)), closing(1000))
    heard: list[str | bytes] = []

    async def session(channel: Any) -> str:
        assert isinstance(channel, MessageChannel)
        async for message in channel:
            heard.append(message)  # noqa: PERF401 - the iteration raises
        return "done"

    assert await supervise(session, URL, connect=shouting_in(world), jitter=half) == "done"
    assert heard == ["A", "B"]
    assert world.attempts == [0, 2.5, 5.5]


async def test_the_end_of_a_wrapper(autojump_clock: MockClock, make: Make) -> None:
    """A session that waits elsewhere is cancelled when the peer has closed, under a wrapper too."""
    world = make(closing(1001, after=1), closing(1000))

    async def session(channel: Any) -> None:
        await trio.sleep_forever()

    options: Any = {"connect": shouting_in(world), "jitter": half, "timeouts": Timeouts(close=4)}
    await supervise(session, URL, **options)
    assert world.attempts == [0, 1 + 4 + 2.5]


async def test_what_is_opened_beside(autojump_clock: MockClock, make: Make) -> None:
    """A connection that a session opens itself is not supervised: 1001 ends it quietly."""
    world, other = make(listen), make(closing(1001))

    async def session(ws: WebSocket) -> list[str | bytes]:
        assert current_supervision.get().body_grace > 1e9
        async with other.connect(URL) as beside:
            return [message async for message in beside]

    assert await supervise(session, URL, connect=world.connect, jitter=half) == []


async def test_connect_fails(autojump_clock: MockClock, make: Make) -> None:
    """What the block of ``connect`` raises leaves, and nothing stays behind."""
    world = make(KeyError("mine"))

    async def session(ws: WebSocket) -> None:
        raise AssertionError

    with pytest.raises(KeyError):
        await supervise(session, URL, connect=world.connect, jitter=half)
    assert current_supervision.get().body_grace > 1e9


async def test_a_block_that_raises_something_else(autojump_clock: MockClock, make: Make) -> None:
    """What the block of ``connect`` makes of an end is what leaves."""
    world = make(closing(1008))

    @asynccontextmanager
    async def connect(url: str, **options: Any) -> AsyncGenerator[WebSocket]:
        try:
            async with world.connect(url, **options) as ws:
                yield ws
        except ConnectionClosed as error:
            raise KeyError("instead") from error

    async def session(ws: WebSocket) -> None:
        await ws.receive()

    with pytest.raises(KeyError, match="instead"):
        await supervise(session, URL, connect=connect, jitter=half)
