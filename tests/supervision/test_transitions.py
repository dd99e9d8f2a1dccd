"""`trio_ws._supervision.transitions`: who is told what a supervisor does, and when."""

from __future__ import annotations

import logging

import pytest
import trio

from trio_ws._supervision.states import SupervisorState, Transition
from trio_ws._supervision.transitions import Events, TransitionLog

S = SupervisorState


def walk(log: TransitionLog, *states: SupervisorState) -> None:
    for state in states:
        log.record(state, attempt=1, endpoint="ws://example.com/", delay=1.0)


async def test_the_beginning() -> None:
    """Before the first transition the supervisor is idle, and there is nothing to tell."""
    log = TransitionLog(None)
    assert (log.state, log.last, log.ended) == (S.IDLE, None, False)


async def test_each_has_its_name() -> None:
    """Supervisors can be told apart in the log."""
    assert TransitionLog(None).name != TransitionLog(None).name


async def test_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Each transition is one INFO line, which begins with the name of the supervisor."""
    caplog.set_level(logging.INFO, "trio_ws.supervisor")
    log = TransitionLog(None)
    walk(log, S.CONNECTING, S.OPEN, S.CLOSED)
    assert caplog.record_tuples == [
        ("trio_ws.supervisor", logging.INFO, f"[{log.name}] {line}")
        for line in (
            "connecting to ws://example.com/, attempt 1",
            "open: ws://example.com/",
            "closed",
        )
    ]


async def test_an_observer() -> None:
    """An observer is called with each transition, in order, at once."""
    told: list[Transition] = []
    log = TransitionLog(told.append)
    walk(log, S.CONNECTING)
    assert told == [log.last]
    walk(log, S.OPEN, S.CLOSED)
    assert [t.state for t in told] == [S.CONNECTING, S.OPEN, S.CLOSED]


async def test_an_observer_that_fails() -> None:
    """What it raises comes out, the step was made, and it is not called again."""
    calls = 0

    def observe(transition: Transition) -> None:
        nonlocal calls
        calls += 1
        raise KeyError

    log = TransitionLog(observe)
    with pytest.raises(KeyError):
        walk(log, S.CONNECTING)
    walk(log, S.FAILED)
    assert (calls, log.state) == (1, S.FAILED)


async def test_an_async_observer() -> None:
    """An async function is no observer, and is told what it should do instead."""

    async def observe(transition: Transition) -> None:
        raise AssertionError

    with pytest.raises(TypeError, match=r"iterates over events\(\)"):
        walk(TransitionLog(observe), S.CONNECTING)


async def test_an_observer_that_returns_a_future_of_some_kind() -> None:
    """So is anything else that wants to be awaited."""

    class Awaitable:
        def __await__(self) -> None:
            raise AssertionError

    with pytest.raises(TypeError, match="on_transition must be a plain function"):
        walk(TransitionLog(lambda transition: Awaitable()), S.CONNECTING)


async def test_events_are_told_at_once() -> None:
    """An observer who keeps up sees every transition, then the end."""
    log = TransitionLog(None)
    told: list[SupervisorState] = []

    async def look() -> None:
        told.extend([transition.state async for transition in Events(log)])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(look)
        for state in (S.CONNECTING, S.OPEN, S.STABLE, S.CLOSED):
            await trio.testing.wait_all_tasks_blocked()
            walk(log, state)
    assert told == [S.CONNECTING, S.OPEN, S.STABLE, S.CLOSED]


async def test_events_coalesce() -> None:
    """An observer who is slow gets the newest transition, and can tell what was missed."""
    log = TransitionLog(None)
    events = Events(log)
    walk(log, S.CONNECTING)
    assert (await anext(events)).number == 1
    walk(log, S.OPEN, S.STABLE, S.WAITING)
    newest = await anext(events)
    assert (newest.number, newest.state) == (4, S.WAITING)


async def test_events_of_the_past() -> None:
    """Who begins to look after the end gets the last transition, then the end."""
    log = TransitionLog(None)
    walk(log, S.CONNECTING, S.FAILED)
    assert [t.state async for t in Events(log)] == [S.FAILED]


async def test_leaving_events_early() -> None:
    """An iteration that is left leaves nothing behind."""
    log = TransitionLog(None)
    walk(log, S.CONNECTING)
    async for _ in Events(log):
        break
    with trio.CancelScope() as scope:
        async for _ in Events(log):
            scope.cancel()
    assert scope.cancelled_caught


async def test_waiting_for_the_present_state() -> None:
    """If it is the present state, there is nothing to wait for."""
    log = TransitionLog(None)
    walk(log, S.CONNECTING)
    assert await log.wait_for(S.OPEN, S.CONNECTING) is log.last


async def test_a_state_that_lasts_for_a_moment() -> None:
    """Who waits for a state gets it, even if it has passed before he runs."""
    log, transition = TransitionLog(None), []

    async def wait() -> None:
        transition.append((await log.wait_for(S.OPEN, S.STABLE)).state)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        walk(log, S.CONNECTING, S.OPEN, S.STABLE, S.WAITING)
    assert transition == [S.OPEN]


async def test_a_state_that_never_comes() -> None:
    """When the supervisor ends, nobody waits any longer, and nobody begins to."""
    log = TransitionLog(None)

    async def wait() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await log.wait_for(S.STABLE)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        walk(log, S.CONNECTING, S.CLOSED)
    await wait()


async def test_a_cancelled_wait() -> None:
    """Who is cancelled is forgotten."""
    log = TransitionLog(None)
    with trio.move_on_after(0):
        await log.wait_for(S.OPEN)
    assert log._waiters == []
