"""`trio_ws._connection.delivery`: how far the messages of a connection have come."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock, lockstep_stream_pair

from trio_ws import ConnectionLost, Heartbeat, Limits, MessageHeartbeat, Watchdog
from trio_ws._connection.delivery import Delivery, DeliveryState, FrameRanges
from trio_ws.testing import open_websocket_to_peer
from trio_ws.testing._peer import PING, PONG

from ..streams import socket_pair

WAITING, WRITTEN, CONFIRMED = DeliveryState.WAITING, DeliveryState.WRITTEN, DeliveryState.CONFIRMED


def stuck() -> dict[str, trio.abc.Stream]:
    """Streams on which nothing is written before it is read."""
    ours, theirs = lockstep_stream_pair()
    return {"stream": ours, "peer_stream": theirs}


async def test_a_message_comes_far(autojump_clock: MockClock) -> None:
    """It waits, is written, and is confirmed by the pong of a later ping, not an earlier one."""
    async with open_websocket_to_peer(client=True) as (ws, peer):
        delivery = Delivery(ws)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.ping, b"before")
            await trio.testing.wait_all_tasks_blocked()
            receipt = await delivery.send("a")
            await ws.flush()
            assert (receipt.state, receipt.message, delivery.in_doubt) == (WRITTEN, "a", 1)
            await peer.expect_frame(PING)
            await peer.send_frame(PONG, b"before")
        assert (receipt.state, delivery.in_doubt) == (WRITTEN, 1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.ping, b"after")
            await peer.expect_frame(1)
            await peer.expect_frame(PING)
            second = await delivery.send("b")
            await peer.send_frame(PONG, b"after")
        assert (receipt.state, second.state, delivery.in_doubt) == (CONFIRMED, WRITTEN, 1)
    assert delivery.take_back() == []


async def test_a_ping_that_overtakes(autojump_clock: MockClock) -> None:
    """A pong proves nothing about a message that its ping has overtaken (RFC 6455 §5.4)."""
    with pytest.raises(ConnectionLost):
        async with open_websocket_to_peer(client=True, **stuck()) as (ws, peer):  # type: ignore[arg-type]
            delivery = Delivery(ws)
            first = await delivery.send("in hand")
            await trio.testing.wait_all_tasks_blocked()
            second = await delivery.send("behind it")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ws.ping, b"overtakes")
                await peer.expect_frame(1)
                await peer.expect_frame(PING)
                await peer.expect_frame(1)
                await ws.flush()
                await peer.send_frame(PONG, b"overtakes")
            assert (first.state, second.state) == (CONFIRMED, WRITTEN)
            assert delivery.in_doubt == 1
            await peer.aclose()
            await trio.sleep_forever()


async def test_a_close_confirms(autojump_clock: MockClock) -> None:
    """A close that we began and the peer answered proves that everything arrived."""
    async with open_websocket_to_peer(client=True) as (ws, peer):
        delivery = Delivery(ws)
        receipt = await delivery.send("a")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.close)
            await peer.expect_frame(1)
            await peer.close_politely()
        assert (receipt.state, delivery.in_doubt) == (CONFIRMED, 0)


async def test_a_close_of_the_peers_confirms_nothing(autojump_clock: MockClock) -> None:
    """The peer may have closed before it had read what we sent."""
    async with open_websocket_to_peer(client=True) as (ws, peer):
        delivery = Delivery(ws)
        receipt = await delivery.send("a")
        await peer.send_close(1001)
        await ws.wait_closed()
        assert (receipt.state, delivery.in_doubt) == (WRITTEN, 1)


async def test_taken_back(autojump_clock: MockClock) -> None:
    """What was not begun to be written is taken back, in order, and is not sent."""
    with pytest.raises(ConnectionLost):
        async with open_websocket_to_peer(client=True, **stuck()) as (ws, peer):  # type: ignore[arg-type]
            delivery = Delivery(ws)
            receipts = [await delivery.send("a")]
            await trio.testing.wait_all_tasks_blocked()
            receipts += [await delivery.send(text) for text in "bcd"]
            assert [each.state for each in receipts] == [WRITTEN, WAITING, WAITING, WAITING]
            await peer.aclose()
            await ws.wait_closed()
            assert delivery.in_doubt == 1
            assert delivery.take_back() == receipts[1:]
            assert delivery.take_back() == []
            assert [each.state for each in receipts] == [WRITTEN, WAITING, WAITING, WAITING]
            assert ws.statistics().send_queue == 0


async def test_messages_of_others(autojump_clock: MockClock) -> None:
    """What is sent beside, heartbeats for instance, does not count."""
    beat = MessageHeartbeat(message="beat", interval=1, timeout=100)
    async with open_websocket_to_peer(client=True, heartbeat=beat) as (ws, _):
        delivery = Delivery(ws)
        await ws.send("before")
        for _ in range(3):
            await delivery.send("mine")
            await ws.send("between")
            await trio.sleep(3)
        await ws.flush()
        assert delivery.in_doubt == 3
        assert not delivery.answers_pings


async def test_what_was_written_is_not_kept(autojump_clock: MockClock) -> None:
    """A thousand messages that were written leave one range of numbers behind."""
    async with open_websocket_to_peer(client=True) as (ws, _):
        delivery = Delivery(ws)
        for _ in range(1000):
            await delivery.send("a")
        await ws.flush()
        await delivery.send("b")
        assert len(delivery._waiting) <= 1
        assert len(delivery._frames._ranges) == 1


async def test_written_at_once() -> None:
    """Over a socket a message is written before there is a receipt for it."""
    ours, theirs = socket_pair()
    async with open_websocket_to_peer(client=True, stream=ours, peer_stream=theirs) as (ws, peer):
        delivery = Delivery(ws)
        receipt = await delivery.send("a")
        assert receipt.state is WRITTEN
        assert not delivery._waiting
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.close)
            await peer.expect_frame(1)
            await peer.close_politely()
    assert receipt.state is CONFIRMED


@pytest.mark.parametrize(
    ("heartbeat", "answers"),
    [(Heartbeat(), True), (None, False), (Watchdog(), False), ([Watchdog(), Heartbeat()], True)],
)
async def test_a_peer_that_answers_pings(
    autojump_clock: MockClock, heartbeat: Any, answers: bool
) -> None:
    """It may be asked if the connection's heartbeat asks it, too."""
    async with open_websocket_to_peer(client=True, heartbeat=heartbeat) as (ws, _):
        assert Delivery(ws).answers_pings is answers


async def test_what_has_arrived(autojump_clock: MockClock) -> None:
    """What was not taken is counted in bytes, and can be dropped."""
    limits = Limits(receive_buffer=5000)
    async with open_websocket_to_peer(client=True, limits=limits) as (ws, peer):
        delivery = Delivery(ws)
        assert (delivery.unread, delivery.receive_buffer) == (0, 5000)
        for text in ("a", "b", "c"):
            await peer.send_text(text)
        await trio.testing.wait_all_tasks_blocked()
        assert await ws.receive() == "a"
        assert delivery.unread == 2 * 65
        assert delivery.drop_unread() == 2
        assert (delivery.unread, delivery.drop_unread()) == (0, 0)


def test_no_connection() -> None:
    """A wrapper that hides its connection is refused by name."""
    with pytest.raises(
        TypeError, match=r"must be a WebSocket, .* \(put a wrapper around the channel"
    ):
        Delivery("a wrapper")  # type: ignore[arg-type]


@given(
    gaps=st.lists(st.integers(1, 3), max_size=30),
    confirmed=st.integers(0, 99),
    until=st.integers(0, 99),
)
def test_ranges(gaps: list[int], confirmed: int, until: int) -> None:
    """Ranges count as a set of numbers does."""
    ranges, numbers, frame = FrameRanges(), set[int](), 0
    for gap in gaps:
        frame += gap
        ranges.add(frame)
        numbers.add(frame)
    assert ranges.count(until) == len([n for n in numbers if n <= until])
    ranges.forget(confirmed)
    assert ranges.count(until) == len([n for n in numbers if confirmed < n <= until])
    assert len(ranges._ranges) <= 1 + gaps.count(2) + gaps.count(3)
