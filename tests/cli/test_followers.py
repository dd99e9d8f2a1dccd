"""Clients in four ways hear of every event, and note how late."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_ws._cli.feed import LONG, SHORT, SSE, WAYS, WEBSOCKET, Feed, FeedServer
from trio_ws._cli.followers import Follower, Poll, Record, request


async def followed(way: str, times: list[float]) -> Record:
    """Follow a feed whose events happen at these times, until 20 s; polling every 4 s."""
    feed = Feed()
    server, record = FeedServer(feed), Record(way, feed)
    async with trio.open_nursery() as nursery:

        async def connect() -> trio.abc.Stream:
            await trio.lowlevel.checkpoint()
            ours, theirs = trio.testing.memory_stream_pair()
            nursery.start_soon(server.serve, theirs)
            return ours

        nursery.start_soon(Follower(connect, record, interval=4).follow, 1.0)
        for time in times:
            await trio.sleep_until(time)
            feed.publish()
        await trio.sleep_until(20)
        nursery.cancel_scope.cancel()
    return record


@pytest.mark.parametrize("way", [LONG, SSE, WEBSOCKET])
async def test_those_that_are_pushed_to_hear_at_once(
    way: str, autojump_clock: trio.testing.MockClock
) -> None:
    """However the events come."""
    record = await followed(way, [2, 2.5, 7])
    assert list(record.delays) == [0, 0, 0]
    assert record.requests == {LONG: 4, SSE: 1, WEBSOCKET: 1}[way]
    assert record.traffic.sent > 0
    assert record.traffic.received > 100


async def test_short_polling_hears_at_its_next_request(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """At 1, 5, 9, 13 and 17 s; most of them bring nothing."""
    record = await followed(SHORT, [2, 2.5, 7, 7])
    assert list(record.delays) == [3, 2.5, 2, 2]
    assert record.requests == 5
    assert record.traffic.sent == sum(
        len(request(f"/short?after={seen}")) for seen in (0, 0, 2, 4, 4)
    )


async def test_a_server_that_ends_ends_the_client() -> None:
    """A poll raises; a stream of events is over."""
    ours, theirs = trio.testing.memory_stream_pair()
    await theirs.send_eof()
    poll = Poll(ours, "/short", Record(SHORT, Feed()))
    with pytest.raises(trio.BrokenResourceError):
        await poll.once()
    record = Record(SSE, Feed())

    async def connect() -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        ours, theirs = trio.testing.memory_stream_pair()
        await theirs.send_all(b"HTTP/1.1 200 OK\r\n\r\n")
        await theirs.send_eof()
        return ours

    await Follower(connect, record, interval=1).follow()
    assert (record.way, len(record.delays), len(WAYS)) == (SSE, 0, 4)
