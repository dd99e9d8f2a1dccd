"""P2 for every kind of block, with a cancellation at any step: before, during and after (F7.1).

A block is left in three ways: its code returns, raises an exception of its own,
or raises one while it is cancelled.  What was raised leaves, bare,
whatever a cancellation does to the goodbye; a cancellation leaves only where nothing was raised.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
import trio
import trio.testing

from trio_ws import (
    WebSocket,
    open_reconnecting_websocket,
    open_supervisor,
    supervise,
)

from ..secrecy import QUERY, USERINFO
from ..wires import Steps, settled, what_leaves
from ..worlds import World, half, listen, silence, telling
from .sweeping import just_after_or_before, sweep

URL = f"ws://{USERINFO}example.com/{QUERY}"

Body = Callable[[], Awaitable[None]]
Block = Callable[[World, Body], Awaitable[object]]


class Mine(Exception):
    """An exception of the application's own."""


async def connection(world: World, body: Body) -> None:
    """A connection by itself."""
    async with world.connect(URL):
        await body()


async def supervision(world: World, body: Body) -> None:
    """A supervised session."""

    async def session(ws: WebSocket) -> None:
        await ws.receive()
        await body()

    await supervise(session, URL, connect=world.connect, jitter=half)


async def supervisor(world: World, body: Body) -> None:
    """The block of a supervisor, beside its run."""

    async def session(ws: WebSocket) -> None:
        await trio.sleep_forever()

    async def run() -> None:
        with suppress(trio.ClosedResourceError):
            await handle.run(session)

    async def block() -> None:
        async with handle_block:
            await body()

    handle_block = open_supervisor(URL, connect=world.connect, jitter=half)
    handle = handle_block._manager._supervisor  # type: ignore[attr-defined]
    left: list[BaseException | None] = []

    async def beside() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            left.append(await what_leaves(block))
            nursery.cancel_scope.cancel()

    await what_leaves(beside)  # which may be a group; of interest is what left the block
    if left[0] is not None:
        raise left[0]


async def channel(world: World, body: Body) -> None:
    """The block of a reconnecting channel, which has a connection."""
    async with open_reconnecting_websocket(URL, connect=world.connect, jitter=half) as ws:
        await ws.receive()
        await ws.send("x")
        await body()


async def channel_that_waits(world: World, body: Body) -> None:
    """The block of a reconnecting channel, before it has a connection."""
    world.seconds_to_connect = 5
    async with open_reconnecting_websocket(URL, connect=world.connect, jitter=half):
        await body()


async def returns() -> None:
    """Return after a moment."""
    await trio.sleep(1)


async def raises() -> None:
    """Raise after a moment, unless cancelled before."""
    await trio.sleep(1)
    raise Mine


async def raises_while_cancelled() -> None:
    """Raise after a moment, or when cancelled."""
    try:
        await trio.sleep(1)
    finally:
        raise Mine


BLOCKS = [connection, supervision, supervisor, channel, channel_that_waits]


@pytest.mark.parametrize("peer", [listen, silence], ids=["polite", "silent"])
@pytest.mark.parametrize("body", [returns, raises, raises_while_cancelled])
@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.slow)])
@just_after_or_before
def test_what_leaves_a_block(
    block: Block, body: Body, peer: Callable[..., Awaitable[object]], *, after: bool, stride: int
) -> None:
    """An exception of the block's own leaves, whenever a cancellation comes."""
    began: list[bool] = []
    raised: list[bool] = []

    async def noted() -> None:
        began.append(True)
        try:
            await body()
        except Mine:
            raised.append(True)
            raise

    async def run(steps: Steps) -> None:
        began.clear()
        raised.clear()
        async with trio.open_nursery() as nursery:
            world = World(nursery, telling("hello", then=peer))
            trio.lowlevel.add_instrument(steps)
            with steps.scope:
                left = await what_leaves(lambda: block(world, noted))
            trio.lowlevel.remove_instrument(steps)
            if raised:
                assert isinstance(left, Mine), left
            elif left is not None:
                assert isinstance(left, trio.Cancelled), left
            if steps.cancelled_at is not None:
                assert trio.current_time() <= steps.cancelled_at + 1.5
            await settled()
            nursery.cancel_scope.cancel()

    assert sweep(run, after=after, stride=stride) >= 5
