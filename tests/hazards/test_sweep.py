"""The cancellation sweep (B7, P4): cancel at the k-th step of the scheduler, for every k.

A conversation over memory is run again and again, each time cancelled one step later,
until it is through before the cancellation comes.
Whatever the step: the other side has received whole frames only, and at the end a Close;
it was never told nonsense; and within the time of a goodbye nothing of ours is left.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial

import pytest
import trio
import trio.testing

from trio_ws import ConnectionClosed, Limits, WebSocket
from trio_ws._connection.block import ConnectionBlock
from trio_ws._options import ConnectionOptions

from ..wires import Steps, TwoWayWire, both_roles, goodbye_of, opening
from .sweeping import just_after_or_before, some_or_all, sweep

Heard = list[str]
Body = Callable[[WebSocket, Heard], Awaitable[object]]
Pair = Callable[[], tuple[trio.abc.Stream, trio.abc.Stream]]

POLICIES = ConnectionOptions(heartbeat=None, limits=Limits(send_buffer=1000, receive_buffer=1000))
COUNT = 4


def message(number: int) -> str:
    """Make a message, known by its number, of which few fit into a buffer."""
    return f"{number} " + "x" * 600


MESSAGES = [message(number) for number in range(COUNT)]


async def fragments() -> AsyncGenerator[str, None]:  # noqa: ASYNC900
    """Yield the first message in three fragments."""
    for part in MESSAGES[0][:2], MESSAGES[0][2:300], MESSAGES[0][300:]:
        yield part


# What is cancelled


async def send(ws: WebSocket, heard: Heard) -> None:
    for text in MESSAGES:
        await ws.send(text)


async def send_fragments(ws: WebSocket, heard: Heard) -> None:
    await ws.send(fragments())
    await ws.send(MESSAGES[1])


async def send_at_once(ws: WebSocket, heard: Heard) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ws.send, fragments())
        for text in MESSAGES:
            nursery.start_soon(ws.send, text)


async def receive(ws: WebSocket, heard: Heard) -> None:
    while len(heard) < COUNT:
        heard.append(str(await ws.receive()))


async def receive_stream(ws: WebSocket, heard: Heard) -> None:
    while len(heard) < COUNT:
        async with ws.receive_stream() as chunks:
            heard.append("")
            async for chunk in chunks:
                heard[-1] += str(chunk)


async def ping(ws: WebSocket, heard: Heard) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ws.ping)
        await ws.ping(b"x")
        await ws.pong()


async def flush(ws: WebSocket, heard: Heard) -> None:
    await ws.send(MESSAGES[0])
    await ws.flush()


async def close(ws: WebSocket, heard: Heard) -> None:
    await ws.send(MESSAGES[0])
    await ws.close(1001)


async def both_ways(ws: WebSocket, heard: Heard) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(send, ws, heard)
        nursery.start_soon(receive, ws, heard)
        nursery.start_soon(ws.ping)


every_body = pytest.mark.parametrize(
    "body",
    [send, send_fragments, send_at_once, receive, receive_stream, ping, flush, close, both_ways],
)
every_pair = pytest.mark.parametrize(
    "pair",
    [trio.testing.memory_stream_pair, trio.testing.lockstep_stream_pair],
    ids=["memory", "lockstep"],
)
LISTENING = {receive, receive_stream, both_ways}


class Other:
    """The other side of a conversation: it behaves well, and keeps what it is told."""

    def __init__(self, stream: trio.abc.Stream, *, client: bool, talks: bool) -> None:
        self.wire = TwoWayWire(stream)
        self.ws = WebSocket(self.wire, opening(), client=client, options=POLICIES, name="other")
        self.talks = talks
        self.heard: Heard = []

    async def run(self) -> None:
        """Talk and listen until the end, which must be a good one."""
        async with ConnectionBlock(self.ws), trio.open_nursery() as nursery:
            if self.talks:
                nursery.start_soon(self.talk)
            async for text in self.ws:
                self.heard.append(str(text))

    async def talk(self) -> None:
        """Send all messages, as far as they are wanted."""
        try:
            for number, text in enumerate(MESSAGES):
                await self.ws.send([text[:300], text[300:]] if number % 2 else text)
        except ConnectionClosed as error:
            if not error.ending.normal:
                raise


async def cancel_block(body: Body, client: bool, pair: Pair, steps: Steps) -> None:
    """Cancel a block, its goodbye included."""
    ours, theirs = pair()
    other = Other(theirs, client=not client, talks=body in LISTENING)
    ws = WebSocket(TwoWayWire(ours), opening(), client=client, options=POLICIES, name="tested")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other.run)
        with steps.scope:
            async with ConnectionBlock(ws):
                trio.lowlevel.add_instrument(steps)
                await body(ws, [])
        if steps.cancelled_at is not None:
            assert trio.current_time() <= steps.cancelled_at + 0.5
    assert goodbye_of(other.wire.read)[0] in (1000, 1001)
    assert ws.ending is not None
    assert [text for text in other.heard if text not in MESSAGES] == []


async def cancel_call(body: Body, client: bool, pair: Pair, steps: Steps) -> None:
    """Cancel calls within a block that goes on: the connection is intact, or closed."""
    ours, theirs = pair()
    other = Other(theirs, client=not client, talks=body in LISTENING)
    ws = WebSocket(TwoWayWire(ours), opening(), client=client, options=POLICIES, name="tested")
    heard: Heard = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(other.run)
        async with ConnectionBlock(ws):
            trio.lowlevel.add_instrument(steps)
            with steps.scope:
                await body(ws, heard)
            if body in (receive, both_ways):
                await receive(ws, heard)
                assert heard == MESSAGES
            intact = await is_intact(ws)
    assert intact or body in (send_fragments, send_at_once, close)
    assert goodbye_of(other.wire.read)[0] == (1000 if intact else 1001)
    assert other.heard[-1:] == ["intact"] or not intact
    assert [text for text in other.heard if text not in [*MESSAGES, "intact"]] == []


async def is_intact(ws: WebSocket) -> bool:
    """Whether the connection can still be used."""
    try:
        await ws.send("intact")
    except ConnectionClosed:
        return False
    return True


@both_roles
@every_body
@every_pair
@just_after_or_before
@some_or_all
@pytest.mark.parametrize("what", [cancel_block, cancel_call], ids=["block", "call"])
def test_sweep(
    what: Callable[[Body, bool, Pair, Steps], Awaitable[None]],
    stride: int,
    after: bool,
    pair: Pair,
    body: Body,
    client: bool,
) -> None:
    """Cancelled at any step, the other side sees whole frames and a Close, and nobody is left."""
    assert sweep(partial(what, body, client, pair), after=after, stride=stride) > 20
