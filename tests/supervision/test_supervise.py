"""`trio_ws._supervision.supervise`: the handle on a supervision."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trio_ws import HandshakeError, InvalidURL, LocalProtocolError, WebSocket
from trio_ws._supervision.counters import SupervisorStatistics
from trio_ws._supervision.states import SupervisorState, Transition
from trio_ws._supervision.supervise import Supervisor, open_supervisor, supervise

from ..secrecy import QUERY, USERINFO
from ..worlds import World, closing, ending, half, listen, silence

S = SupervisorState
URL = f"ws://{USERINFO}example.com/{QUERY}"
REFUSED = HandshakeError("refused", transient=True)


@pytest.fixture
async def spare(nursery: trio.Nursery) -> AsyncGenerator[trio.Nursery]:
    """A nursery for servers, which are gone when the test is over."""
    yield nursery
    nursery.cancel_scope.cancel()


async def listening(ws: WebSocket) -> None:
    async for _ in ws:
        pass


async def waiting(ws: WebSocket) -> None:
    await trio.sleep_forever()


def options(world: World) -> Any:
    return {"connect": world.connect, "jitter": half}


async def test_supervise(autojump_clock: MockClock, spare: trio.Nursery) -> None:
    """The short form returns what the session returns."""
    world = World(spare, REFUSED, listen)

    async def session(ws: WebSocket) -> str:
        return "done"

    assert await supervise(session, URL, **options(world)) == "done"
    assert world.attempts == [0, 2.5]


async def test_watching(autojump_clock: MockClock, spare: trio.Nursery) -> None:
    """While it runs, others see its state, the step that led there, and each step to come."""
    world = World(spare, REFUSED, ending(after=1), closing(1000))
    seen: list[SupervisorState] = []
    async with open_supervisor(URL, **options(world)) as supervisor:
        assert (supervisor.state, supervisor.transition) == (S.IDLE, None)
        assert repr(supervisor).endswith(": idle>")

        async def look() -> None:
            seen.extend([transition.state async for transition in supervisor.events()])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            nursery.start_soon(supervisor.run, listening)
            waits = await supervisor.wait_for(S.WAITING)
            assert (supervisor.state, supervisor.transition) == (S.WAITING, waits)
            assert (await supervisor.wait_for(S.OPEN)).at == 2.5
            assert (await supervisor.wait_for(S.CLOSED)).at == 6.5
    assert seen[-1] is S.CLOSED
    assert S.WAITING in seen


async def test_a_slow_observer(autojump_clock: MockClock, spare: trio.Nursery) -> None:
    """An observer who takes an hour for each transition is not felt."""
    world = World(spare, *[REFUSED] * 5, closing(1000))
    seen: list[Transition] = []
    async with open_supervisor(URL, **options(world)) as supervisor:

        async def look() -> None:
            async for transition in supervisor.events():
                seen.append(transition)
                await trio.sleep(3600)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            await supervisor.run(listening)
            assert trio.current_time() == 85
    assert [transition.state for transition in seen][-1] is S.CLOSED
    assert len(seen) == 2


async def test_retry_now(autojump_clock: MockClock, spare: trio.Nursery) -> None:
    """It ends the present wait, and only that."""
    world = World(spare, REFUSED, REFUSED, REFUSED, closing(1000))
    async with open_supervisor(URL, **options(world)) as supervisor, trio.open_nursery() as nursery:
        supervisor.retry_now()
        nursery.start_soon(supervisor.run, listening)
        await trio.sleep(1)
        supervisor.retry_now()
        supervisor.retry_now()
    assert world.attempts == [0, 1, 4, 13]


async def test_retry_now_when_suspended(autojump_clock: MockClock, spare: trio.Nursery) -> None:
    """Also when it is suspended."""
    world = World(spare, *[REFUSED] * 6, closing(1000))
    async with open_supervisor(URL, **options(world)) as supervisor, trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run, listening)
        await supervisor.wait_for(S.SUSPENDED)
        await trio.sleep(5)
        supervisor.retry_now()
    assert world.attempts[-2:] == [85, 125]


async def test_retry_now_cannot_make_it_spin(
    autojump_clock: MockClock, spare: trio.Nursery
) -> None:
    """Even if it is called all the time there are no more than 10 retries a second."""
    world = World(spare, REFUSED)
    async with open_supervisor(URL, **options(world)) as supervisor, trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run, listening)
        with trio.move_on_after(3):
            while True:
                supervisor.retry_now()
                await trio.sleep(0.001)
        nursery.cancel_scope.cancel()
    assert 30 <= len(world.attempts) <= 41


async def test_statistics(autojump_clock: MockClock, spare: trio.Nursery) -> None:
    """Attempts, connections, losses and the time without a connection are counted."""
    world = World(spare, REFUSED, ending(after=20), closing(1000, after=1))
    async with open_supervisor(URL, **options(world)) as supervisor, trio.open_nursery() as nursery:
        assert supervisor.statistics().downtime == 0
        nursery.start_soon(supervisor.run, listening)
        await trio.sleep(1)
        assert supervisor.statistics() == SupervisorStatistics(
            attempts=1, connections=0, losses=0, downtime=1, last_failure=REFUSED
        )
    statistics = supervisor.statistics()
    assert (statistics.attempts, statistics.connections, statistics.losses) == (3, 2, 1)
    assert statistics.downtime == 5
    assert trio.current_time() == 26


async def test_leaving_the_block(autojump_clock: MockClock, spare: trio.Nursery) -> None:
    """Leaving the block ends a run in another task, which is told so; the peer hears 1001."""
    world = World(spare, listen)
    told: list[str] = []

    async def run(supervisor: Supervisor) -> None:
        with pytest.raises(trio.ClosedResourceError) as caught:
            await supervisor.run(waiting)
        told.append(str(caught.value))

    async with open_supervisor(URL, **options(world)) as supervisor:
        spare.start_soon(run, supervisor)
        await supervisor.wait_for(S.STABLE)
    assert supervisor.state is S.CLOSED
    await trio.testing.wait_all_tasks_blocked()
    assert told == ["the block of open_supervisor was left"]
    assert world.farewells == [1001]


async def test_a_block_without_a_run(autojump_clock: MockClock, spare: trio.Nursery) -> None:
    """Leaving the block wakes whoever waits, and nothing can be run afterwards."""
    seen: list[SupervisorState] = []
    async with open_supervisor(URL) as supervisor:

        async def look() -> None:
            seen.extend([transition.state async for transition in supervisor.events()])

        spare.start_soon(look)
        await trio.testing.wait_all_tasks_blocked()
    await trio.testing.wait_all_tasks_blocked()
    assert seen == [S.CLOSED]
    with pytest.raises(trio.ClosedResourceError):
        await supervisor.run(waiting)


async def test_it_runs_once(autojump_clock: MockClock, spare: trio.Nursery) -> None:
    """A second run is refused."""
    world = World(spare, closing(1000))
    async with open_supervisor(URL, **options(world)) as supervisor:
        await supervisor.run(listening)
        with pytest.raises(RuntimeError, match="a supervisor runs once"):
            await supervisor.run(listening)


async def test_an_exception_in_the_block() -> None:
    """It leaves the block bare."""
    with pytest.raises(KeyError):
        async with open_supervisor(URL):
            raise KeyError


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"endpoint": []}, ValueError),
        ({"endpoint": "http://a/"}, InvalidURL),
        ({"hartbeat": None}, TypeError),
        ({"timeouts": 5}, TypeError),
        ({"on_transition": []}, TypeError),
        ({"subprotocols": ["a b"]}, LocalProtocolError),
        ({"headers": {"Upgrade": "x"}}, LocalProtocolError),
    ],
)
def test_nonsense(wrong: dict[str, Any], error: type[Exception]) -> None:
    """Endpoints and options that are none are refused by the call, even outside of Trio."""
    with pytest.raises(error):
        open_supervisor(**{"endpoint": URL, **wrong})


async def test_headers_that_can_be_read_once(
    autojump_clock: MockClock, spare: trio.Nursery
) -> None:
    """They are sent with each attempt all the same."""
    world, seen = World(spare, REFUSED, closing(1000)), []

    def connect(url: str, **options: Any) -> Any:
        seen.append(dict(options["headers"]))
        return world.connect(url, **options)

    given: Any = {"connect": connect, "jitter": half, "headers": iter([("A", "b")])}
    await supervise(listening, URL, **given)
    assert seen == [{"A": "b"}] * 2


async def test_repr(autojump_clock: MockClock, spare: trio.Nursery) -> None:
    """It tells the state, the endpoint, what is next and why."""
    world = World(spare, REFUSED, closing(1000))
    async with open_supervisor(URL, **options(world)) as supervisor, trio.open_nursery() as nursery:
        nursery.start_soon(supervisor.run, listening)
        await supervisor.wait_for(S.WAITING)
        told = repr(supervisor)
    assert "waiting, attempt 2 in 2.5 s; ws://***@example.com/?*** gave no connection" in told
    assert "refused" in told


async def test_a_block_that_raises_and_is_cancelled(
    autojump_clock: MockClock, spare: trio.Nursery
) -> None:
    """Its exception leaves (P2); without one the cancellation does."""
    world = World(spare, silence)

    async def run(supervisor: Supervisor) -> None:
        with suppress(trio.ClosedResourceError):
            await supervisor.run(listening)

    async def leave(*, raising: bool) -> bool:
        scope = trio.CancelScope(deadline=trio.current_time() + 1)
        async with trio.open_nursery() as nursery:
            with scope, suppress(LookupError):
                async with open_supervisor(URL, **options(world)) as supervisor:
                    nursery.start_soon(run, supervisor)  # noqa: ASYNC111 - it ends with the block
                    await trio.sleep(0.9)
                    if raising:
                        raise LookupError
        return scope.cancelled_caught

    assert not await leave(raising=True)
    assert await leave(raising=False)


async def test_no_states(autojump_clock: trio.testing.MockClock) -> None:
    """Waiting for no state, or for what is none, would last for ever."""
    async with open_supervisor("ws://a") as supervisor:
        with pytest.raises(ValueError, match="states must be one SupervisorState or more"):
            await supervisor.wait_for()
        with pytest.raises(TypeError, match="each of states must be SupervisorState"):
            await supervisor.wait_for("open")  # type: ignore[arg-type]
