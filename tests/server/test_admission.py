"""`trio_ws._server.admission`: places in the lobby, and seats."""

from __future__ import annotations

import pytest
import trio

from trio_ws._handshake.server import Refusal
from trio_ws._server.admission import FULL_RETRY_AFTER, Admission


def admission(places: int = 2, seats: int | None = None) -> Admission:
    return Admission(max_places=places, max_seats=seats, patience=10)


async def wait_in(hall: Admission, gone: list[str], name: str, renew_at: float = 0) -> None:
    """Hold a place until it is lost, and note when that was."""
    with hall.place() as place:
        if renew_at:
            await trio.sleep_until(renew_at)
            place.renew()
        await trio.sleep_forever()
    gone.append(f"{name} at {trio.current_time():g}")


async def test_patience(autojump_clock: object) -> None:
    """A place is lost after a while, which begins anew with each request."""
    hall, gone = admission(), list[str]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait_in, hall, gone, "one")
        nursery.start_soon(wait_in, hall, gone, "two", 7)
    assert gone == ["one at 10", "two at 17"]
    assert not hall.places


async def test_full_lobby(autojump_clock: object) -> None:
    """When the lobby is full, a newcomer takes the place of the one that waited longest."""
    hall, gone = admission(), list[str]()
    async with trio.open_nursery() as nursery:
        for name in ("one", "two", "three", "four"):
            nursery.start_soon(wait_in, hall, gone, name, 8 if name == "one" else 0)
            await trio.sleep(1)
        await trio.sleep(5)
        assert len(hall.places) == 2
    assert gone == ["one at 2", "two at 3", "three at 12", "four at 13"]


async def test_renewing_moves_to_the_end(autojump_clock: object) -> None:
    """Who has just been answered is not the one that waited longest."""
    hall, gone = admission(), list[str]()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait_in, hall, gone, "one", 2)
        await trio.sleep(1)
        nursery.start_soon(wait_in, hall, gone, "two")
        await trio.sleep(2)
        nursery.start_soon(wait_in, hall, gone, "three")
        await trio.sleep(1)
        assert gone == ["two at 3"]
        nursery.cancel_scope.cancel()


async def test_a_lost_place_stays_lost(autojump_clock: object) -> None:
    """Renewing does not bring back a place that was given to somebody else."""
    hall = admission(places=1)
    with hall.place() as first:
        with hall.place() as second:
            first.renew()
            assert list(hall.places) == [second]
        await trio.sleep_forever()
    assert trio.current_time() == 0


async def test_errors_pass() -> None:
    """An error within leaves, and the place is free."""
    hall = admission()
    with pytest.raises(ValueError), hall.place():
        raise ValueError
    assert not hall.places


async def test_seats() -> None:
    """Seats are taken until there are no more, and can be left."""
    hall = admission(seats=2)
    hall.take_seat()
    hall.take_seat()
    with pytest.raises(Refusal) as caught:
        hall.take_seat()
    assert caught.value.response.status == 503
    assert caught.value.response.headers["Retry-After"] == str(FULL_RETRY_AFTER)
    hall.leave_seat()
    hall.take_seat()
    assert hall.seats == 2


async def test_closed(autojump_clock: object) -> None:
    """A closed server says when it is worth to try again, never less than a second."""
    hall = admission()
    hall.close(until=trio.current_time() + 2.5)
    for expected in ("3", "2", "1", "1"):
        with pytest.raises(Refusal) as caught:
            hall.take_seat()
        assert caught.value.response.status == 503
        assert caught.value.response.headers["Retry-After"] == expected
        await trio.sleep(1)


async def test_wait_empty(autojump_clock: object) -> None:
    """One can wait until everybody is gone."""
    hall = admission()
    await hall.wait_empty()
    hall.take_seat()
    hall.take_seat()

    async def leave() -> None:
        for _ in range(2):
            await trio.sleep(1)
            hall.leave_seat()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(leave)
        await hall.wait_empty()
        assert trio.current_time() == 2
