"""`trio_ws._liveness.pings`: which pings a pong answers, and what the round trips tell."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_ws._liveness.pings import RIGHT_AFTER, PendingPing, Pings, RoundTrips

Clock = trio.testing.MockClock


def asked(pings: Pings, *payloads: bytes) -> list[PendingPing]:
    """Send pings, one each second, each behind ten data frames more."""
    return [
        pings.add(payload, now=second, frames_before=10 * second)
        for second, payload in enumerate(payloads)
    ]


def test_a_pong_answers_its_ping_and_all_before_it() -> None:
    """A peer may answer the newest ping only (RFC 6455 §5.5.3)."""
    pings = Pings()
    first, second, third = asked(pings, b"a", b"b", b"c")
    pings.on_pong(b"b", 5)
    assert [ping.rtt for ping in (first, second, third)] == [5, 4, None]
    assert [ping.over for ping in (first, second, third)] == [True, True, False]
    assert len(pings) == 1
    assert pings.round_trips.last == 4
    assert pings.frames_confirmed == 10


@pytest.mark.parametrize("payload", [b"", b"x", b"a"])
def test_a_pong_that_answers_none(payload: bytes) -> None:
    """A pong that is unsolicited, forged or late is ignored."""
    pings = Pings()
    asked(pings, b"a", b"b")
    pings.on_pong(b"a", 2)
    pings.on_pong(payload, 9)
    assert len(pings) == 1
    assert pings.round_trips.last == 2


def test_of_equal_pings_the_oldest_is_answered() -> None:
    """Two pings may have one payload: each pong answers the older of them."""
    pings = Pings()
    first, second = asked(pings, b"same", b"same")
    pings.on_pong(b"same", 3)
    assert (first.rtt, second.rtt) == (3, None)
    pings.on_pong(b"same", 3)
    assert second.rtt == 2


def test_discarded() -> None:
    """A ping that is discarded is answered by no pong; to discard it again changes nothing."""
    pings = Pings()
    first, second = asked(pings, b"a", b"b")
    for _ in range(2):
        pings.discard(first)
    pings.discard(None)
    pings.on_pong(b"a", 3)
    assert (first.rtt, second.rtt, len(pings)) == (None, None, 1)


async def test_tasks_that_wait(autojump_clock: Clock) -> None:
    """The task that waits is woken by the pong, or when none will come any more."""
    pings = Pings()
    first, second = asked(pings, b"a", b"b")
    woken: list[tuple[float, float | None]] = []

    async def wait(ping: PendingPing) -> None:
        await ping.wait()
        woken.append((trio.current_time(), ping.rtt))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait, first)
        nursery.start_soon(wait, second)
        await trio.sleep(1)
        pings.on_pong(b"a", 1)
        await trio.sleep(1)
        pings.abandon_all()
    assert woken == [(1, 1), (2, None)]
    assert len(pings) == 0
    await wait(first)
    await wait(second)
    assert woken[2:] == [(2, 1), (2, None)]


def test_round_trips() -> None:
    """The average moves by an eighth towards the newest (RFC 6298 §2)."""
    trips = RoundTrips()
    assert (trips.last, trips.smoothed, trips.least) == (None, None, None)
    for rtt in (8.0, 16.0, 4.0):
        trips.add(rtt)
    assert (trips.last, trips.smoothed, trips.least) == (4, 9 + (4 - 9) / 8, 4)


def test_an_end_right_after_a_ping() -> None:
    """If a peer breaks off at its first ping, that is told with the remedy (F1.3)."""
    pings = Pings()
    assert pings.hint_at_end(0) == ""
    asked(pings, b"a", b"b")
    hint = pings.hint_at_end(1 + RIGHT_AFTER)
    assert hint.startswith("it ended right after a ping")
    assert "heartbeat=None" in hint
    assert pings.hint_at_end(1.1 + RIGHT_AFTER) == "", "too late to be the reason"
    pings.on_pong(b"b", 1.5)
    assert pings.hint_at_end(1.5) == ""
    pings.add(b"c", now=2, frames_before=0)
    assert pings.hint_at_end(2) == "", "a peer that has answered a ping knows them"
