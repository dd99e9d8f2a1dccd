"""A feed of events, offered in four ways on one port."""

from __future__ import annotations

import json

import pytest
import trio
import trio.testing

from trio_ws import open_websocket_on
from trio_ws._cli.feed import Feed, FeedServer, Heads, Replayed

Pair = tuple[trio.abc.Stream, Heads]


async def test_events_can_be_awaited(autojump_clock: trio.testing.MockClock) -> None:
    """Those that were not seen, with how long ago they happened."""
    feed = Feed()
    assert (len(feed), feed.beyond(0)) == (0, [])

    async def happen() -> None:
        await trio.sleep(3)
        feed.publish()
        feed.publish()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(happen)
        events = await feed.wait_beyond(0)
    assert [json.loads(event)["id"] for event in events] == [0, 1]
    assert trio.current_time() == 3
    await trio.sleep(2)
    assert feed.age(1) == 2
    assert await feed.wait_beyond(1) == events[1:]


async def test_heads_lines_and_bodies_are_cut_off() -> None:
    """However they arrive, and whatever is missing at the end."""
    ours, theirs = trio.testing.memory_stream_pair()
    heads = Heads(ours)
    for piece in (b"GET / HTTP/1.1\r\n", b"A: b\r\n\r", b"\nbo", b"dyline\n", b"rest"):
        await theirs.send_all(piece)
        if piece.endswith(b"\nbo"):
            assert await heads.next() == "GET / HTTP/1.1\r\nA: b\r\n\r\n"
    await theirs.send_eof()
    assert await heads.take(4) == b"body"
    assert await heads.line() == b"line"
    assert await heads.take(10) == b"rest"
    assert await heads.line() is None
    assert await heads.next() is None


async def test_a_head_without_an_end_is_given_up() -> None:
    """It would take all memory."""
    ours, theirs = trio.testing.memory_stream_pair()
    await theirs.send_all(b"x" * 20_000)
    assert await Heads(ours).next() is None


async def test_what_was_read_can_be_put_back() -> None:
    """It comes first; everything else goes through."""
    ours, theirs = trio.testing.memory_stream_pair()
    async with Replayed(ours, b"beginning") as stream:
        assert await stream.receive_some() == b"beginning"
        await theirs.send_all(b"more")
        assert await stream.receive_some() == b"more"
        await stream.wait_send_all_might_not_block()
        await stream.send_all(b"out")
        assert await theirs.receive_some() == b"out"
    assert await theirs.receive_some() == b""


# The server


async def asked(feed: Feed, nursery: trio.Nursery, target: str) -> Pair:
    """Ask a server of the feed for something."""
    ours, theirs = trio.testing.memory_stream_pair()
    nursery.start_soon(FeedServer(feed).serve, theirs)
    await ours.send_all(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return ours, Heads(ours)


async def body_of(heads: Heads) -> object:
    """Return the next answer, as JSON."""
    head = await heads.next()
    assert head is not None
    size = head.partition("Content-Length: ")[2].partition("\r\n")[0]
    return json.loads(await heads.take(int(size)))


async def test_a_short_poll_is_answered_at_once(nursery: trio.Nursery) -> None:
    """With nothing, if there is nothing; the connection is kept alive."""
    feed = Feed()
    stream, heads = await asked(feed, nursery, "/short")
    assert await body_of(heads) == []
    feed.publish()
    feed.publish()
    await stream.send_all(b"GET /short?after=1 HTTP/1.1\r\n\r\n")
    assert await body_of(heads) == [{"id": 1, "price": 101}]
    await stream.send_all(b"GET /short?after=nonsense HTTP/1.1\r\n\r\n")
    assert len(str(await body_of(heads))) > 40
    nursery.cancel_scope.cancel()


async def test_a_long_poll_is_answered_when_there_is_news(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """And not before."""
    feed = Feed()
    _, heads = await asked(feed, nursery, "/long?after=0")
    with trio.move_on_after(100) as scope:
        await body_of(heads)
    assert scope.cancelled_caught
    feed.publish()
    assert await body_of(heads) == [{"id": 0, "price": 100}]
    nursery.cancel_scope.cancel()


async def test_server_sent_events_are_lines(nursery: trio.Nursery) -> None:
    """One answer that does not end (HTML Living Standard §9.2)."""
    feed = Feed()
    feed.publish()
    _, heads = await asked(feed, nursery, "/sse")
    head = await heads.next()
    assert head is not None
    assert "Content-Type: text/event-stream\r\n" in head
    feed.publish()
    lines = [await heads.line() for _ in range(6)]
    assert lines[:3] == [b"id: 0", b'data: {"id": 0, "price": 100}', b""]
    assert lines[3:5] == [b"id: 1", b'data: {"id": 1, "price": 101}']
    nursery.cancel_scope.cancel()


async def test_a_websocket_gets_messages(nursery: trio.Nursery) -> None:
    """On the same port; over any stream."""
    feed = Feed()
    ours, theirs = trio.testing.memory_stream_pair()
    nursery.start_soon(FeedServer(feed).serve, theirs)
    async with open_websocket_on(ours, "ws://x/ws") as ws:
        feed.publish()
        assert json.loads(await ws.receive()) == {"id": 0, "price": 100}


async def test_a_websocket_on_a_socket_keeps_it() -> None:
    """Its head is peeked at; other requests on a socket are answered as elsewhere."""
    feed = Feed()
    feed.publish()
    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, FeedServer(feed).serve, [listener])
        port = listener.socket.getsockname()[1]
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with open_websocket_on(stream, "ws://x/ws") as ws:
            assert json.loads(await ws.receive())["id"] == 0
        async with await trio.open_tcp_stream("127.0.0.1", port) as other:
            await other.send_all(b"GET /short HTTP/1.1\r\n\r\n")
            assert await body_of(Heads(other)) == [{"id": 0, "price": 100}]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("request_line", ["GET /else HTTP/1.1", "nonsense"])
async def test_nothing_else_is_there(request_line: str, nursery: trio.Nursery) -> None:
    """That is answered, too."""
    ours, theirs = trio.testing.memory_stream_pair()
    nursery.start_soon(FeedServer(Feed()).serve, theirs)
    await ours.send_all(f"{request_line}\r\n\r\n".encode())
    head = await Heads(ours).next()
    assert head is not None
    assert head.startswith("HTTP/1.1 404 ")
    nursery.cancel_scope.cancel()


async def test_a_client_may_leave_at_any_time(nursery: trio.Nursery) -> None:
    """Before it asks, and while it is sent something."""
    feed = Feed()
    server = FeedServer(feed)
    ours, theirs = trio.testing.memory_stream_pair()
    await ours.send_eof()
    await server.serve(theirs)
    stream, heads = await asked(feed, nursery, "/sse")
    await heads.next()
    await stream.aclose()
    feed.publish()
    await trio.testing.wait_all_tasks_blocked()
    assert not nursery.child_tasks
