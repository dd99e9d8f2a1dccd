"""`trio_ws._inbox`: what has arrived and waits, counted in bytes."""

from __future__ import annotations

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from trio_ws._inbox import Inbox, wire_size
from trio_ws._sansio.assembly import Part
from trio_ws._sansio.outbox import ITEM_COST

messages = st.text() | st.binary()


@given(messages)
def test_wire_size(message: str | bytes) -> None:
    """The size of a message is that of its bytes on the wire."""
    assert wire_size(message) == len(message.encode() if isinstance(message, str) else message)


def test_wire_size_of_what_cannot_be_sent() -> None:
    """Text with lone surrogates has a size too: that it cannot be sent is told elsewhere."""
    assert wire_size("a\ud800") == 4


@given(st.lists(messages))
def test_order(arrived: list[str | bytes]) -> None:
    """Messages come out in the order in which they went in."""
    inbox = Inbox()
    for message in arrived:
        inbox.put([message])
    assert [inbox.take() for _ in arrived] == arrived
    assert not inbox


@given(st.lists(messages), st.lists(messages))
def test_size(arrived: list[str | bytes], parts: list[str | bytes]) -> None:
    """The size counts bytes, and for each item what it costs to keep; nothing is left behind."""
    inbox = Inbox()
    for message in arrived:
        inbox.put([message])
    for part in parts:
        inbox.put_part(Part(part, finished=False))
    assert inbox.size == sum(wire_size(item) + ITEM_COST for item in arrived + parts)
    for _ in arrived:
        inbox.take()
    for _ in parts:
        inbox.take_part()
    assert inbox.size == 0


def test_empty_messages_fill_it_too() -> None:
    """A flood of empty messages has a size."""
    inbox = Inbox()
    for _ in range(1000):
        inbox.put([""])
    assert inbox.size == 1000 * ITEM_COST


@pytest.mark.parametrize("finished", [True, False])
def test_parts_wait_apart(finished: bool) -> None:
    """Parts and messages do not get into each other's way."""
    inbox = Inbox()
    inbox.put_part(Part("a", finished))
    assert inbox
    inbox.put(["b"])
    assert inbox.take() == "b"
    assert inbox
    assert inbox.take_part() == Part("a", finished)
    assert not inbox


async def test_one_message_wakes_one_receiver() -> None:
    """A message wakes the receiver that has waited longest, and no other."""
    inbox = Inbox()
    got: list[tuple[int, str | bytes]] = []

    async def receive(number: int) -> None:
        await inbox.receivers.park()
        got.append((number, inbox.take()))

    async with trio.open_nursery() as nursery:
        for number in range(3):
            nursery.start_soon(receive, number)
            await wait_all_tasks_blocked()
        for message in ("a", "b", "c"):
            inbox.put([message])
            await wait_all_tasks_blocked()
    assert got == [(0, "a"), (1, "b"), (2, "c")]


async def test_a_part_wakes_the_streamer() -> None:
    """A part wakes who streams, and leaves the receivers asleep."""
    inbox = Inbox()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.streamers.park)
        nursery.start_soon(inbox.receivers.park)
        await wait_all_tasks_blocked()
        inbox.put_part(Part(b"a", finished=True))
        assert not inbox.streamers
        assert inbox.receivers
        nursery.cancel_scope.cancel()


async def test_a_message_wakes_the_streamer_too() -> None:
    """A whole message wakes who streams as well: it may be the one that was to be streamed."""
    inbox = Inbox()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.streamers.park)
        await wait_all_tasks_blocked()
        inbox.put([b"a"])


async def test_wake_all() -> None:
    """When nothing more will come everybody wakes."""
    inbox = Inbox()
    async with trio.open_nursery() as nursery:
        for lot in (inbox.receivers, inbox.receivers, inbox.streamers):
            nursery.start_soon(lot.park)
        await wait_all_tasks_blocked()
        inbox.wake_all()
