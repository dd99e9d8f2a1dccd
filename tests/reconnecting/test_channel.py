"""`trio_ws._reconnecting.channel`: one channel across many connections."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trio_ws import (
    Backoff,
    Close,
    ConnectionClosed,
    Ending,
    HandshakeError,
    Heartbeat,
    InvalidURL,
    Limits,
    LocalProtocolError,
    MessageChannel,
    Rejected,
    SupervisorGaveUp,
    SupervisorState,
    Timeouts,
    WebSocket,
)
from trio_ws._concurrency.suspension import watch_for_suspension
from trio_ws._errors import NotConnected
from trio_ws._reconnecting.channel import DOUBT_INTERVAL, ReconnectingWebSocket
from trio_ws._reconnecting.open import open_reconnecting_websocket
from trio_ws._reconnecting.outgoing import SendBuffer
from trio_ws.testing import RawPeer
from trio_ws.testing._peer import PING, PONG, TEXT

from ..secrecy import QUERY, USERINFO
from ..worlds import (
    Pair,
    Play,
    Step,
    World,
    closing,
    ending,
    half,
    listen,
    rejection,
    silence,
    telling,
)

URL = f"ws://{USERINFO}example.com/feed{QUERY}"
REFUSED = HandshakeError("refused", transient=True)

Make = Callable[..., World]


@pytest.fixture
async def make(nursery: trio.Nursery) -> AsyncGenerator[Make]:
    """Make a world out of steps."""

    def made(*steps: Step) -> World:
        return World(nursery, *steps)

    yield made
    nursery.cancel_scope.cancel()


def channel_in(world: World, **options: Any) -> Any:
    return open_reconnecting_websocket(URL, **{"connect": world.connect, "jitter": half, **options})


class Heard(list[str]):
    """What servers heard, connection after connection."""

    def then(self, count: int, play: Play) -> Play:
        """A server that hears so many messages, and goes on with `play`."""

        async def hear(peer: RawPeer) -> object:
            for _ in range(count):
                self.append((await peer.expect_frame(1)).payload.decode())
            return await play(peer)

        return hear


class Stuck(World):
    """Its first connection takes no bytes."""

    def streams(self) -> Pair:
        if len(self.attempts) == 1:
            return trio.testing.lockstep_stream_pair()
        return super().streams()


# Receiving


async def test_receiving(autojump_clock: MockClock, make: Make) -> None:
    """Messages of many connections come as one stream, which ends quietly with a 1000."""
    world = make(
        telling("a", "b", then=closing(1001)),
        REFUSED,
        telling("c", then=ending()),
        telling("d", then=closing(1000)),
    )
    async with channel_in(world) as channel:
        assert [message async for message in channel] == ["a", "b", "c", "d"]
        with pytest.raises(ConnectionClosed, match="1000"):
            await channel.receive()
        with pytest.raises(ConnectionClosed, match="1000"):
            await channel.send("x")
    assert world.attempts == [0, 2.5, 5.5, 14.5]


async def test_unread_messages(autojump_clock: MockClock, make: Make) -> None:
    """Messages of a connection that is gone are not lost, however late they are taken."""
    world = make(telling("a", "b", then=ending()), telling("c", then=closing(1000)))
    async with channel_in(world) as channel:
        await trio.sleep(100)
        assert world.attempts == [0, 2.5]
        assert [message async for message in channel] == ["a", "b", "c"]


async def test_memory_is_bounded(autojump_clock: MockClock, make: Make) -> None:
    """Once `Limits.receive_buffer` bytes are kept, what a later connection held is dropped."""
    world = make(*[telling("x" * 136, then=ending())] * 5, closing(1000))
    async with channel_in(world, limits=Limits(receive_buffer=500)) as channel:
        await trio.sleep(1000)
        assert len(world.attempts) == 6
        assert [message async for message in channel] == ["x" * 136] * 3
        assert channel.statistics().dropped == 2


async def test_a_last_burst(autojump_clock: MockClock, make: Make) -> None:
    """What arrived together with the end is kept whole, even if it is more than the bound."""
    burst = [f"{number:03}" * 10 for number in range(30)]
    world = make(telling(*burst, then=closing(1000)))
    async with channel_in(world, limits=Limits(receive_buffer=1000)) as channel:
        await trio.sleep(1)
        assert [message async for message in channel] == burst
        assert channel.statistics().dropped == 0


async def test_a_program_that_only_sends(autojump_clock: MockClock, make: Make) -> None:
    """It does not come to a halt because it does not receive."""
    heard = Heard()
    world = make(*[telling("noise", then=heard.then(1, ending()))] * 5, closing(1000))
    async with channel_in(world) as channel:
        for number in range(5):
            await channel.send(str(number))
            await trio.sleep(200)
    assert heard == ["0", "1", "2", "3", "4"]


async def test_several_receivers(autojump_clock: MockClock, make: Make) -> None:
    """Each message goes to one of them, and all are woken at the end."""
    transition: list[str | bytes] = []

    async def take(channel: ReconnectingWebSocket) -> None:
        transition.extend([message async for message in channel])

    world = make(telling("a", "b", then=ending()), telling("c", then=closing(1000)))
    async with channel_in(world) as channel, trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(take, channel)
    assert sorted(map(str, transition)) == ["a", "b", "c"]


# Sending


async def test_sending_waits(autojump_clock: MockClock, make: Make) -> None:
    """Without a connection a message waits in `send`, and moves on to the next one."""
    heard = Heard()
    world = make(REFUSED, REFUSED, heard.then(1, closing(1000)))
    async with channel_in(world) as channel:
        await channel.send("a")
        assert trio.current_time() == 5.5
    assert heard == ["a"]


async def test_sending_in_order(autojump_clock: MockClock, make: Make) -> None:
    """Messages of several tasks that wait go out in the order of their calls."""
    heard = Heard()
    messages = [f"{number}" for number in range(20)]  # of three, chance might keep the order
    world = make(REFUSED, heard.then(len(messages), closing(1000)))
    async with channel_in(world) as channel, trio.open_nursery() as nursery:
        for message in messages:
            nursery.start_soon(channel.send, message)
            await trio.testing.wait_all_tasks_blocked()
    assert heard == messages


async def test_sending_while_it_closes(
    autojump_clock: MockClock, nursery: trio.Nursery, make: Make
) -> None:
    """What can never go out any more is refused, and not put into the buffer."""
    options = {"buffer": SendBuffer(), "timeouts": Timeouts(close=2)}
    async with channel_in(make(silence), **options) as channel:
        await channel.supervisor.wait_for(SupervisorState.OPEN)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(channel.close)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.ClosedResourceError):
            await channel.send("too late")


async def test_sending_fails(autojump_clock: MockClock, make: Make) -> None:
    """If it is asked for, `send` fails at once while there is no connection."""
    world = make(REFUSED, listen)
    async with channel_in(world, when_down="fail") as channel:
        with pytest.raises(NotConnected, match=r"no connection: supervisor-.*: (idle|connecting)"):
            await channel.send("a")
        await channel.supervisor.wait_for(SupervisorState.WAITING)
        with pytest.raises(NotConnected, match=r"attempt 2 in 2\.5 s"):
            await channel.send("a")
        await channel.supervisor.wait_for(SupervisorState.OPEN)
        await trio.testing.wait_all_tasks_blocked()
        await channel.send("b")


async def test_sending_into_the_buffer(autojump_clock: MockClock, make: Make) -> None:
    """With a buffer `send` returns at once; what waits goes out first, in order."""
    heard = Heard()
    world = make(REFUSED, heard.then(3, closing(1000)))
    async with channel_in(world, buffer=SendBuffer(max_messages=2)) as channel:
        await channel.send("a")
        await channel.send("b")
        assert trio.current_time() == 0
        statistics = channel.statistics()
        assert (statistics.waiting, statistics.waiting_bytes) == (2, 130)
        await channel.send("c")
        assert trio.current_time() == 2.5
    assert heard == ["a", "b", "c"]


async def test_a_full_buffer(autojump_clock: MockClock, make: Make) -> None:
    """A buffer that is full makes `send` fail, if that was asked for."""
    world = make(REFUSED, listen)
    async with channel_in(world, buffer=SendBuffer(max_messages=1), when_down="fail") as channel:
        await channel.send("a")
        with pytest.raises(NotConnected):
            await channel.send("b")


async def test_messages_expire(autojump_clock: MockClock, make: Make) -> None:
    """A message that has waited too long is dropped, and counted."""
    heard = Heard()
    world = make(REFUSED, heard.then(1, closing(1000)))
    async with channel_in(world, buffer=SendBuffer(max_age=2)) as channel:
        await channel.send("old")
        await trio.sleep(1)
        await channel.send("new")
        assert [message async for message in channel] == []
        assert channel.statistics().expired == 1
    assert heard == ["new"]


async def test_room_by_expiry(autojump_clock: MockClock, make: Make) -> None:
    """A `send` that waits for room goes on when the oldest message expires (hazard F2.9)."""
    async with channel_in(make(REFUSED), buffer=SendBuffer(max_messages=2, max_age=2)) as channel:
        await channel.send("a")
        await trio.sleep(0.5)
        await channel.send("b")
        await channel.send("c")
        assert trio.current_time() == 2
        await channel.send("d")
        assert trio.current_time() == 2.5
        assert (channel.statistics().expired, channel.statistics().waiting) == (2, 2)


async def test_at_most_once(autojump_clock: MockClock, make: Make) -> None:
    """What was handed over is in doubt and not sent again; what was not goes out next time."""
    heard = Heard()

    async def hear_one_and_vanish(peer: RawPeer) -> None:
        heard.append((await peer.expect_frame(1)).payload.decode())
        await trio.sleep(1)

    world = make(hear_one_and_vanish, heard.then(1, closing(1000)))
    async with channel_in(world) as channel:
        await channel.send("a")
        await trio.sleep(0.5)
        await channel.send("b")
        await trio.sleep(0.1)
        await trio.sleep(1)
        await channel.send("c")
        assert [message async for message in channel] == []
        assert channel.statistics().in_doubt == 3
    assert heard == ["a", "c"]


async def test_never_handed_over(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    """Messages that the connection had queued and not begun to write are sent again, in order."""
    heard = Heard()

    world = Stuck(nursery, ending(after=5), heard.then(2, closing(1000)))
    async with channel_in(world, limits=Limits(send_buffer=100_000)) as channel:
        big = "x" * 70_000
        await channel.send(big)
        await trio.sleep(1)
        await channel.send("b")
        await channel.send("c")
        assert [message async for message in channel] == []
        assert channel.statistics().in_doubt == 1 + len(heard)
    assert heard == ["b", "c"]


async def test_never_handed_over_twice(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    """What goes out on the next connection cannot go out on the old one, even if that wakes up."""
    heard = Heard()

    async def half_closed(peer: RawPeer) -> None:
        await trio.sleep(5)
        await peer.send_eof()
        await trio.sleep(0.1)
        while True:
            heard.append((await peer.expect_frame(1)).payload.decode())

    world = Stuck(nursery, half_closed, heard.then(2, closing(1000)))
    async with channel_in(world) as channel:
        for message in "abc":
            await channel.send(message)
            await trio.sleep(1)
        assert [message async for message in channel] == []
    assert heard == ["a", "b", "c"]


async def test_sending_on_a_connection_that_has_just_ended(
    autojump_clock: MockClock, make: Make
) -> None:
    """As long as its TCP lingers there is no other connection, and `send` knows it."""

    async def linger(peer: RawPeer) -> None:
        await peer.send_close(1001)
        await peer.expect_frame(8)
        await trio.sleep(5)

    async with channel_in(make(linger, listen), when_down="fail") as channel:
        await trio.sleep(1)
        with pytest.raises(NotConnected):
            await channel.send("a")
        assert trio.current_time() == 1


async def test_waiting_for_room(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    """A `send` that waits for room on a connection that is lost moves on to the next one."""
    heard = Heard()
    world = Stuck(nursery, ending(after=5), heard.then(2, closing(1000)))
    async with channel_in(world, limits=Limits(send_buffer=100)) as channel:
        for message in ("a", "b" * 50, "c" * 50):
            await channel.send(message)
            await trio.sleep(1)
        assert trio.current_time() == 5 + 2.5 + 1
        assert [message async for message in channel] == []
    assert heard == ["b" * 50, "c" * 50]


async def test_nothing_overtakes_what_waited(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    """While what waited for a connection goes out, slowly, a new message stays behind (F7.15)."""
    heard = Heard()
    messages = [letter * 60 for letter in "abcde"] + ["f", "g" * 60]

    async def read_late(peer: RawPeer) -> object:
        await trio.sleep(5)
        return await heard.then(len(messages), listen)(peer)

    world = Stuck(nursery, read_late)
    world.seconds_to_connect = 1
    limits = Limits(send_buffer=140)
    async with channel_in(world, limits=limits, buffer=SendBuffer()) as channel:
        for message in messages[:5]:
            await channel.send(message)
        await trio.sleep(3)
        assert channel.supervisor.state is SupervisorState.OPEN
        for message in messages[5:]:
            nursery.start_soon(channel.send, message)
            await trio.testing.wait_all_tasks_blocked()
        await trio.sleep(5)
    assert heard == messages


async def test_a_proof_of_arrival(autojump_clock: MockClock, make: Make) -> None:
    """What came before a ping that was answered is not in doubt."""
    connections: list[WebSocket] = []

    async def on_connect(ws: WebSocket) -> None:
        connections.append(ws)

    async def play(peer: RawPeer) -> None:
        await peer.expect_frame(1)
        ping = await peer.expect_frame(9)
        await peer.send_frame(10, ping.payload)
        await peer.expect_frame(1)

    world = make(play, closing(1000))
    async with channel_in(world, on_connect=on_connect) as channel:
        await channel.send("a")
        await trio.sleep(0.1)
        await connections[0].ping()
        await channel.send("b")
        assert [message async for message in channel] == []
        assert channel.statistics().in_doubt == 1


@pytest.mark.parametrize(
    ("message", "error"),
    [(["a"], TypeError), (7, TypeError), ("\ud800", LocalProtocolError)],
)
async def test_what_cannot_be_sent(make: Make, message: Any, error: type[Exception]) -> None:
    """What is no whole message is refused, also while it would only wait."""
    async with channel_in(make(REFUSED), buffer=SendBuffer()) as channel:
        with pytest.raises(error):
            await channel.send(message)


async def test_bytes(autojump_clock: MockClock, make: Make) -> None:
    """Bytes-like messages are binary."""
    frames = []

    async def play(peer: RawPeer) -> None:
        frames.append(await peer.expect_frame(2))
        await closing(1000)(peer)

    async with channel_in(make(play)) as channel:
        await channel.send(bytearray(b"a"))
        assert [message async for message in channel] == []
    assert [frame.payload for frame in frames] == [b"a"]


# Connecting


async def test_on_connect_comes_first(autojump_clock: MockClock, make: Make) -> None:
    """What `on_connect` sends goes out before anything that waits, on each connection."""
    heard = Heard()

    async def subscribe(ws: WebSocket) -> None:
        await ws.send("subscribe")
        assert await ws.receive() == "welcome"

    async def greet(peer: RawPeer) -> None:
        heard.append((await peer.expect_frame(1)).payload.decode())
        await peer.send_text("welcome")

    def greeting(play: Play) -> Play:
        async def play_on(peer: RawPeer) -> object:
            await greet(peer)
            return await play(peer)

        return play_on

    world = make(greeting(heard.then(1, ending())), greeting(heard.then(1, closing(1000))))
    async with channel_in(world, on_connect=subscribe) as channel:
        await channel.send("a")
        await trio.sleep(1)
        await channel.send("b")
        assert [message async for message in channel] == []
    assert heard == ["subscribe", "a", "subscribe", "b"]


async def test_the_end_during_on_connect(autojump_clock: MockClock, make: Make) -> None:
    """A connection that ends meanwhile is no failure of `on_connect`."""

    async def subscribe(ws: WebSocket) -> None:
        await ws.receive()

    world = make(closing(1001), closing(1000))
    async with channel_in(world, on_connect=subscribe) as channel:
        assert [message async for message in channel] == []
    assert world.attempts == [0, 2.5]


async def test_on_connect_fails(autojump_clock: MockClock, make: Make) -> None:
    """What it raises leaves the block, bare, and cancels it."""

    async def subscribe(ws: WebSocket) -> None:
        raise KeyError

    world = make(listen)
    with pytest.raises(KeyError):
        async with channel_in(world, on_connect=subscribe):
            await trio.sleep_forever()
    await trio.testing.wait_all_tasks_blocked()
    assert world.farewells == [1011]


async def test_on_connect_hangs(autojump_clock: MockClock, make: Make) -> None:
    """After `Timeouts.connect` the next connection is tried, and the channel goes on."""
    calls: list[float] = []

    async def subscribe(ws: WebSocket) -> None:
        calls.append(trio.current_time())
        if len(calls) == 1:
            await ws.receive()

    heard = Heard()
    world = make(listen, heard.then(1, closing(1000)))
    async with channel_in(world, on_connect=subscribe, timeouts=Timeouts(connect=20)) as channel:
        await channel.send("a")
        assert [message async for message in channel] == []
        failure = channel.supervisor.statistics().last_failure
    assert calls == [0, 22.5]
    assert heard == ["a"]
    assert world.farewells == [1001]
    assert isinstance(failure, ConnectionClosed)


# The end


async def test_fatal(autojump_clock: MockClock, nursery: trio.Nursery, make: Make) -> None:
    """A fatal failure raises from `send` and `receive`, and cancels and leaves the block."""
    seen: list[Exception] = []

    async def use(method: Callable[[], Any]) -> None:
        try:
            await method()
        except Rejected as error:
            seen.append(error)

    with pytest.raises(Rejected) as caught:
        async with channel_in(make(REFUSED, rejection(404))) as channel:
            nursery.start_soon(use, channel.receive)
            nursery.start_soon(use, channel.__anext__)
            nursery.start_soon(use, partial(channel.send, "x"))
            await trio.sleep_forever()
    await trio.testing.wait_all_tasks_blocked()
    assert seen == [caught.value] * 3


async def test_a_fatal_close(autojump_clock: MockClock, make: Make) -> None:
    """So does a close that is fatal; an iteration does not take it for an end."""
    went_on = False
    with pytest.raises(ConnectionClosed, match="1008"):
        async with channel_in(make(closing(1008))) as channel:
            async for _ in channel:
                pass
            went_on = True
    assert not went_on


async def test_giving_up(autojump_clock: MockClock, make: Make) -> None:
    """The options of a supervisor hold."""
    with pytest.raises(SupervisorGaveUp):
        async with channel_in(make(REFUSED), backoff=Backoff(max_attempts=2)) as channel:
            await channel.receive()


async def test_leaving_normally(autojump_clock: MockClock, make: Make) -> None:
    """Leaving the block sends what was accepted, says 1000, and is over."""
    heard = Heard()
    world = make(heard.then(1, listen))
    async with channel_in(world) as channel:
        await channel.send("a")
    assert (heard, world.farewells) == (["a"], [1000])
    assert channel.supervisor.state is SupervisorState.CLOSED
    assert channel.statistics().in_doubt == 0
    with pytest.raises(trio.ClosedResourceError):
        await channel.send("b")
    assert [message async for message in channel] == []


async def test_leaving_with_an_exception(autojump_clock: MockClock, make: Make) -> None:
    """Leaving with an exception says 1011."""
    world = make(listen)
    with pytest.raises(KeyError):
        async with channel_in(world) as channel:
            await channel.send("a")
            raise KeyError
    assert world.farewells == [1011]


async def test_leaving_by_cancellation(autojump_clock: MockClock, make: Make) -> None:
    """A cancellation says 1001."""
    world = make(listen)
    with trio.move_on_after(3) as scope:
        async with channel_in(world) as channel:
            await channel.receive()
    assert scope.cancelled_caught
    await trio.testing.wait_all_tasks_blocked()
    assert world.farewells == [1001]
    with pytest.raises(trio.ClosedResourceError):
        await channel.receive()


async def test_leaving_while_down(autojump_clock: MockClock, make: Make) -> None:
    """Without a connection there is nothing to wait for."""
    async with channel_in(make(REFUSED), buffer=SendBuffer()) as channel:
        await channel.send("never sent")
        await trio.sleep(1)
    assert trio.current_time() == 1


async def test_closing(autojump_clock: MockClock, make: Make) -> None:
    """`close` ends the iteration quietly, also when the peer does not answer; `send` is told."""
    for play, seconds in ((listen, 0), (silence, 10)):
        world = make(play)
        began = trio.current_time()
        async with channel_in(world) as channel, trio.open_nursery() as nursery:
            await channel.send("a")
            nursery.start_soon(channel.close, 4000, "enough")
            assert [message async for message in channel] == []
        assert trio.current_time() - began == seconds


async def test_a_connection_that_is_lost_while_it_is_closed(
    autojump_clock: MockClock, make: Make
) -> None:
    """Then there is no other one."""

    async def play(peer: RawPeer) -> None:
        await peer.expect_frame(1)
        await peer.expect_frame(8)

    world = make(play)
    async with channel_in(world) as channel:
        await channel.send("a")
        await channel.close()
    assert world.attempts == [0]


async def test_closing_just_after_a_loss(autojump_clock: MockClock, make: Make) -> None:
    """Whoever closes in the same moment as the connection is lost gets no other one."""
    connections: list[WebSocket] = []

    async def on_connect(ws: WebSocket) -> None:
        connections.append(ws)

    for _ in range(20):
        world = make(ending(after=1), listen)
        async with channel_in(world, on_connect=on_connect) as channel:
            await trio.sleep(0.5)
            await connections[-1]._connection.core.over.wait()
            await channel.close()
        assert len(world.attempts) == 1


async def test_a_cancelled_close(autojump_clock: MockClock, make: Make) -> None:
    """It is over within `Timeouts.goodbye`."""
    async with channel_in(make(silence), timeouts=Timeouts(goodbye=0.5)) as channel:
        await channel.send("a")
        with trio.move_on_after(1):
            await channel.close()
    assert trio.current_time() == 1.5


async def test_a_close_that_cannot_be_sent(autojump_clock: MockClock, make: Make) -> None:
    """A code that may not be sent closes nothing."""
    async with channel_in(make(listen)) as channel:
        with pytest.raises(LocalProtocolError):
            await channel.close(1006)
        await channel.send("a")


async def test_statistics(autojump_clock: MockClock, make: Make) -> None:
    """Connections, messages and downtime are counted."""
    world = make(REFUSED, telling("a", "b", then=ending(after=1)), closing(1000))
    async with channel_in(world) as channel:
        assert [message async for message in channel] == ["a", "b"]
        statistics = channel.statistics()
    assert (statistics.connections, statistics.downtime) == (2, 5.5)
    assert (statistics.messages_received, statistics.messages_sent) == (2, 0)


async def test_repr(autojump_clock: MockClock, make: Make) -> None:
    """It tells the state, and how many messages wait."""
    async with channel_in(make(REFUSED), buffer=SendBuffer()) as channel:
        assert repr(channel).endswith(": idle>")
        await channel.send("a")
        await trio.sleep(1)
        assert ": waiting, attempt 2 in 2.5 s; ws://***@example.com/feed?***" in repr(channel)
        assert repr(channel).endswith("; messages waiting: 1>")


@pytest.mark.parametrize(
    ("steps", "after", "word"),
    [
        ([listen], 1, "the channel was closed"),
        ([REFUSED], 1, "cancelled: the channel was closed"),
        ([closing(1000)], 1, "the peer closed with 1000"),
    ],
)
async def test_the_word_for_the_end(
    autojump_clock: MockClock, make: Make, steps: list[Step], after: float, word: str
) -> None:
    """A channel has no session: the log says that the channel was closed, or by whom."""
    async with channel_in(make(*steps)) as channel:
        await trio.sleep(after)
    assert channel.supervisor.transition.detail == word


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"when_down": "panic"}, ValueError),
        ({"buffer": 1000}, TypeError),
        ({"on_connect": "subscribe"}, TypeError),
        ({"hartbeat": None}, TypeError),
        ({"endpoint": "http://a/"}, InvalidURL),
    ],
)
def test_nonsense(wrong: dict[str, Any], error: type[Exception]) -> None:
    """It is refused by the call, before there is a block."""
    with pytest.raises(error, match=next(iter(wrong.keys() - {"endpoint"}), "http")):
        open_reconnecting_websocket(**{"endpoint": URL, **wrong})


# Leaving at any point (hazard B6)


@pytest.mark.parametrize("points", [100, pytest.param(1000, marks=pytest.mark.slow)])
async def test_leaving_at_any_point(autojump_clock: MockClock, make: Make, points: int) -> None:
    """Return, raise, break or cancel at random points: closed within 1 s, no task left."""
    with watch_for_suspension().kept_going():  # its task outlives the last connection
        for seed in range(points):
            await leave_at(make, random.Random(seed))


async def leave_at(make: Make, rng: random.Random) -> None:
    plays: list[Step] = [
        REFUSED,
        closing(1011, after=rng.random()),
        telling("a", "b", then=closing(1001, after=rng.random())),
        telling("a", then=ending(after=rng.random())),
        silence,
    ]
    world = make(*rng.sample(plays, 5))
    how = rng.choice(["return", "raise", "break", "cancel"])
    when = trio.current_time() + rng.uniform(0, 20)
    tasks = trio.lowlevel.current_statistics().tasks_living
    bound = when if how == "cancel" else trio.current_time() + 200
    timeouts, left = Timeouts(close=0.9), when
    with trio.CancelScope(deadline=bound) as scope:  # noqa: ASYNC912
        try:
            async with channel_in(world, jitter=rng.random, timeouts=timeouts) as channel:
                if how == "cancel":
                    await channel.send("x")
                    await trio.sleep_forever()
                with trio.move_on_at(when):
                    async for _ in channel:
                        if how == "break":
                            break
                left = trio.current_time()
                if how == "raise":
                    [].pop()
        except IndexError:
            assert how == "raise"
    ended = trio.current_time()
    assert ended - left <= 1
    assert scope.cancelled_caught == (how == "cancel")
    await trio.testing.wait_all_tasks_blocked()
    await trio.sleep(1)
    assert trio.lowlevel.current_statistics().tasks_living == tasks


# What waits, when a connection is back (hazard F7.15)

BIG = "x" * 70_000


def deaf(heard: list[str], seconds: float) -> Play:
    """A server that reads nothing for a while, and then hears the first letter of each message."""

    async def play(peer: RawPeer) -> None:
        await trio.sleep(seconds)
        while True:
            heard.append((await peer.expect_frame(1)).payload[:1].decode())

    return play


class Narrow(World):
    """Its streams take one message at a time, when it is read."""

    def streams(self) -> Pair:
        return trio.testing.lockstep_stream_pair()


async def test_what_is_late_comes_behind_the_buffer(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    """What is sent while the buffer goes out on a slow connection comes behind it."""
    heard: list[str] = []
    world = Narrow(nursery, REFUSED, deaf(heard, 10))
    options: Any = {"buffer": SendBuffer(), "limits": Limits(send_buffer=100)}
    async with channel_in(world, **options) as channel:
        for name in "abcd":
            await channel.send(name + BIG)
        await trio.sleep(5)  # the connection has come at 2.5, and takes "a" only
        await channel.send("late")
        await trio.sleep(10)
        assert heard == ["a", "b", "c", "d", "l"]
        nursery.cancel_scope.cancel()


async def test_room_while_the_buffer_goes_out(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    """A `send` that waits for room goes on with the first message that leaves the buffer."""
    world = Narrow(nursery, REFUSED, deaf([], 10))
    options: Any = {"buffer": SendBuffer(max_messages=3), "limits": Limits(send_buffer=100)}
    async with channel_in(world, **options) as channel:
        for name in "abc":
            await channel.send(name + BIG)
        await channel.send("d")
        assert trio.current_time() == 2.5
        nursery.cancel_scope.cancel()


# Doubts (hazard F2.10)


def answering(heard: list[str], *, pongs: bool = True, for_: float = 60.0) -> Play:
    """A server that says something every second, answers pings perhaps, and vanishes."""

    async def chatter(peer: RawPeer) -> None:
        while True:
            await peer.send_text("tick")
            await trio.sleep(1)

    async def listen_on(peer: RawPeer) -> None:
        while True:
            frame = await peer.receive_frame()
            if frame.opcode == PING and pongs:
                await peer.send_frame(PONG, frame.payload)
            elif frame.opcode == 1:
                heard.append(frame.payload.decode())

    async def play(peer: RawPeer) -> None:
        with trio.move_on_after(for_):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(chatter, peer)
                nursery.start_soon(listen_on, peer)

    return play


async def talk(channel: ReconnectingWebSocket, seconds: float) -> None:
    """Send a message each second, and take what comes."""
    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(channel.supervisor.wait_for, SupervisorState.WAITING)
            nursery.start_soon(drink, channel)
            while True:
                await channel.send("x")
                await trio.sleep(1)


async def drink(channel: ReconnectingWebSocket) -> None:
    """Take what comes."""
    async for _ in channel:
        pass


@pytest.mark.parametrize(
    ("heartbeat", "pongs", "most"),
    [(Heartbeat(), True, 6), (None, True, 60), (Heartbeat(), False, 60)],
)
async def test_doubts_are_dispelled(
    autojump_clock: MockClock, make: Make, heartbeat: Heartbeat | None, pongs: bool, most: int
) -> None:
    """On a busy connection a ping now and then proves what has arrived, if it is answered."""
    heard: list[str] = []
    world = make(answering(heard, pongs=pongs, for_=59.5), silence)
    async with channel_in(world, heartbeat=heartbeat) as channel:
        await talk(channel, 60)
        in_doubt = channel.statistics().in_doubt
        assert in_doubt <= most
        assert in_doubt >= (1 if pongs and heartbeat else 50)
    assert len(heard) >= 59


async def test_no_doubt_no_ping(
    autojump_clock: MockClock, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A channel that sends nothing asks nothing; one that has sent something asks once."""
    pings: list[float] = []

    async def play(peer: RawPeer) -> object:
        while True:
            frame = await peer.receive_frame()
            if frame.opcode == PING:
                pings.append(trio.current_time())
                await peer.send_frame(PONG, frame.payload)

    # The heartbeat's first ping comes at a random point of its interval; here, at the end.
    monkeypatch.setattr(random, "random", lambda: 0.999)
    heartbeat = Heartbeat(interval=1000, timeout=1000)
    async with channel_in(make(play), heartbeat=heartbeat) as channel:
        await trio.sleep(100)
        assert pings == []
        await channel.send("x")
        await trio.sleep(100)
        assert pings == [100 + DOUBT_INTERVAL]
        await channel.send("y")
        await trio.sleep(100)
        assert pings[1:] == [200 + DOUBT_INTERVAL]


async def test_whose_end(autojump_clock: MockClock, make: Make) -> None:
    """What the channel raises because it has ended is known from what others raise."""
    async with channel_in(make(closing(1000))) as channel:
        assert not channel.is_end(ConnectionClosed(Ending()))
        with pytest.raises(ConnectionClosed) as caught:
            await channel.receive()
        assert channel.is_end(caught.value)
        assert not channel.is_end(ConnectionClosed(Ending()))
        assert not channel.is_end(KeyError())


# A channel like others


async def test_a_message_channel(autojump_clock: MockClock, make: Make) -> None:
    """It can be used wherever a message channel is asked for."""
    world = make(telling("a", then=listen))

    async def use(channel: MessageChannel) -> None:
        assert await channel.receive() == "a"
        await channel.send("b")
        assert channel.ending is None
        await channel.aclose()
        assert channel.ending is not None

    async with channel_in(world) as channel:
        assert isinstance(channel, MessageChannel)
        await use(channel)
        ending = channel.ending
        assert ending is not None
        assert (ending.sent, ending.clean) == (Close(1000), True)


@pytest.mark.parametrize("play", [closing(1000), closing(1008)])
async def test_the_ending_is_that_of_the_last_connection(
    autojump_clock: MockClock, make: Make, play: Play
) -> None:
    """It tells who closed it, and with which code."""
    kept: list[ReconnectingWebSocket] = []
    with suppress(ConnectionClosed):
        async with channel_in(make(ending(after=1), play)) as channel:
            kept.append(channel)
            async for _ in channel:
                pass
    assert kept[0].ending is not None
    assert kept[0].ending.received is not None
    assert kept[0].ending.code in (1000, 1008)


async def test_an_ending_without_a_connection(autojump_clock: MockClock, make: Make) -> None:
    """A channel that never had a connection says so."""
    async with channel_in(make(REFUSED)) as channel:
        await channel.close()
        assert channel.ending is not None
        assert not channel.ending.clean
        assert "ended without a connection" in str(channel.ending)


async def test_a_wrapper_around_the_channel(autojump_clock: MockClock, make: Make) -> None:
    """What a wrapper does to messages is done across connections, if it wraps the channel."""

    async def repeat_in_capitals(peer: RawPeer) -> None:
        if (frame := await peer.receive_frame()).opcode == TEXT:
            await peer.send_text(frame.payload.decode().upper())

    async with channel_in(make(repeat_in_capitals)) as channel:
        wrapper = Shouting(channel)
        for number in range(3):
            await wrapper.send(f"message {number}")
            assert await wrapper.receive() == f"MESSAGE {number}!"
            await trio.sleep(60)  # the next connection is there
        assert channel.statistics().connections == 4


class Shouting:
    """A wrapper around any message channel."""

    def __init__(self, channel: MessageChannel) -> None:
        self.channel = channel

    async def send(self, message: str) -> None:
        await self.channel.send(f"{message}!")

    async def receive(self) -> str:
        return str(await self.channel.receive())


async def test_a_wrapper_without_receipts(autojump_clock: MockClock, make: Make) -> None:
    """What ``connect`` opens for a channel must be a connection, not a wrapper that hides it."""
    world = make(listen)

    @asynccontextmanager
    async def connect(url: str, **options: Any) -> AsyncGenerator[object]:
        async with world.connect(url, **options):
            yield object()

    with pytest.raises(TypeError, match=r"connect= opens .* must be a WebSocket, .* type object"):
        async with channel_in(world, connect=connect):
            await trio.sleep_forever()
