"""`trio_ws._server.admission`: slots for handshakes, and slots for connections."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager

import pytest
import trio
import trio.testing

from trio_ws._handshake.server import Refusal
from trio_ws._server.admission import (
    FULL_RETRY_AFTER,
    NEW_GRACE,
    Admission,
    ConnectionSlot,
    HandshakeSlot,
    Phase,
    Quota,
)


def admission(handshakes: int = 2, connections: int | None = None) -> Admission:
    """Make one with short times."""
    return Admission(
        max_handshakes=handshakes, max_connections=connections, connect=10, keep_alive=30
    )


@contextmanager
def connection_slot(door: Admission) -> Generator[ConnectionSlot]:
    """Give a slot back as the task of a connection does."""
    slot = door.connection_slot()
    try:
        yield slot
    finally:
        slot.release()


async def hold(
    door: Admission, gone: list[str], name: str, answered_at: float = 0, asked_at: float = 0
) -> None:
    """Hold a handshake slot until it is lost, and note when that was."""
    with door.handshake_slot() as slot:
        slot.acquire()
        if answered_at:
            await trio.sleep_until(answered_at)
            slot.on_request()
            slot.on_answered()
        if asked_at:
            await trio.sleep_until(asked_at)
            slot.on_request()
            slot.on_request()
        await trio.sleep_forever()
    assert slot.lost
    gone.append(f"{name} at {trio.current_time():g}")


# Handshake slots


async def test_time(autojump_clock: object) -> None:
    """A slot is lost after `connect`, after `keep_alive` once answered, `connect` once asked."""
    door, gone = admission(3), list[str]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hold, door, gone, "new")
        nursery.start_soon(hold, door, gone, "idle", 7)
        nursery.start_soon(hold, door, gone, "asked", 7, 20)
    assert gone == ["new at 10", "asked at 30", "idle at 37"]
    assert not door.handshakes


async def test_more_of_the_first_request_is_no_new_time(autojump_clock: object) -> None:
    """A request that drips in has the time of the whole handshake, and no more."""
    door = admission()
    with door.handshake_slot() as slot:
        slot.acquire()
        for _ in range(20):
            slot.on_request()
            await trio.sleep(1)
    assert slot.lost
    assert trio.current_time() == 10


async def test_time_to_say_so(autojump_clock: object) -> None:
    """A deadline can be moved either way."""
    with admission().handshake_slot() as slot:
        slot.acquire()
        slot.extend(1)
        assert slot.deadline == 11
        slot.shorten(20)
        assert slot.deadline == 11
        slot.shorten(2)
        await trio.sleep_forever()
    assert trio.current_time() == 2


async def test_no_slot_left(autojump_clock: object) -> None:
    """When all are taken, a newcomer gets the slot of the one that has waited longest."""
    door, gone = admission(), list[str]()
    async with trio.open_nursery() as nursery:
        for name in ("one", "two", "three", "four"):
            nursery.start_soon(hold, door, gone, name, 8 if name == "one" else 0)
            await trio.sleep(1)
        await trio.sleep(5)
        assert len(door.handshakes) == 2
    assert gone == ["one at 2", "two at 3", "three at 12", "four at 13"]


async def test_an_answer_moves_to_the_end(autojump_clock: object) -> None:
    """What has just been answered is not the one that has waited longest."""
    door, gone = admission(), list[str]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hold, door, gone, "one", 2)
        await trio.sleep(1)
        nursery.start_soon(hold, door, gone, "two")
        await trio.sleep(2)
        nursery.start_soon(hold, door, gone, "three")
        await trio.sleep(1)
        assert gone == ["two at 3"]
        nursery.cancel_scope.cancel()


async def test_a_lost_slot_stays_lost(autojump_clock: object) -> None:
    """An answer does not bring back a slot that was given to another."""
    door = admission(handshakes=1)
    with door.handshake_slot() as first:
        first.acquire()
        with door.handshake_slot() as second:
            second.acquire()
            first.on_answered()
            assert list(door.handshakes) == [second]
        await trio.sleep_forever()
    assert trio.current_time() == 0


async def test_what_waits_for_nothing_needs_no_slot(autojump_clock: object) -> None:
    """A slot that was not acquired has no deadline and displaces no other; twice is once."""
    door = admission(handshakes=1)
    with door.handshake_slot() as first:
        first.acquire()
        first.acquire()
        with door.handshake_slot():
            assert list(door.handshakes) == [first]
        await trio.sleep_forever()
    assert first.lost
    assert trio.current_time() == 10
    with door.handshake_slot() as other:
        await trio.sleep(20)
    assert not other.lost


async def test_errors_pass() -> None:
    """An error within leaves, and both kinds of slots are free."""
    door = admission()
    with pytest.raises(ZeroDivisionError), connection_slot(door) as slot:
        slot.acquire()
        with door.handshake_slot() as handshake:
            handshake.acquire()
            raise ZeroDivisionError
    assert not handshake.lost
    assert not door.handshakes
    assert not door.connections


# Connection slots


async def test_connections() -> None:
    """Slots are taken until there are no more, and given back when they are left."""
    door = admission(connections=2)
    with connection_slot(door) as one:
        one.acquire()
        with connection_slot(door) as two:
            two.acquire()
            with connection_slot(door) as three, pytest.raises(Refusal) as caught:
                three.acquire()
            assert set(door.connections) == {one, two}
        with connection_slot(door) as four:
            four.acquire()
    response = caught.value.response
    assert response.status == 503
    assert FULL_RETRY_AFTER <= int(response.headers["Retry-After"]) <= 2 * FULL_RETRY_AFTER
    assert not door.connections


async def test_a_slot_that_was_not_taken() -> None:
    """Leaving it gives nothing back."""
    door = admission()
    with connection_slot(door), connection_slot(door) as other:
        other.acquire()
        assert len(door.connections) == 1


def retry_after(door: Admission, slot: ConnectionSlot) -> int:
    """Ask for a slot, and return when to come again."""
    with pytest.raises(Refusal) as caught:
        slot.acquire()
    assert caught.value.response.status == 503
    return int(caught.value.response.headers["Retry-After"])


async def test_closed(autojump_clock: object) -> None:
    """A closed server says when it is worth to try again, never less than a second."""
    door = admission()
    assert not door.closed
    with connection_slot(door) as slot:
        door.close(until=trio.current_time() + 2.5)
        assert door.closed
        for least, most in ((3, 5), (2, 3), (1, 2), (1, 2)):
            assert least <= retry_after(door, slot) <= most
            await trio.sleep(1)


async def test_not_all_come_back_at_once() -> None:
    """Clients that are refused in one moment are told different times (HAZARDS F2.1)."""
    door = admission()
    door.close(until=trio.current_time() + 100)
    with connection_slot(door) as slot:
        assert len({retry_after(door, slot) for _ in range(200)}) > 50


# Ending


async def test_what_waits_when_it_ends(autojump_clock: object) -> None:
    """What is idle ends at once, what said nothing yet soon, what has begun to ask does not."""
    door, gone = admission(10), list[str]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hold, door, gone, "idle", 1)
        nursery.start_soon(hold, door, gone, "busy", 1, 2)
        nursery.start_soon(hold, door, gone, "new")
        await trio.sleep(3)
        door.end_idle_handshakes()
        nursery.start_soon(hold, door, gone, "newer")
    assert sorted(gone) == ["busy at 12", "idle at 3", "new at 4", "newer at 4"]
    assert NEW_GRACE == 1


async def test_wait_empty(autojump_clock: object) -> None:
    """It waits for both kinds of slots, but for one perhaps."""
    door = admission()
    await door.wait_empty()
    with ExitStack() as stack:
        mine = stack.enter_context(connection_slot(door))
        mine.acquire()

        async def visit(seconds: float) -> None:
            with connection_slot(door) as slot:
                slot.acquire()
                await trio.sleep(seconds)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(visit, 2)
            nursery.start_soon(visit, 1)
            nursery.start_soon(hold, door, [], "handshake")
            await trio.testing.wait_all_tasks_blocked()
            await door.wait_empty(but=mine)
            assert trio.current_time() == 10
            with trio.move_on_after(1) as scope:
                await door.wait_empty()
            assert scope.cancelled_caught


async def test_whose_slot(autojump_clock: object) -> None:
    """A call is found to come from a slot's task, or from a child of it, however deep."""
    door = admission()
    found: list[HandshakeSlot | ConnectionSlot | None] = []

    async def look() -> None:
        await trio.lowlevel.checkpoint()
        found.append(door.slot_of_caller())

    async def serve() -> None:
        with connection_slot(door) as slot, door.handshake_slot() as handshake:
            handshake.acquire()
            await look()
            slot.acquire()
            door.release_handshake(handshake)
            async with trio.open_nursery() as inner:  # noqa: ASYNC112 - a task of its own
                inner.start_soon(look)
            outer.start_soon(look)
            await trio.sleep(1)
        assert found == [handshake, slot, None]
        assert handshake.phase is Phase.NEW

    async with trio.open_nursery() as outer:  # noqa: ASYNC112 - a task of its own
        outer.start_soon(serve)


# Quotas


async def test_a_quota(autojump_clock: object) -> None:
    """Of the slots of a server so many may be those of one route; each is given back once."""
    door, quota = admission(connections=3), Quota(2)
    with ExitStack() as stack:
        slots = [stack.enter_context(connection_slot(door)) for _ in range(5)]
        slots[0].acquire(quota)
        with connection_slot(door) as slot:
            slot.acquire(quota)
            assert quota.is_full
            with pytest.raises(Refusal, match="503: There is no room left here") as caught:
                slots[1].acquire(quota)
            retry = int(caught.value.response.headers["Retry-After"])
            assert FULL_RETRY_AFTER <= retry <= 2 * FULL_RETRY_AFTER
            assert len(door.connections) == 2
        assert not quota.is_full
        slots[2].acquire()
        slots[3].acquire()
        with pytest.raises(Refusal, match="503: The server is full"):
            slots[4].acquire(quota)
    assert not door.connections
    assert not quota.is_full


async def test_a_quota_of_a_server_that_ends(autojump_clock: object) -> None:
    """A server that ends says so, however full the route is."""
    door, quota = admission(), Quota(1)
    with connection_slot(door) as one, connection_slot(door) as other:
        one.acquire(quota)
        door.close(until=5)
        with pytest.raises(Refusal, match="503: The server is shutting down"):
            other.acquire(quota)
