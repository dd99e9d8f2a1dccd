"""`trio_ws._supervision.loop`: what a supervisor does about each end, at exact times."""

from __future__ import annotations

import logging
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trio_ws import (
    ConnectionClosed,
    HandshakeError,
    HandshakeTimeout,
    Heartbeat,
    InvalidURL,
    ProtocolViolation,
    Reconnect,
    Rejected,
    Timeouts,
    TLSError,
    WebSocket,
)
from trio_ws._concurrency.suspension import SuspensionWatch, watch_for_suspension
from trio_ws._errors import SupervisorGaveUp
from trio_ws._supervision import retry_timer
from trio_ws._supervision.backoff import Backoff
from trio_ws._supervision.config import SessionPlan
from trio_ws._supervision.retry_rules import Failure, Remedy
from trio_ws._supervision.states import ENDED, TABLE, SupervisorState, Transition
from trio_ws._supervision.supervise import Supervisor, supervise
from trio_ws._supervision.throttle import Throttle
from trio_ws.testing import RawPeer

from ..secrecy import QUERY, USERINFO
from ..worlds import Play, Step, World, closing, ending, half, listen, rejection, silence, telling

S = SupervisorState
URL = f"ws://{USERINFO}example.com/feed{QUERY}"
SHOWN = "ws://***@example.com/feed?***"
REFUSED = HandshakeError("refused", transient=True)

Make = Callable[..., World]


@pytest.fixture
async def make(nursery: trio.Nursery) -> AsyncGenerator[Make]:
    """Make a world out of steps."""

    def made(*steps: Step) -> World:
        return World(nursery, *steps)

    yield made
    nursery.cancel_scope.cancel()


async def listening(ws: WebSocket) -> list[str | bytes]:
    """The session that everybody writes: iterate over the messages."""
    return [message async for message in ws]


async def waiting(ws: WebSocket) -> None:
    """A session that never looks at its connection."""
    await trio.sleep_forever()


async def run(
    world: World, session: Callable[[WebSocket], Any] = listening, url: Any = URL, **options: Any
) -> Any:
    options = {"connect": world.connect, "jitter": half, **options}
    return await supervise(session, url, **options)


class Log(list[tuple[float, SupervisorState]]):
    """An observer."""

    def __call__(self, transition: Transition) -> None:
        self.append((round(transition.at, 6), transition.state))

    @property
    def states(self) -> list[SupervisorState]:
        return [state for _, state in self]


# What the session does


async def test_the_session_returns(autojump_clock: MockClock, make: Make) -> None:
    """Its value is returned, and the connection is closed with 1000."""
    world = make(listen)

    async def session(ws: WebSocket) -> int:
        return 42

    log = Log()
    assert await run(world, session, on_transition=log) == 42
    assert world.farewells == [1000]
    assert log.states == [S.CONNECTING, S.OPEN, S.CLOSED]


async def test_the_session_raises(autojump_clock: MockClock, make: Make) -> None:
    """Its exception leaves bare, is never retried, and the connection is closed with 1011."""
    world = make(listen)
    mine = KeyError("a bug")

    async def session(ws: WebSocket) -> None:
        raise mine

    log = Log()
    with pytest.raises(KeyError) as caught:
        await run(world, session, on_transition=log)
    assert caught.value is mine
    assert world.farewells == [1011]
    assert world.attempts == [0]
    assert log.states == [S.CONNECTING, S.OPEN, S.FAILED]


async def test_a_session_that_is_not_async(autojump_clock: MockClock, make: Make) -> None:
    """What it returned cannot be awaited: the error says so, and the connection says 1011."""
    world = make(listen)
    with pytest.raises(TypeError, match="session must be an async function; this one returned"):
        await run(world, lambda ws: 42)
    await trio.testing.wait_all_tasks_blocked()
    assert world.farewells == [1011]


async def test_the_session_raises_an_error_of_a_handshake(
    autojump_clock: MockClock, make: Make
) -> None:
    """Also an error that would be retried, had it come from our own attempt."""
    world = make(listen)

    async def session(ws: WebSocket) -> None:
        raise REFUSED

    with pytest.raises(HandshakeError):
        await run(world, session)
    assert world.attempts == [0]


async def test_the_end_of_another_connection(autojump_clock: MockClock, make: Make) -> None:
    """Also the end of a connection that is not the supervised one."""
    world = make(listen, closing(1001))

    async def session(ws: WebSocket) -> None:
        async with world.connect(URL) as other:
            await other.receive()

    with pytest.raises(ConnectionClosed):
        await run(world, session)
    assert len(world.attempts) == 2


async def test_a_cancellation(autojump_clock: MockClock, make: Make) -> None:
    """A cancelled supervisor says 1001, and is closed."""
    world = make(listen)
    log = Log()
    with trio.move_on_after(3) as scope:
        await run(world, waiting, on_transition=log)
    assert scope.cancelled_caught
    await trio.testing.wait_all_tasks_blocked()
    assert world.farewells == [1001]
    assert log == [(0, S.CONNECTING), (0, S.OPEN), (3, S.CLOSED)]


@pytest.mark.parametrize(
    ("reason", "detail"), [("maintenance", "cancelled: maintenance"), (None, "cancelled")]
)
async def test_the_reason_of_a_cancellation(
    autojump_clock: MockClock, make: Make, reason: str | None, detail: str
) -> None:
    """The journal tells the reason that was given to the cancellation."""
    told: list[Transition] = []
    with trio.CancelScope() as scope:

        def observe(transition: Transition) -> None:
            told.append(transition)
            if transition.state is S.WAITING:
                scope.cancel(reason=reason)

        await run(make(REFUSED), on_transition=observe)
    assert told[-1].detail == detail


async def prepared(world: World, prepare: Callable[[WebSocket], Any], **options: Any) -> Any:
    """Run what a channel runs: `prepare`, and then a session."""
    options = {"connect": world.connect, "jitter": half, **options}
    return await Supervisor(URL, **options)._run(
        SessionPlan(session=listening, prepare=prepare, done="x")
    )


async def test_preparing_comes_first(autojump_clock: MockClock, make: Make) -> None:
    """What prepares a connection is done before the session begins, and the end has its word."""
    told: list[Transition] = []

    async def prepare(ws: WebSocket) -> None:
        assert await ws.receive() == "welcome"

    world = make(telling("welcome", "a", then=closing(1000)))
    assert await prepared(world, prepare, on_transition=told.append) == ["a"]
    assert told[-1].detail == "x"


@pytest.mark.parametrize(("play", "closes_in"), [(listen, 0), (silence, 4)])
async def test_preparing_takes_too_long(
    autojump_clock: MockClock, make: Make, play: Play, closes_in: float
) -> None:
    """After `Timeouts.connect` the connection is closed, was never stable, and says why."""
    told: list[Transition] = []
    world = make(play)
    with pytest.raises(SupervisorGaveUp, match=r"on_connect was not done within 20 s") as caught:
        await prepared(
            world,
            waiting,
            on_transition=told.append,
            backoff=Backoff(max_attempts=2),
            timeouts=Timeouts(connect=20, close=4),
        )
    assert world.attempts == [0, 20 + closes_in + 2.5]
    assert isinstance(caught.value.__cause__, ConnectionClosed)
    assert [each.state for each in told] == [
        *[S.CONNECTING, S.OPEN, S.WAITING],
        *[S.CONNECTING, S.OPEN, S.FAILED],
    ]
    assert world.farewells == [1001] * 2 if play is listen else not world.farewells


# How a connection ends


@pytest.mark.parametrize("session", [listening, waiting])
async def test_a_loss_cancels_the_session(
    autojump_clock: MockClock, make: Make, session: Callable[..., Any]
) -> None:
    """A connection that is lost ends the session at once; the next attempt follows the delay."""
    world = make(ending(after=1), ending(after=1), closing(1000))
    assert await run(world, session) is None or session is listening
    assert world.attempts == [0, 3.5, 7.5]


async def test_a_heartbeat_without_answer(autojump_clock: MockClock, make: Make) -> None:
    """Silence is a loss, too."""
    world = make(silence, closing(1000))
    result = await run(world, waiting, heartbeat=Heartbeat(interval=5, timeout=5), jitter=half)
    assert result is None
    first, second = world.attempts
    assert first == 0
    assert 5 + 2.5 <= second <= 5 + 5 + 2.5


@pytest.mark.parametrize("code", [1001, None, 1011, 1014, 3000, 3499, 4000, 4499])
async def test_transient_closes(autojump_clock: MockClock, make: Make, code: int | None) -> None:
    """With these a server asks for another try, also from a session that only iterates."""
    world = make(closing(code), closing(1000))
    assert await run(world) == []
    assert world.attempts == [0, 2.5]


@pytest.mark.parametrize("code", [1002, 1003, 1007, 1008, 1009, 1010, 3500, 3999, 4500, 4999])
async def test_fatal_closes(autojump_clock: MockClock, make: Make, code: int) -> None:
    """These leave, as the exception that they are."""
    log = Log()
    with pytest.raises(ConnectionClosed) as caught:
        await run(make(closing(code)), on_transition=log)
    assert caught.value.ending.code == code
    assert log.states == [S.CONNECTING, S.OPEN, S.FAILED]


async def test_a_violation_by_the_peer(autojump_clock: MockClock, make: Make) -> None:
    """A peer that breaks the protocol would do it again."""

    async def violate(peer: RawPeer) -> None:
        await peer.send_frame(3, b"reserved")
        await peer.receive_frame()

    with pytest.raises(ProtocolViolation):
        await run(make(violate))


async def test_our_own_close(autojump_clock: MockClock, make: Make) -> None:
    """A session that closes with 1001 and goes on receiving is started anew."""
    world = make(listen, closing(1000))

    async def session(ws: WebSocket) -> None:
        if len(world.attempts) == 1:
            await ws.close(1001)
        await ws.receive()

    assert await run(world, session) is None
    assert world.attempts == [0, 2.5]


async def test_1000_ends_quietly(autojump_clock: MockClock, make: Make) -> None:
    """After 1000 an iteration ends, the session returns, and there is no other connection."""
    world = make(telling("a", "b", then=closing(1000)))
    assert await run(world) == ["a", "b"]
    assert world.attempts == [0]


async def test_1000_while_receiving(autojump_clock: MockClock, make: Make) -> None:
    """A session that is told of a 1000 by its exception is done as well; there is no value."""

    async def session(ws: WebSocket) -> int:
        await ws.receive()
        return 42

    log = Log()
    assert await run(make(closing(1000)), session, on_transition=log) is None
    assert log.states[-1] is S.CLOSED


async def test_reconnect_on_1000(autojump_clock: MockClock, make: Make) -> None:
    """If it is asked for, 1000 is a reason to reconnect, also for an iteration."""
    world = make(closing(1000), closing(1000), closing(1008))
    with pytest.raises(ConnectionClosed):
        await run(world, reconnect_on_normal_close=True)
    assert world.attempts == [0, 2.5, 5.5]


async def test_a_session_that_does_not_notice_a_close(
    autojump_clock: MockClock, make: Make
) -> None:
    """It is cancelled `Timeouts.close` after the peer has closed, and started anew."""
    world = make(closing(1001, after=1), closing(1000))
    assert await run(world, waiting, timeouts=Timeouts(close=4)) is None
    assert world.attempts == [0, 1 + 4 + 2.5]


async def test_a_session_that_needs_a_little_longer(autojump_clock: MockClock, make: Make) -> None:
    """Within that time a session may finish what it does, and return."""

    async def session(ws: WebSocket) -> float:
        await trio.sleep(4)
        return trio.current_time()

    assert await run(make(closing(1001, after=1)), session) == 4


# How attempts fail


async def test_refused_again_and_again(autojump_clock: MockClock, make: Make) -> None:
    """The first attempt is made at once, the delays grow to the cap; jitter is given."""
    world = make(*[REFUSED] * 8, closing(1000))
    await run(world)
    assert world.attempts == [0, 2.5, 5.5, 14.5, 41.5, 85, 130, 175, 220]


async def test_a_seeded_source(autojump_clock: MockClock, make: Make) -> None:
    """With a seeded source the times are the same in every run."""
    draws = random.Random(7)
    expected = [0.0, 5 * draws.random()]
    for low, high in ((1, 5), (3, 15), (9, 45)):
        expected.append(expected[-1] + low + (high - low) * draws.random())
    world = make(*[REFUSED] * 4, closing(1000))
    await run(world, jitter=random.Random(7).random)
    assert world.attempts == [round(time, 6) for time in expected]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520, 530])
async def test_transient_statuses(autojump_clock: MockClock, make: Make, status: int) -> None:
    """With these statuses a server asks for another try."""
    world = make(rejection(status), closing(1000))
    await run(world)
    assert world.attempts == [0, 2.5]


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 426, 501, 505])
async def test_fatal_statuses(autojump_clock: MockClock, make: Make, status: int) -> None:
    """These leave as `Rejected`; so do 401 and 403 if no endpoint function can be asked."""
    world = make(rejection(status))
    log = Log()
    with pytest.raises(Rejected):
        await run(world, on_transition=log)
    assert log.states == [S.CONNECTING, S.FAILED]


@pytest.mark.parametrize(("asked", "waits"), [(1, 8.5), (60, 67.5), (86400, 307.5)])
async def test_retry_after(autojump_clock: MockClock, make: Make, asked: int, waits: float) -> None:
    """A server's Retry-After moves the range of the delay, within bounds."""
    world = make(rejection(503, [("Retry-After", str(asked))]), closing(1000))
    await run(world)
    assert world.attempts == [0, waits]


async def test_a_restarting_server(autojump_clock: MockClock, make: Make) -> None:
    """1012 means U(5, 30) s."""
    world = make(closing(1012), closing(1000))
    await run(world)
    assert world.attempts == [0, 17.5]


async def test_an_overloaded_server(autojump_clock: MockClock, make: Make) -> None:
    """1013 means at least 30 s, if there is no other endpoint."""
    world = make(closing(1013), closing(1000))
    await run(world)
    assert world.attempts == [0, 45]


async def test_another_endpoint(autojump_clock: MockClock, make: Make) -> None:
    """1013 means the next endpoint, as long as there is one that has not said it, too."""
    world = make(closing(1013), closing(1013), closing(1000))
    await run(world, url=["ws://a/", "ws://b/"])
    assert world.urls == ["ws://a/", "ws://b/", "ws://a/"]
    assert world.attempts == [0, 2.5, 45]


async def test_flapping(autojump_clock: MockClock, make: Make) -> None:
    """The fifth connection lost within 30 s sends the delay straight to the cap, and says so."""
    flapping: list[bool] = []

    def observe(transition: Transition) -> None:
        if transition.state is S.WAITING:
            flapping.append(transition.flapping)

    world = make(*[closing(1011)] * 5, closing(1000))
    await run(world, on_transition=observe, jitter=lambda: 0.0)
    assert world.attempts == [0, 0, 1, 4, 13, 13 + 30]
    assert flapping == [False] * 4 + [True]


@pytest.mark.parametrize("play", [closing(1013), closing(1011), ending()])
async def test_accept_then_close(autojump_clock: MockClock, make: Make, play: Play) -> None:
    """A server that accepts and then closes gets 3 handshakes in 3 s and 12 a minute at most."""
    for seed in range(20):
        world = make(play)
        with trio.move_on_after(60):
            await run(world, jitter=random.Random(seed).random)
        began = world.attempts[0]
        assert len([at for at in world.attempts if at - began < 3]) <= 3
        assert 2 <= len(world.attempts) <= 12


# States


async def test_stable(autojump_clock: MockClock, make: Make) -> None:
    """After 10 s, or the last delay, a connection is stable, and delays begin afresh."""
    world = make(
        REFUSED, REFUSED, ending(after=9), ending(after=11), ending(after=11), closing(1000)
    )
    log = Log()
    await run(world, on_transition=log)
    assert log == [
        (0, S.CONNECTING),
        (0, S.WAITING),
        (2.5, S.CONNECTING),
        (2.5, S.WAITING),
        (5.5, S.CONNECTING),
        (5.5, S.OPEN),
        (14.5, S.WAITING),
        (23.5, S.CONNECTING),
        (23.5, S.OPEN),
        (33.5, S.STABLE),
        (34.5, S.WAITING),
        (37, S.CONNECTING),
        (37, S.OPEN),
        (47, S.STABLE),
        (48, S.WAITING),
        (50.5, S.CONNECTING),
        (50.5, S.OPEN),
        (50.5, S.CLOSED),
    ]


async def test_a_closed_connection_is_not_stable(autojump_clock: MockClock, make: Make) -> None:
    """A session that outlives its connection does not make it stable."""
    world = make(closing(1001, after=9), closing(1000))
    log = Log()
    await run(world, waiting, on_transition=log)
    assert S.STABLE not in log.states


async def test_suspended(autojump_clock: MockClock, make: Make) -> None:
    """After 120 s without a connection it is suspended, at exactly that time, and tries on."""
    world = make(*[REFUSED] * 6, closing(1000))
    log = Log()
    await run(world, on_transition=log)
    assert log[-6:] == [
        (85, S.CONNECTING),
        (85, S.WAITING),
        (120, S.SUSPENDED),
        (130, S.CONNECTING),
        (130, S.OPEN),
        (130, S.CLOSED),
    ]


async def test_suspended_again(autojump_clock: MockClock, make: Make) -> None:
    """A failure after that leads straight back to being suspended."""
    world = make(*[REFUSED] * 7, closing(1000))
    log = Log()
    await run(world, on_transition=log)
    assert log[-5:] == [
        (130, S.CONNECTING),
        (130, S.SUSPENDED),
        (175, S.CONNECTING),
        (175, S.OPEN),
        (175, S.CLOSED),
    ]


async def test_what_a_transition_tells(autojump_clock: MockClock, make: Make) -> None:
    """Cause, attempt, delay and endpoint are there, without the endpoint's secrets."""
    told: list[Transition] = []
    world = make(REFUSED, closing(1000))
    await run(world, url=URL, on_transition=told.append)
    waits = told[1]
    assert waits.state is S.WAITING
    assert (waits.cause, waits.attempt, waits.delay) == (REFUSED, 1, 2.5)
    assert waits.endpoint == SHOWN
    assert [t.number for t in told] == [1, 2, 3, 4, 5]


LEAVING_AT = [S.CONNECTING, S.OPEN, S.STABLE, S.WAITING, S.SUSPENDED]


@pytest.mark.parametrize("how", ["cancelled", "failed"])
@pytest.mark.parametrize("last", LEAVING_AT)
async def test_every_step_to_the_end(
    autojump_clock: MockClock, make: Make, last: SupervisorState, how: str
) -> None:
    """From each state there is a way to either end: by a cancellation, by a failure."""
    world = make(REFUSED, ending(after=11), REFUSED)

    def observe(transition: Transition) -> None:
        if transition.state is last:
            if how == "failed":
                raise LookupError
            scope.cancel()

    supervisor = Supervisor(URL, connect=world.connect, jitter=half, on_transition=observe)
    with trio.CancelScope() as scope, suppress(LookupError):
        await supervisor.run(waiting)
    assert supervisor.transition is not None
    assert supervisor.transition.previous is last
    assert supervisor.state is (S.FAILED if how == "failed" else S.CLOSED)


async def test_every_other_step(autojump_clock: MockClock, make: Make) -> None:
    """Each step of the table that is not to an end was made by one of these two."""
    steps: set[tuple[SupervisorState, SupervisorState]] = set()

    def observe(transition: Transition) -> None:
        steps.add((transition.previous, transition.state))

    for plays in (
        [REFUSED, ending(after=1), ending(after=40), *[REFUSED] * 8, closing(1000)],
        [closing(1000)],
    ):
        await run(make(*plays), on_transition=observe)
    every = {(before, after) for before, row in TABLE.items() for after in row - ENDED}
    assert {step for step in steps if step[1] not in ENDED} == every


async def test_the_machine_wakes_up(
    autojump_clock: MockClock, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a sleep of the machine it tries at once, and delays begin afresh (hazard F2.7)."""
    slept = 0.0
    watch = SuspensionWatch(lambda: slept)
    monkeypatch.setattr(retry_timer, "watch_for_suspension", lambda: watch)
    world = make(*[REFUSED] * 6, closing(1000))

    async def sleep() -> None:
        nonlocal slept
        await trio.sleep(16)
        slept = 3600.0

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleep)
        await run(world)
    awake = 20 + 0.5  # a look comes each 5 s from the first wait on, the jitter is 0.5
    assert world.attempts == [0, 2.5, 5.5, 14.5, awake, awake + 2.5, awake + 5.5]


@pytest.mark.parametrize(("slept", "waited"), [(100, 127.5 - 100), (3600, 5.5)])
async def test_the_machine_wakes_up_before_the_server_may_be_asked(
    slept: float,
    waited: float,
    autojump_clock: MockClock,
    make: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A ``Retry-After`` holds after a sleep: what was slept is waited for, and no more."""
    seconds = 0.0
    watch = SuspensionWatch(lambda: seconds)
    monkeypatch.setattr(retry_timer, "watch_for_suspension", lambda: watch)
    world = make(rejection(503, [("Retry-After", "120")]), closing(1000))

    async def sleep() -> None:
        nonlocal seconds
        await trio.sleep(1)
        seconds = slept

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleep)
        await run(world)
    assert world.attempts == [0, waited]


async def test_retry_now(autojump_clock: MockClock, make: Make) -> None:
    """A wait ends when it is asked to; the next one does not."""
    world = make(REFUSED, REFUSED, closing(1000))
    supervisor = Supervisor(URL, connect=world.connect, jitter=half)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run, listening)
        await trio.sleep(1)
        supervisor.retry_now()
    assert world.attempts == [0, 1, 4]


# Giving up


async def test_max_attempts(autojump_clock: MockClock, make: Make) -> None:
    """After so many attempts `SupervisorGaveUp` leaves, with the last failure as its cause."""
    world = make(REFUSED)
    with pytest.raises(SupervisorGaveUp, match="3 of 3 attempts failed: refused") as caught:
        await run(world, backoff=Backoff(max_attempts=3))
    assert world.attempts == [0, 2.5, 5.5]
    assert str(caught.value).startswith(f"gave up on {SHOWN}: 3 of 3")
    assert (caught.value.attempts, caught.value.endpoint) == (3, SHOWN)
    assert caught.value.__cause__ is REFUSED


async def test_attempts_are_counted_since_the_last_stable_connection(
    autojump_clock: MockClock, make: Make
) -> None:
    """A connection that was lost at once does not restart the count, a stable one does."""
    counts: list[int] = []

    def observe(transition: Transition) -> None:
        if transition.state is S.CONNECTING:
            counts.append(transition.attempt)

    world = make(REFUSED, ending(after=1), ending(after=60), REFUSED, closing(1000))
    await run(world, on_transition=observe)
    assert counts == [1, 2, 3, 1, 2]


async def test_giving_up_without_a_url(autojump_clock: MockClock, make: Make) -> None:
    """An endpoint function that never told a URL is no secret."""

    async def ask() -> str:
        raise ConnectionRefusedError

    with pytest.raises(SupervisorGaveUp, match="gave up on the endpoint: 1 of 1") as caught:
        await run(make(listen), url=ask, backoff=Backoff(max_attempts=1))
    assert caught.value.endpoint is None


async def test_max_elapsed(autojump_clock: MockClock, make: Make) -> None:
    """It does not wait for an attempt that would come too late."""
    world = make(REFUSED)
    with pytest.raises(SupervisorGaveUp):
        await run(world, backoff=Backoff(max_elapsed=10))
    assert trio.current_time() == 5.5


# Endpoints


async def test_endpoints_take_turns(autojump_clock: MockClock, make: Make) -> None:
    """With each failure it is the next endpoint's turn."""
    world = make(REFUSED, ending(after=1), REFUSED, closing(1000))
    await run(world, url=["ws://a/", "ws://b/", "ws://c/"])
    assert world.urls == ["ws://a/", "ws://b/", "ws://c/", "ws://a/"]


async def test_the_preferred_endpoint(autojump_clock: MockClock, make: Make) -> None:
    """The loss of a stable connection leads back to the first of the list (hazard F2.4)."""
    world = make(REFUSED, ending(after=20), closing(1000))
    await run(world, url=["ws://a/", "ws://b/", "ws://c/"])
    assert world.urls == ["ws://a/", "ws://b/", "ws://a/"]


UNKNOWN = HandshakeError("no such host")
UNKNOWN.__cause__ = OSError("unknown name")

RETIRED: list[Step] = [
    rejection(404),
    rejection(403),
    UNKNOWN,
    TLSError("certificate", transient=False),
    rejection(503, [("Retry-After", "120")]),
    closing(1012),
    closing(1013),
    closing(1008),
]


@pytest.mark.parametrize("first", RETIRED)
async def test_one_of_several_is_retired(
    autojump_clock: MockClock, make: Make, first: Step
) -> None:
    """What the first endpoint says does not delay the second, nor end the supervision (F2.4)."""
    world = make(first, closing(1000))
    await run(world, url=["ws://a/", "ws://b/"])
    assert world.urls == ["ws://a/", "ws://b/"]
    assert world.attempts == [0, 2.5]


async def test_all_are_retired(autojump_clock: MockClock, make: Make) -> None:
    """When each has failed for good, what the last one said is raised."""
    last = rejection(404)
    world = make(TLSError("certificate", transient=False), REFUSED, rejection(410), last)
    with pytest.raises(Rejected) as caught:
        await run(world, url=["ws://a/", "ws://b/"])
    assert caught.value is last
    assert world.urls == ["ws://a/", "ws://b/", "ws://a/", "ws://b/"]


async def test_one_that_rests(autojump_clock: MockClock, make: Make) -> None:
    """An endpoint that gave a Retry-After is left alone for so long, and asked again then."""
    world = make(rejection(503, [("Retry-After", "20")]), REFUSED, REFUSED, REFUSED, closing(1000))
    await run(world, url=["ws://a/", "ws://b/"])
    assert world.urls == ["ws://a/", "ws://b/", "ws://b/", "ws://b/", "ws://a/"]
    assert world.attempts == [0, 2.5, 5.5, 14.5, 41.5]


async def test_an_endpoint_function(autojump_clock: MockClock, make: Make) -> None:
    """It is asked for each attempt."""
    world = make(REFUSED, closing(1000))

    async def ask() -> str:
        return f"ws://example.com/{len(world.attempts)}"

    await run(world, url=ask)
    assert world.urls == ["ws://example.com/0", "ws://example.com/1"]


@pytest.mark.parametrize("status", [401, 403])
async def test_a_token_that_ran_out(autojump_clock: MockClock, make: Make, status: int) -> None:
    """An endpoint function is asked once more, until the next stable connection; then fatal."""
    refused = rejection(status)
    world = make(refused, ending(after=11), refused, refused)

    async def ask() -> str:
        return URL

    with pytest.raises(Rejected):
        await run(world, url=ask)
    assert world.attempts == [0, 2.5, 16, 19]


async def crowd(make: Make, ask: Callable[[], Any], *, seconds: float) -> list[World]:
    """Five supervisors of one host, whose attempts take some time."""
    worlds = [make(closing(1000)) for _ in range(5)]
    async with trio.open_nursery() as nursery:
        for world in worlds:
            world.seconds_to_connect = seconds
            nursery.start_soon(partial(run, world, url=ask))
            await trio.testing.wait_all_tasks_blocked()
    return worlds


async def test_a_ticket_is_fresh(autojump_clock: MockClock, make: Make) -> None:
    """What an endpoint function gave is used at once, however long the slot took (F2.2)."""

    async def ask() -> str:
        return f"ws://example.com/{trio.current_time()}"

    worlds = await crowd(make, ask, seconds=20)
    assert [world.attempts for world in worlds] == [[0], [20], [40], [60], [80]]
    for world in worlds:
        assert world.urls == [f"ws://example.com/{float(world.attempts[0])}"]


async def test_a_ticket_for_the_slot_that_is_there(autojump_clock: MockClock, make: Make) -> None:
    """A function whose host is known waits for the slot, and is asked once for each attempt."""
    asked: list[float] = []

    async def ask() -> str:
        asked.append(trio.current_time())
        return URL

    throttle = Throttle()
    busy = make(closing(1000))
    busy.seconds_to_connect = 10
    world = make(REFUSED, closing(1000))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(run, world, url=ask, throttle=throttle))
        await trio.sleep(1)
        nursery.start_soon(partial(run, busy, throttle=throttle))
    assert asked == [0, 11]
    assert world.attempts == [0, 11]


async def test_a_function_that_names_another_host_each_time(
    autojump_clock: MockClock, make: Make
) -> None:
    """It is waited for two slots, and no more (F2.2)."""
    throttle = Throttle()
    asked: list[float] = []

    async def ask() -> str:
        asked.append(trio.current_time())
        return f"ws://busy-{len(asked)}/"

    async def hold(host: str, until: float) -> None:
        async with throttle.slot() as slot:
            await slot.acquire(host, 80)
            await trio.sleep(until)

    world = make(closing(1000))
    async with trio.open_nursery() as nursery:
        for number in (1, 2, 3, 4):
            nursery.start_soon(hold, f"busy-{number}", 10 * number)
        await trio.testing.wait_all_tasks_blocked()
        await run(world, url=ask, throttle=throttle)
        assert trio.current_time() == 20
    assert asked == [0, 10, 20]
    assert world.urls == ["ws://busy-3/"]


async def test_asking_counts_against_the_time_to_connect(
    autojump_clock: MockClock, make: Make
) -> None:
    """What the function took is taken off `Timeouts.connect`; a wait for a slot is not (F2.2)."""
    left: list[float] = []
    world = make(closing(1000))

    def connect(url: str, **options: Any) -> Any:
        left.append(options["timeouts"].connect)
        return world.connect(url, **options)

    async def ask() -> str:
        await trio.sleep(3)
        return URL

    await run(world, url=ask, connect=connect, timeouts=Timeouts(connect=4))
    assert left == [1]


async def test_an_endpoint_function_that_hangs(autojump_clock: MockClock, make: Make) -> None:
    """It has `Timeouts.connect` seconds, then that attempt has failed."""
    world = make(closing(1000))
    asked: list[float] = []

    async def ask() -> str:
        asked.append(trio.current_time())
        if len(asked) == 1:
            await trio.sleep_forever()
        return URL

    causes: list[object] = []
    await run(
        world, url=ask, timeouts=Timeouts(connect=3), on_transition=lambda t: causes.append(t.cause)
    )
    assert asked == [0, 5.5]
    assert isinstance(causes[1], HandshakeTimeout)


async def test_an_endpoint_function_that_raises(autojump_clock: MockClock, make: Make) -> None:
    """Its bugs leave bare."""

    async def ask() -> str:
        raise LookupError

    log = Log()
    with pytest.raises(LookupError):
        await run(make(silence), url=ask, on_transition=log)
    assert log.states == [S.CONNECTING, S.FAILED]


async def test_an_endpoint_function_that_returns_nonsense(
    autojump_clock: MockClock, make: Make
) -> None:
    """What is no URL leaves as such."""

    async def ask() -> str:
        return "http:/nowhere"

    with pytest.raises(InvalidURL):
        await run(make(silence), url=ask)


# The policies of others


async def test_classify(autojump_clock: MockClock, make: Make) -> None:
    """A function may overrule the table, or leave it alone."""

    def mine(error: Failure) -> Remedy | None:
        if isinstance(error, ConnectionClosed):
            return {1008: Remedy.WAIT, 4000: Remedy.DONE}.get(error.ending.code)
        return None

    world = make(REFUSED, closing(1008), closing(4000))
    assert await run(world, classify=mine) is None
    assert world.attempts == [0, 2.5, 5.5]


async def test_classify_that_returns_nonsense(autojump_clock: MockClock, make: Make) -> None:
    """What is no remedy is refused by name."""
    with pytest.raises(TypeError, match="must return a Remedy or None, not 'retry'"):
        await run(make(REFUSED), classify=lambda error: "retry")


async def test_classify_that_raises(autojump_clock: MockClock, make: Make) -> None:
    """Its bugs leave bare, too."""

    def mine(error: Failure) -> None:
        raise LookupError

    log = Log()
    with pytest.raises(LookupError):
        await run(make(closing(1001)), classify=mine, on_transition=log)
    assert log.states[-1] is S.FAILED


async def test_an_unknown_host(autojump_clock: MockClock, make: Make) -> None:
    """A host that was never found is misspelt; one that was found before may come back."""
    with pytest.raises(HandshakeError, match="no such host"):
        await run(make(UNKNOWN))
    world = make(closing(1001), UNKNOWN, UNKNOWN, closing(1000))
    await run(world)
    assert len(world.attempts) == 4


async def test_an_unknown_host_that_is_waited_for(autojump_clock: MockClock, make: Make) -> None:
    """With ``unknown_host="retry"`` a name that was never found is waited for, too."""
    world = make(UNKNOWN, UNKNOWN, closing(1000))
    await run(world, unknown_host="retry")
    assert world.attempts == [0, 2.5, 5.5]


async def test_one_connecting_at_a_time(autojump_clock: MockClock, make: Make) -> None:
    """Supervisors of one Trio run connect to one host one after another, and run side by side."""
    worlds = [make(closing(1000, after=10)) for _ in range(3)]
    async with trio.open_nursery() as nursery:
        for world in worlds:
            world.seconds_to_connect = 2
            nursery.start_soon(run, world)
            await trio.testing.wait_all_tasks_blocked()
    assert [world.attempts for world in worlds] == [[0], [2], [4]]
    assert trio.current_time() == 16


async def test_the_budget(autojump_clock: MockClock, make: Make) -> None:
    """Retries of all supervisors together wait for the budget, first attempts do not."""
    throttle = Throttle(connecting_per_host=10, retries_per_second=1)
    worlds = [make(REFUSED, closing(1000)) for _ in range(3)]
    async with trio.open_nursery() as nursery:
        for world in worlds:
            nursery.start_soon(partial(run, world, throttle=throttle))
    assert sorted(world.attempts for world in worlds) == [[0, 2.5], [0, 3.5], [0, 4.5]]


# Observers


async def test_an_observer_that_raises(autojump_clock: MockClock, make: Make) -> None:
    """Its exception leaves bare, the connection is closed, and it is not called again."""
    world = make(listen)
    told: list[SupervisorState] = []

    def observe(transition: Transition) -> None:
        told.append(transition.state)
        if transition.state is S.OPEN:
            raise LookupError

    with pytest.raises(LookupError):
        await run(world, waiting, on_transition=observe)
    assert told == [S.CONNECTING, S.OPEN]
    await trio.testing.wait_all_tasks_blocked()
    assert world.farewells == [1011]


async def test_an_observer_that_raises_later(autojump_clock: MockClock, make: Make) -> None:
    """Also when the session is under way."""
    world = make(listen)

    def observe(transition: Transition) -> None:
        if transition.state is S.STABLE:
            raise LookupError

    with pytest.raises(LookupError):
        await run(world, waiting, on_transition=observe)
    await trio.testing.wait_all_tasks_blocked()
    assert world.farewells == [1011]


# A session that asks for another connection

Raise = Callable[[WebSocket], Any]


async def alone(ws: WebSocket) -> None:
    """Raise it bare."""
    raise Reconnect("a gap")


async def beside_the_end(ws: WebSocket) -> None:
    """Raise it in a group, beside the end of this connection."""
    await ws.close(1001)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ws.receive)
        nursery.start_soon(alone, ws)


async def twice(ws: WebSocket) -> None:
    """Let two tasks raise it."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(alone, ws)
        nursery.start_soon(alone, ws)


@pytest.mark.parametrize("ask", [alone, beside_the_end, twice])
async def test_a_request_to_reconnect(autojump_clock: MockClock, make: Make, ask: Raise) -> None:
    """The connection is left with 1000, the next follows as after a loss, at the same endpoint."""
    told: list[Transition] = []
    world = make(listen)

    async def session(ws: WebSocket) -> int:
        if len(world.attempts) == 1:
            await ask(ws)
        return 42

    result = await run(world, session, url=["ws://a/", "ws://b/"], on_transition=told.append)
    assert result == 42
    assert world.attempts == [0, 2.5]
    assert world.urls == ["ws://a/"] * 2
    assert world.farewells == [1001 if ask is beside_the_end else 1000, 1000]
    assert [each.state for each in told] == [
        *[S.CONNECTING, S.OPEN, S.WAITING, S.CONNECTING, S.OPEN, S.CLOSED]
    ]
    assert isinstance(told[2].cause, Reconnect)
    assert "was lost; because of Reconnect: a gap" in str(told[2])


async def test_a_request_with_a_delay(autojump_clock: MockClock, make: Make) -> None:
    """The delay is the session's; five requests in 30 s wait as losses do."""
    world = make(listen)

    async def session(ws: WebSocket) -> None:
        if len(world.attempts) < 7:
            raise Reconnect(delay=1)

    supervisor = Supervisor(URL, connect=world.connect, jitter=half)
    await supervisor.run(session)
    assert world.attempts == [0, 1, 2, 3, 4, 49, 50]
    assert supervisor.statistics().losses == 6
    assert isinstance(supervisor.statistics().last_failure, Reconnect)


async def test_a_request_that_is_not_alone(autojump_clock: MockClock, make: Make) -> None:
    """Beside an exception of another kind it is no request: the group leaves as it is."""
    world = make(listen)

    async def session(ws: WebSocket) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(alone, ws)
            nursery.start_soon(fail)

    async def fail() -> None:
        raise LookupError

    with pytest.RaisesGroup(Reconnect, LookupError):
        await run(world, session)
    await trio.testing.wait_all_tasks_blocked()
    assert world.farewells == [1011]


async def test_a_request_beside_a_cancellation(autojump_clock: MockClock, make: Make) -> None:
    """A scope around the supervisor that was cancelled ends it, whatever the session asks for."""
    world = make(listen)

    async def session(ws: WebSocket) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            scope.cancel()
            try:
                await trio.sleep_forever()
            finally:
                raise Reconnect

    with trio.CancelScope() as scope:
        await run(world, session)
        raise AssertionError("cancelled")
    assert scope.cancelled_caught
    assert world.attempts == [0]


async def test_a_request_while_preparing(autojump_clock: MockClock, make: Make) -> None:
    """What prepares a connection may ask for another one as well: a login that failed."""
    world = make(telling("denied"), telling("welcome", then=closing(1000)))

    async def prepare(ws: WebSocket) -> None:
        if await ws.receive() == "denied":
            raise Reconnect("denied")

    await prepared(world, prepare)
    assert world.attempts == [0, 2.5]
    assert world.farewells == [1000]


async def test_a_request_too_many(autojump_clock: MockClock, make: Make) -> None:
    """It counts as a failed attempt: `max_attempts` holds."""
    with pytest.raises(SupervisorGaveUp, match="2 of 2 attempts failed: a gap") as caught:
        await run(make(listen), alone, backoff=Backoff(max_attempts=2))
    assert isinstance(caught.value.__cause__, Reconnect)


# What the log says at night


async def test_how_long_it_was_away(autojump_clock: MockClock, make: Make) -> None:
    """A connection that is back says how long there was none; the very first says nothing."""
    told: list[Transition] = []
    world = make(ending(after=20), REFUSED, closing(1000))
    await run(world, on_transition=told.append)
    opened = [each for each in told if each.state is S.OPEN]
    assert [each.away for each in opened] == [None, 5.5]
    assert str(opened[1]) == f"open: {SHOWN}, after 5.5 s without a connection"


async def test_levels(
    autojump_clock: MockClock, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """Suspended is a warning, giving up an error, all else information."""
    caplog.set_level(logging.INFO, "trio_ws.supervisor")
    with pytest.raises(SupervisorGaveUp):
        await run(make(REFUSED), backoff=Backoff(max_attempts=7))
    levels = {each.getMessage().split()[1].strip(","): each.levelname for each in caplog.records}
    assert levels == {
        "connecting": "INFO",
        "waiting": "INFO",
        "suspended": "WARNING",
        "failed;": "ERROR",
    }


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
        closing(1001, after=rng.random()),
        ending(after=rng.random()),
        silence,
    ]
    world = make(*rng.sample(plays, 5))
    how = rng.choice(["return", "raise", "break", "cancel"])
    when = trio.current_time() + rng.uniform(0, 20)

    async def session(ws: WebSocket) -> str:
        if how == "cancel":
            await ws.receive()
        elif how == "break":
            async for _ in ws:
                break
        with trio.move_on_at(when):
            await ws.receive()
        if how == "raise":
            raise KeyError
        return how

    tasks = trio.lowlevel.current_statistics().tasks_living
    bound = when if how == "cancel" else trio.current_time() + 200
    with trio.CancelScope(deadline=bound) as scope:  # noqa: ASYNC912
        try:
            result = await run(world, session, jitter=rng.random, timeouts=Timeouts(close=0.9))
        except KeyError:
            assert how == "raise"
        else:
            assert result == how or scope.cancelled_caught
    if how == "cancel":
        assert trio.current_time() - when <= 1
    await trio.testing.wait_all_tasks_blocked()
    await trio.sleep(1)
    assert trio.lowlevel.current_statistics().tasks_living == tasks


# Mistakes


@pytest.mark.parametrize(
    "wrong",
    [
        {"backoff": 5},
        {"classify": {}},
        {"jitter": None},
        {"throttle": 5},
        {"connect": URL},
        {"session": URL},
    ],
)
async def test_mistakes(make: Make, wrong: dict[str, Any]) -> None:
    """What is not of the right kind is refused by name, before the first attempt."""
    world = make(listen)
    options = {"connect": world.connect, "session": listening, "endpoint": URL, **wrong}
    with pytest.raises(TypeError, match=next(iter(wrong))):
        await supervise(**options)
    assert world.attempts == []
