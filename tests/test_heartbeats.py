"""Heartbeats as a connection keeps them: to the exact second, in both roles, alone and together.

The arithmetic has tests of its own (`test_lease`); these are about what comes of it.
The first ping comes at the end of the first interval here, not at a random moment of it.
Times are exact: everything is a multiple of 1/8 s.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from trio_ws import (
    Close,
    ConnectionLost,
    Heartbeat,
    HeartbeatTimeout,
    Limits,
    Loss,
    MessageHeartbeat,
    MessageReply,
    Timeouts,
    Watchdog,
    WebSocket,
)
from trio_ws._liveness.grace import GRACE
from trio_ws._policies import HeartbeatOption
from trio_ws.testing import RawPeer, open_websocket_pair
from trio_ws.testing._peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT

from .wires import Wire, both_roles, frames_of, goodbye_of, open_wired, settled

Clock = trio.testing.MockClock


@pytest.fixture(autouse=True)
def no_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """The random moment of the first ping is the last moment of the interval."""
    monkeypatch.setattr(random, "random", lambda: 1.0)


def is_reply(message: str | bytes) -> bool:
    return message == "reply"


def is_tick(message: str | bytes) -> bool:
    return message == "tick"


PINGS = Heartbeat(interval=8, timeout=4)
MESSAGES = MessageHeartbeat(message="ask", interval=8, timeout=4)
CHOSEN = MessageHeartbeat(message="ask", interval=8, timeout=4, is_reply=is_reply)
LISTENS = Watchdog(timeout=12)
TICKS = Watchdog(timeout=12, is_beat=is_tick)

KINDS = {"pings": PINGS, "messages": MESSAGES, "chosen": CHOSEN, "listens": LISTENS, "ticks": TICKS}
each_kind = pytest.mark.parametrize("kind", KINDS)


# A silent peer


@both_roles
@each_kind
async def test_silence(kind: str, client: bool, autojump_clock: Clock) -> None:
    """A peer that says nothing is lost after interval and timeout, whatever the kind."""
    with pytest.raises(HeartbeatTimeout) as caught:
        async with open_wired(client, heartbeat=KINDS[kind]) as (_, _, wire):
            await trio.sleep_forever()
    assert trio.current_time() == 12.5, "12 s, and the goodbye that nobody answers"
    assert caught.value.ending.loss is Loss.HEARTBEAT
    assert goodbye_of(wire.written) == (1011, "heartbeat timeout")
    sent = [(frame.opcode, len(frame.payload)) for frame in frames_of(wire.written)[:-1]]
    asked = {"pings": [(PING, 8)], "messages": [(TEXT, 3)], "chosen": [(TEXT, 3)]}
    assert sent == asked.get(kind, [])


@pytest.mark.parametrize(
    ("kind", "story"),
    [
        ("pings", "nothing heard for 12.0 s; a ping sent 4.0 s ago was not answered"),
        (
            "messages",
            "nothing heard for 12.0 s; a heartbeat message sent 4.0 s ago was not answered",
        ),
        ("chosen", "no reply for 12.0 s; a heartbeat message sent 4.0 s ago was not answered"),
        ("listens", "nothing heard for 12.0 s"),
        ("ticks", "no beat for 12.0 s"),
    ],
)
async def test_story(kind: str, story: str, autojump_clock: Clock) -> None:
    """The error tells how long the silence was, and what was waited for."""
    with pytest.raises(HeartbeatTimeout) as caught:
        async with open_wired(True, heartbeat=KINDS[kind]):
            await trio.sleep_forever()
    assert caught.value.ending.detail == story
    assert story in str(caught.value)


async def receive(ws: WebSocket) -> None:
    """Wait for a message."""
    await ws.receive()


async def iterate(ws: WebSocket) -> None:
    """Wait for messages."""
    async for _ in ws:
        pass


async def stream(ws: WebSocket) -> None:
    """Wait for a message in chunks."""
    async with ws.receive_stream() as chunks:
        async for _ in chunks:
            pass


async def send(ws: WebSocket) -> None:
    """Send until there is no room, and wait for it."""
    while True:
        await ws.send(bytes(10_000))


async def flush(ws: WebSocket) -> None:
    """Wait until all is handed over."""
    await ws.send("stuck")
    await ws.flush()


async def ping(ws: WebSocket) -> None:
    """Wait for a pong."""
    await ws.ping()


async def wait_closed(ws: WebSocket) -> None:
    """Wait for the end."""
    await ws.wait_closed()
    await trio.sleep_forever()


async def sleep(ws: WebSocket) -> None:
    """Wait for nothing that has to do with the connection."""
    await trio.sleep_forever()


async def work(ws: WebSocket) -> None:
    """Wait in a task of a nursery."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive, ws)
        nursery.start_soon(trio.sleep_forever)


PLACES = [receive, iterate, stream, send, flush, ping, wait_closed, sleep, work]


@both_roles
@pytest.mark.parametrize("wait", PLACES, ids=[place.__name__ for place in PLACES])
async def test_body_is_cancelled(
    wait: Callable[[WebSocket], Awaitable[None]], client: bool, autojump_clock: Clock
) -> None:
    """The body is cancelled wherever it waits, and exactly one `HeartbeatTimeout` leaves."""
    left_at = None
    with pytest.raises(HeartbeatTimeout) as caught:
        async with open_wired(client, heartbeat=PINGS) as (ws, _, wire):
            if wait in (send, flush):
                wire.stop_taking()
            try:
                await wait(ws)
            finally:
                left_at = trio.current_time()
    assert left_at == 12
    assert trio.current_time() <= 12.5
    assert caught.value.ending is ws.ending


@both_roles
async def test_interval_and_timeout_are_kept(client: bool, autojump_clock: Clock) -> None:
    """Each ping comes an interval after the last byte, whichever of the two is longer."""
    for interval, timeout in [(8, 4), (4, 4), (4, 16), (1, 64)]:
        began = trio.current_time()
        policy = Heartbeat(interval=interval, timeout=timeout)
        with pytest.raises(HeartbeatTimeout):
            async with open_wired(client, heartbeat=policy) as (_, peer, _):
                for beat in range(1, 6):
                    frame = await peer.expect_frame(PING)
                    assert trio.current_time() - began == beat * (interval + 0.25) - 0.25
                    await trio.sleep(0.25)
                    await peer.send_frame(PONG, frame.payload)
                await peer.expect_frame(PING)
                last = trio.current_time()
                try:
                    await trio.sleep_forever()
                finally:
                    assert trio.current_time() == last + timeout


# Kinds together


@both_roles
async def test_together(client: bool, autojump_clock: Clock) -> None:
    """Kinds together keep their own time; whichever misses its sign first ends the connection."""
    alive = False
    with pytest.raises(HeartbeatTimeout, match="no beat for 12"):
        async with open_wired(client, heartbeat=[PINGS, CHOSEN, TICKS]) as (_, peer, _):
            seen: list[tuple[float, int]] = []
            with trio.move_on_after(11):
                while True:
                    frame = await peer.receive_frame()
                    seen.append((trio.current_time(), frame.opcode))
                    if frame.opcode == PING:
                        await peer.send_frame(PONG, frame.payload)
                    elif frame.opcode == TEXT:
                        await peer.send_text("reply")
            assert seen == [(8, PING), (8, TEXT)]
            alive = True
            try:
                await trio.sleep_forever()
            finally:
                assert trio.current_time() == 12
    assert alive


@both_roles
async def test_together_and_well(client: bool, autojump_clock: Clock) -> None:
    """A peer that gives every policy its sign lives on, and the application sees data only."""
    reply = MessageReply(is_ping=lambda message: message == "are you there?", reply="yes")
    policies = [PINGS, CHOSEN, TICKS, reply]
    async with (
        open_wired(client, heartbeat=policies) as (ws, peer, _),
        trio.open_nursery() as nursery,
    ):

        async def live() -> None:
            while True:
                frame = await peer.receive_frame()
                if frame.opcode == PING:
                    await peer.send_frame(PONG, frame.payload)
                elif frame.payload == b"ask":
                    await peer.send_text("reply")
                    await peer.send_text("are you there?")
                    await peer.send_text("tick")
                else:
                    assert frame.payload == b"yes"

        nursery.start_soon(live)
        await trio.sleep(1000)
        assert ws.ending is None
        await peer.send_text("last")
        messages = []
        while (message := await ws.receive()) != "last":
            messages.append(message)
        assert len(messages) > 100
        assert set(messages) == {"tick"}, "a watchdog's beats are data too, unlike the others"
        nursery.cancel_scope.cancel()


# Both ends ours


@pytest.mark.parametrize(
    "heartbeat",
    [
        Heartbeat(interval=1, timeout=1),
        Heartbeat(interval=8, timeout=1),
        Heartbeat(interval=1, timeout=8),
        [Heartbeat(interval=2, timeout=1), Watchdog(timeout=4)],
    ],
    ids=["equal", "short timeout", "short interval", "with watchdog"],
)
@pytest.mark.parametrize("reader", ["client", "server"])
@pytest.mark.parametrize("stride", [13, pytest.param(3, marks=pytest.mark.slow)])
async def test_slow_reader(
    reader: str, heartbeat: HeartbeatOption, stride: int, autojump_clock: Clock
) -> None:
    """Whoever stops reading, at whatever moment, is not given up, and gives nobody up (B4)."""
    limits = Limits(receive_buffer=1000)
    for start in range(0, 64, stride):
        async with open_websocket_pair(heartbeat=heartbeat, limits=limits) as (client, server):
            slow, other = (client, server) if reader == "client" else (server, client)
            await trio.sleep(start / 8)
            await other.send(bytes(2000))
            await settled()
            assert slow.statistics().reading_paused
            await trio.sleep(100)
            assert slow.statistics().reading_paused
            assert slow.ending is other.ending is None
            assert len(await slow.receive()) == 2000
            await trio.sleep(100)
            assert slow.ending is other.ending is None
            assert slow.statistics().seconds_paused == 100


async def test_slow_but_steady_reader(autojump_clock: Clock) -> None:
    """An application that takes one message at a time pauses often and never long: signs go out."""
    limits = Limits(receive_buffer=1000)
    policy = Heartbeat(interval=8, timeout=4)
    async with open_wired(True, heartbeat=policy, limits=limits) as (ws, peer, wire):

        async def flood() -> None:
            for _ in range(45):
                await peer.send_text("x" * 600)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(flood)
            for _ in range(40):
                await trio.sleep(1)
                await ws.receive()
            signs = [frame for frame in frames_of(wire.written) if frame.opcode == PONG]
            assert 4 <= len(signs) <= 6
            assert {frame.payload for frame in signs} == {b""}
            for _ in range(5):
                await ws.receive()


async def test_signs_do_not_pile_up(autojump_clock: Clock) -> None:
    """A paused reader whose peer takes nothing either queues one pong, not one per interval."""
    limits = Limits(receive_buffer=1)
    often = Heartbeat(interval=1, timeout=100)
    async with open_wired(True, heartbeat=often, limits=limits) as (ws, peer, wire):
        wire.stop_taking()
        await ws.send("stuck")
        await peer.send_text("unread")
        await trio.sleep(90)
        assert ws.ending is None
        wire.take_again()
        await settled()
        assert [frame.opcode for frame in frames_of(wire.written)] == [TEXT, PONG]


@both_roles
async def test_dead_after_a_pause(client: bool, autojump_clock: Clock) -> None:
    """A peer that died while we did not read is found when we read again, and the story says so."""
    limits = Limits(receive_buffer=1)
    alive = False
    with pytest.raises(HeartbeatTimeout) as caught:
        async with open_wired(client, heartbeat=PINGS, limits=limits) as (ws, peer, _):
            await peer.send_text("unread")
            await trio.sleep(50)
            assert ws.statistics().silence == 50
            await ws.receive()
            await settled()
            assert ws.statistics().silence == 50
            alive = True
            try:
                await trio.sleep_forever()
            finally:
                assert trio.current_time() == 62
    assert alive
    assert caught.value.ending.detail.endswith("; we had not read for 50.0 s before")


# What cannot come in the middle of a message


@both_roles
@pytest.mark.parametrize("policy", [CHOSEN, TICKS], ids=["reply", "tick"])
@pytest.mark.parametrize("fragments", [True, False])
async def test_peer_that_is_busy_sending(
    fragments: bool, policy: MessageHeartbeat | Watchdog, client: bool, autojump_clock: Clock
) -> None:
    """A chosen message cannot come inside another: a peer that sends a long one is excused."""
    heard = 0.0
    with pytest.raises(HeartbeatTimeout):
        async with open_wired(client, heartbeat=policy) as (ws, peer, _):
            if fragments:
                await peer.send_frame(BINARY, b"x", fin=False)
            else:
                await peer.send_bytes(b"\x82" + (b"\x7e" if client else b"\xfe") + b"\x10\x00")
            for _ in range(60):
                await trio.sleep(1)
                if fragments:
                    await peer.send_frame(CONTINUATION, b"x", fin=False)
                else:
                    await peer.send_bytes(b"xxxx")
            assert ws.ending is None
            heard = trio.current_time()
            await trio.sleep_forever()
    assert heard == 60
    assert heard + 4 <= trio.current_time() <= heard + 12.5 + 8


async def test_question_behind_a_long_queue(autojump_clock: Clock) -> None:
    """The timeout of a question made of a message runs from when *it* was handed over."""
    limits = Limits(send_buffer=1_000_000)
    async with open_wired(True, Wire, heartbeat=CHOSEN, limits=limits) as (ws, peer, wire):
        wire.stop_taking()
        for _ in range(5):
            await ws.send(bytes(100_000))
        for _ in range(32):  # 16 KiB each: the question is behind all of them
            await trio.sleep(3)
            wire.take_piece()
        await settled()
        assert ws.ending is None
        wire.take_again()
        while (await peer.receive_frame()).opcode != TEXT:
            pass
        await trio.sleep(3)
        await peer.send_text("reply")
        await trio.sleep(5)
        assert ws.ending is None


# Progress, and none


@both_roles
async def test_closed_window(client: bool, autojump_clock: Clock) -> None:
    """A peer that takes nothing and says nothing is lost after interval and timeout (B3)."""
    with pytest.raises(HeartbeatTimeout, match="was not even taken"):
        async with open_wired(client, heartbeat=PINGS) as (ws, _, wire):
            wire.stop_taking()
            try:
                await send(ws)
            finally:
                assert trio.current_time() == 12
    assert trio.current_time() <= 12.5
    assert wire.closed


@both_roles
async def test_acknowledges_but_never_speaks(client: bool, autojump_clock: Clock) -> None:
    """A peer that takes everything but never speaks is lost, however much we send."""
    with pytest.raises(HeartbeatTimeout, match="was not answered"):
        async with open_wired(client, heartbeat=PINGS) as (ws, _, _):
            try:
                while True:
                    await ws.send(bytes(1000))
                    await trio.sleep(0.5)
            finally:
                assert trio.current_time() == 12


@both_roles
async def test_acknowledges_but_never_replies(client: bool, autojump_clock: Clock) -> None:
    """The same holds for a question made of a message, behind data without end."""
    with pytest.raises(HeartbeatTimeout, match="no reply for 12"):
        async with open_wired(client, heartbeat=CHOSEN) as (ws, _, _):
            try:
                while True:
                    await ws.send(bytes(1000))
                    await trio.sleep(0.5)
            finally:
                assert trio.current_time() == 12


# Functions of the user that fail


def fail(message: str | bytes = "") -> bool:
    raise ZeroDivisionError


def make_and_fail(message: str | bytes = "") -> str:
    raise ZeroDivisionError


FAILING = {
    "is_beat": Watchdog(timeout=12, is_beat=fail),
    "is_reply": MessageHeartbeat(message="ask", interval=8, timeout=4, is_reply=fail),
    "is_ping": MessageReply(is_ping=fail, reply="x"),
    "reply": MessageReply(is_ping=lambda message: True, reply=make_and_fail),
    "message": MessageHeartbeat(message=make_and_fail, interval=8, timeout=4),
}


@both_roles
@pytest.mark.parametrize("where", FAILING)
async def test_function_that_fails(where: str, client: bool, autojump_clock: Clock) -> None:
    """What a policy's function raises leaves the block, bare, and the peer is told 1011."""
    with pytest.raises(ZeroDivisionError):
        async with open_wired(client, heartbeat=FAILING[where]) as (ws, peer, wire):
            await peer.send_text("one")
            await peer.send_text("two")
            while True:
                await ws.receive()
    assert goodbye_of(wire.written) == (1011, "")
    assert trio.current_time() == (8.5 if where == "message" else 0.5)
    assert wire.closed


async def test_function_that_fails_is_not_swallowed(autojump_clock: Clock) -> None:
    """A body that catches the loss and ends in peace does not hide what the function raised."""
    with pytest.raises(ZeroDivisionError):
        async with open_wired(True, heartbeat=FAILING["is_beat"]) as (ws, peer, _):
            await peer.send_text("one")
            with pytest.raises(ConnectionLost):
                while True:
                    await ws.receive()


async def test_function_that_fails_and_a_body_that_fails(autojump_clock: Clock) -> None:
    """An exception of the body's own leaves, with the other in its story."""
    with pytest.raises(KeyError) as caught:
        async with open_wired(True, heartbeat=FAILING["is_beat"]) as (_, peer, _):
            await peer.send_text("one")
            await settled()
            raise KeyError
    lost = caught.value.__context__
    assert isinstance(lost, ConnectionLost)
    assert isinstance(lost.__cause__, ZeroDivisionError)


async def test_function_that_fails_in_the_writers_hands(autojump_clock: Clock) -> None:
    """A reply is made when there is room for it, and if that fails it is the end all the same."""
    policy = FAILING["reply"]
    with pytest.raises(ZeroDivisionError):
        async with open_wired(True, heartbeat=policy, limits=Limits(send_buffer=1)) as (
            ws,
            peer,
            wire,
        ):
            wire.stop_taking()
            await ws.send("first")
            await settled()
            await ws.send("second")
            await peer.send_text("ask")
            await settled()
            assert ws.ending is None
            wire.take_again()
            await trio.sleep_forever()


# Pongs that answer nothing


@both_roles
@pytest.mark.parametrize("pong", [b"", b"forged", b"x" * 125])
async def test_pongs_that_answer_nothing(pong: bytes, client: bool, autojump_clock: Clock) -> None:
    """Unsolicited, forged and doubled pongs are bytes, and so life, but tell no round trip."""
    async with open_wired(client, heartbeat=PINGS) as (ws, peer, _):
        for _ in range(20):
            await trio.sleep(4)
            await peer.send_frame(PONG, pong)
        assert ws.latency is None
        assert ws.ending is None
        frame = await peer.expect_frame(PING)
        assert trio.current_time() == 88
        await trio.sleep(0.25)
        for _ in range(3):
            await peer.send_frame(PONG, frame.payload)
            await settled()
            assert ws.latency == 0.25
        assert ws.statistics().smoothed_latency == 0.25


@both_roles
async def test_late_pong(client: bool, autojump_clock: Clock) -> None:
    """A pong that comes after the next ping was sent is too late to tell a round trip."""
    async with open_wired(client, heartbeat=PINGS) as (ws, peer, _):
        first = await peer.expect_frame(PING)
        await peer.send_text("alive")
        second = await peer.expect_frame(PING)
        assert trio.current_time() == 16
        await peer.send_frame(PONG, first.payload)
        await settled()
        assert ws.latency is None
        await trio.sleep(1)
        await peer.send_frame(PONG, second.payload)
        await settled()
        assert ws.latency == 1
        assert first.payload != second.payload


@both_roles
async def test_round_trips(client: bool, autojump_clock: Clock) -> None:
    """The statistics tell the last, the smoothed and the least round trip, and the silence."""
    async with open_wired(client, heartbeat=PINGS) as (ws, peer, _):
        smoothed = None
        for trip in (1.0, 0.5, 2.0):
            frame = await peer.expect_frame(PING)
            await trio.sleep(trip)
            assert ws.statistics().silence == 8 + trip
            await peer.send_frame(PONG, frame.payload)
            await settled()
            smoothed = trip if smoothed is None else smoothed + (trip - smoothed) / 8
            statistics = ws.statistics()
            assert ws.latency == statistics.latency == trip
            assert statistics.smoothed_latency == smoothed
            assert statistics.silence == 0
        assert ws.statistics().least_latency == 0.5


# Timeouts.send and Timeouts.idle


@both_roles
@pytest.mark.parametrize(
    ("heartbeat", "send_timeout", "lost_at", "loss"),
    [
        (None, 3, 3, Loss.SEND_TIMEOUT),
        (PINGS, 3, 3, Loss.SEND_TIMEOUT),
        (LISTENS, None, 12, Loss.HEARTBEAT),
        (PINGS, None, 12, Loss.HEARTBEAT),
        (PINGS, 100, 12, Loss.HEARTBEAT),
    ],
)
async def test_send_timeout(
    heartbeat: HeartbeatOption,
    send_timeout: float | None,
    lost_at: float,
    loss: Loss,
    client: bool,
    autojump_clock: Clock,
) -> None:
    """No byte taken and none heard for `Timeouts.send`: lost; a heartbeat may be sooner."""
    timeouts = Timeouts(send=send_timeout)
    with pytest.raises(ConnectionLost) as caught:
        async with open_wired(client, heartbeat=heartbeat, timeouts=timeouts) as (ws, _, wire):
            wire.stop_taking()
            try:
                await send(ws)
            finally:
                assert trio.current_time() == lost_at
    assert caught.value.ending.loss is loss


@both_roles
async def test_a_peer_that_is_heard_is_not_stuck(client: bool, autojump_clock: Clock) -> None:
    """As long as the peer is heard `Timeouts.send` lets it take its time."""
    alive = False
    with pytest.raises(ConnectionLost):
        async with open_wired(client, timeouts=Timeouts(send=3)) as (ws, peer, wire):
            wire.stop_taking()
            await ws.send("stuck")
            for _ in range(20):
                await trio.sleep(2)
                await peer.send_frame(PONG)
            alive = True
            try:
                await trio.sleep_forever()
            finally:
                assert trio.current_time() == 43
    assert alive


@both_roles
async def test_idle_beside_a_heartbeat(client: bool, autojump_clock: Clock) -> None:
    """Pings, pongs and hidden messages keep no idle connection: it is closed politely."""
    async with open_wired(client, heartbeat=[PINGS, CHOSEN], timeouts=Timeouts(idle=60)) as (
        ws,
        peer,
        _,
    ):
        while (frame := await peer.receive_frame()).opcode != CLOSE:
            if frame.opcode == PING:
                await peer.send_frame(PONG, frame.payload)
            else:
                await peer.send_text("reply")
        assert trio.current_time() == 60
        await peer.send_frame(CLOSE, frame.payload)
        await peer.send_eof()
        ending = await ws.wait_closed()
        assert ending.sent == Close(1001, "idle")
        assert ending.clean


# Our own stalls


async def stall(clock: Clock, seconds: float) -> None:
    """Nothing runs for so long; then everything that is due does."""
    clock.jump(seconds)
    await settled()


@both_roles
async def test_stalled_loop(client: bool, mock_clock: Clock) -> None:
    """A verdict that our own stall made late waits for a moment: the answer may be on its way."""
    alive = False
    with pytest.raises(HeartbeatTimeout, match=r"our own event loop had stalled for 6\.8 s"):
        async with open_wired(client, heartbeat=PINGS) as (ws, peer, _):
            for _ in range(80):
                await stall(mock_clock, 8)
                frame = await peer.expect_frame(PING)
                await stall(mock_clock, 10.75)
                assert ws.ending is None
                await peer.send_frame(PONG, frame.payload)
                await settled()
            await stall(mock_clock, 8)
            await stall(mock_clock, 10.75)
            assert ws.ending is None
            mock_clock.autojump_threshold = 0
            began = trio.current_time()
            alive = True
            try:
                await trio.sleep_forever()
            finally:
                assert trio.current_time() == pytest.approx(began + GRACE)
    assert alive


async def test_no_heartbeat_no_verdict(autojump_clock: Clock) -> None:
    """Without a heartbeat silence is no offence, for however long."""
    async with open_wired(True, heartbeat=None) as (ws, _, wire):
        await trio.sleep(86_400)
        assert ws.ending is None
        assert wire.written == b""


async def heard(peer: RawPeer) -> float:
    """When the next ping comes."""
    await peer.expect_frame(PING)
    return trio.current_time()


async def test_fleet(autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first ping comes where chance puts it in the interval, so a fleet is not in step."""
    moments = []
    for chance in (0.0, 0.25, 0.75):
        monkeypatch.setattr(random, "random", lambda chance=chance: chance)
        began = trio.current_time()
        async with open_wired(True, heartbeat=PINGS) as (_, peer, _):
            moments.append(await heard(peer) - began)
            await peer.send_close()
            await peer.send_eof()
    assert moments == [0, 2, 6]
