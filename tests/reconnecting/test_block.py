"""`trio_ws._reconnecting.block`: the one exception that leaves the block of a channel (P2)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trio_ws import ConnectionClosed, HandshakeError, Rejected
from trio_ws._reconnecting.channel import ReconnectingWebSocket
from trio_ws._reconnecting.open import open_reconnecting_websocket

from ..secrecy import QUERY, USERINFO
from ..worlds import Step, World, closing, half, listen, rejection, silence

URL = f"ws://{USERINFO}example.com/feed{QUERY}"
REFUSED = HandshakeError("refused", transient=True)

Make = Callable[..., World]


class Mine(Exception):
    """An exception of the application's own."""


@pytest.fixture
async def make(nursery: trio.Nursery) -> AsyncGenerator[Make]:
    """Make a world out of steps."""

    def made(*steps: Step) -> World:
        return World(nursery, *steps)

    yield made
    nursery.cancel_scope.cancel()


def channel_in(world: World, **options: Any) -> Any:
    return open_reconnecting_websocket(URL, **{"connect": world.connect, "jitter": half, **options})


@pytest.mark.parametrize(("peer", "seconds"), [(listen, 0), (silence, 0.5)])
async def test_a_cancellation_during_the_goodbye(
    autojump_clock: MockClock, make: Make, peer: Step, seconds: float
) -> None:
    """The block's exception leaves, although a cancellation shortens the goodbye (F7.1)."""
    mine = Mine()
    with trio.move_on_after(2) as scope, pytest.raises(Mine) as caught:
        async with channel_in(make(peer)) as channel:
            await channel.send("x")
            await trio.sleep(1)
            raise mine
    assert caught.value is mine
    assert trio.current_time() == (1 if peer is listen else 2 + seconds)
    assert not scope.cancelled_caught


async def test_an_exception_after_a_cancellation(autojump_clock: MockClock, make: Make) -> None:
    """The exception that the block raised when it was cancelled leaves (F7.1)."""
    with trio.move_on_after(2), pytest.raises(Mine):
        async with channel_in(make(silence)):
            try:
                await trio.sleep_forever()
            finally:
                raise Mine
    assert trio.current_time() == 2.5


async def test_a_cancellation(autojump_clock: MockClock, make: Make) -> None:
    """A cancellation leaves as such, and says 1001."""
    world = make(listen)
    with trio.move_on_after(2) as scope:
        async with channel_in(world):
            await trio.sleep_forever()
    assert scope.cancelled_caught
    await trio.testing.wait_all_tasks_blocked()
    assert world.farewells == [1001]


async def test_a_normal_end_that_is_cancelled(autojump_clock: MockClock, make: Make) -> None:
    """If nothing was raised, the cancellation of the goodbye leaves."""
    with trio.move_on_after(2) as scope:
        async with channel_in(make(silence)):
            await trio.sleep(1)
    assert scope.cancelled_caught
    assert trio.current_time() == 2.5


async def test_ctrl_c(autojump_clock: MockClock, make: Make) -> None:
    """A Ctrl-C of the block leaves bare."""
    with pytest.raises(KeyboardInterrupt):
        async with channel_in(make(listen)):
            await trio.sleep(1)
            raise KeyboardInterrupt


async def test_ctrl_c_during_the_goodbye(
    autojump_clock: MockClock, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Ctrl-C outranks what the block raised."""

    async def close(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ReconnectingWebSocket, "close", close)
    with pytest.raises(KeyboardInterrupt):
        async with channel_in(make(listen)):
            raise Mine


async def in_two_tasks(channel: ReconnectingWebSocket, *others: BaseException) -> None:
    """Receive in two tasks of a nursery; then raise the others, each in one of its own."""

    async def fail(error: BaseException) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise error

    async with trio.open_nursery() as nursery:
        nursery.start_soon(channel.receive)
        nursery.start_soon(channel.receive)
        for error in others:
            nursery.start_soon(fail, error)


async def test_a_group_of_ends(autojump_clock: MockClock, make: Make) -> None:
    """A group that says no more than that the channel has ended is that one exception."""
    with pytest.raises(ConnectionClosed, match="1000"):
        async with channel_in(make(closing(1000))) as channel:
            await in_two_tasks(channel)
    with pytest.raises(Rejected):
        async with channel_in(make(rejection(404))) as channel:
            await in_two_tasks(channel)


async def test_a_group_with_more(autojump_clock: MockClock, make: Make) -> None:
    """A group in which there is something else leaves as it is."""
    with pytest.RaisesGroup(ConnectionClosed, ConnectionClosed, Mine):
        async with channel_in(make(closing(1000))) as channel:
            await in_two_tasks(channel, Mine())


async def test_it_gives_up(autojump_clock: MockClock, make: Make) -> None:
    """What ended the supervision cancels the block, and leaves bare."""
    with pytest.raises(Rejected):
        async with channel_in(make(REFUSED, rejection(404))):
            await trio.sleep_forever()
    assert trio.current_time() == 2.5
