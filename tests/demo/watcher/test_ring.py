"""The ring: bounded, and every reader has a place of its own."""

from __future__ import annotations

import json

import trio
import trio.testing

from trio_ws._demo.watcher.ring import BATCH, CAPACITY, Ring


def test_what_was_added_is_read() -> None:
    """A reader gets what is beyond its place, as JSON, and its next place."""
    ring = Ring()
    ring.add({"k": "a"})
    ring.add({"k": "ü"})
    assert ring.read(0) == ('[{"k":"a"},{"k":"\\u00fc"}]', 2)
    assert ring.read(1) == ('[{"k":"\\u00fc"}]', 2)
    assert ring.read(2) == ("[]", 2)


def test_the_oldest_is_forgotten() -> None:
    """The ring holds so many bytes; a reader that is too slow goes on with the oldest."""
    ring = Ring(capacity=100)
    for number in range(50):
        ring.add({"n": number})
    assert ring.size <= 100
    assert ring.end == 50
    text, place = ring.read(3)
    assert place == 50
    assert [each["n"] for each in json.loads(text)] == list(range(ring.first, 50))
    assert ring.first == 38


def test_a_night_fits() -> None:
    """5 MB, and not more, however long it takes."""
    ring = Ring()
    for _ in range(60):
        ring.add({"text": "x" * 100_000})
    assert 4_900_000 < ring.size <= CAPACITY == 5_000_000


def test_a_batch_has_a_size() -> None:
    """A reader that begins late reads in batches."""
    ring = Ring()
    for _ in range(10):
        ring.add({"text": "x" * 100_000})
    text, place = ring.read(0)
    assert BATCH < len(text) < BATCH + 101_000
    assert place == 3


async def test_waiting_ends_with_the_next_record(autojump_clock: trio.testing.MockClock) -> None:
    """Who waits beyond a place is woken when there is something, and not before."""
    ring = Ring()
    ring.add({})
    await ring.wait_beyond(0)

    async def add() -> None:
        for _ in range(2):
            await trio.sleep(1)
            ring.add({})

    async with trio.open_nursery() as nursery:
        nursery.start_soon(add)
        await ring.wait_beyond(2)
    assert trio.current_time() == 2
