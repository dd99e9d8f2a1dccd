"""The snippets of the documentation: the good ones are, and the bad ones do the harm they name."""

from __future__ import annotations

import gc
import json
import resource
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing

from docs.snippets import (
    careful_client,
    cleanup,
    closing,
    goodbye,
    hourly,
    limits,
    many_connections,
    nurseries,
    origins,
    tls_in_tests,
    unix,
)
from trio_ws import (
    Close,
    CloseCode,
    ConnectionClosed,
    ConnectionLost,
    Ending,
    HandshakeError,
    Heartbeat,
    Limits,
    Loss,
    Rejected,
    WebSocket,
    open_websocket,
    open_websocket_on,
    serve_websocket,
    serve_websocket_on,
)
from trio_ws.testing import open_websocket_pair, open_websocket_to_peer

Handler = Callable[[WebSocket], Awaitable[object]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncGenerator[str]:
    """Serve on a free port; the URL."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, handler, "127.0.0.1", 0)
        yield f"ws://127.0.0.1:{server.port}/"
        nursery.cancel_scope.cancel()


async def say_two_things(ws: WebSocket) -> None:
    await ws.send("one")
    await ws.send("two")


async def parts(*given: bytes, pause: float) -> AsyncIterator[bytes]:  # noqa: ASYNC900
    for part in given:
        await trio.sleep(pause)
        yield part


# The careful client, and where nurseries stand


async def test_the_careful_client_prints_what_comes(capsys: pytest.CaptureFixture[str]) -> None:
    """A normal end is no error."""
    async with serving(say_two_things) as url:
        await careful_client.main(url)
    assert capsys.readouterr().out == "one\ntwo\n"


async def test_the_careful_client_tells_what_went_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It tells a server that is not there from one that closes."""

    async def refuse(ws: WebSocket) -> None:
        await ws.close(CloseCode.TRY_AGAIN_LATER, "busy")

    async with serving(refuse) as url:
        await careful_client.main(url)
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    await careful_client.main(f"ws://127.0.0.1:{port}/")
    closed, refused = capsys.readouterr().out.splitlines()
    assert closed.startswith("connection closed: received 1013 (try again later) 'busy'")
    assert refused.startswith("could not connect: ")


async def test_a_nursery_inside_ends_with_the_connection(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What leaves the block is the one `ConnectionClosed`, not a group of it."""
    async with serving(say_two_things) as url:
        with pytest.raises(ConnectionClosed):
            await nurseries.inside(url)
    assert capsys.readouterr().out == "one\ntwo\n"


async def test_a_nursery_outside_raises_a_group() -> None:
    """The bad way: a task that outlives the connection meets its end by itself."""
    async with serving(say_two_things) as url:
        with pytest.RaisesGroup(ConnectionClosed):
            await nurseries.outside(url)


# Cancellation and the goodbye


async def test_a_timeout_around_receive_loses_nothing(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """What comes after the timeout is there for the next call."""
    async with open_websocket_pair() as (client, server):
        assert await goodbye.newest_price(client, "10") == "10"
        await server.send("11")
        assert await goodbye.newest_price(client, "10") == "11"


async def test_an_upload_cut_in_a_message_ends_the_connection(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The bad way: 1001, and the peer has half a message."""
    async with open_websocket_pair() as (client, server):
        await goodbye.upload_in_a_hurry(client, parts(b"1", b"2", pause=50))
        with pytest.raises(ConnectionClosed):
            await server.receive()
    assert server.ending is not None
    assert server.ending.code == CloseCode.GOING_AWAY


async def test_an_upload_cut_between_messages_does_not(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """What was sent arrives, and the connection is open."""
    async with open_websocket_pair() as (client, server):
        uploaded = parts(b"1", b"2", pause=50)
        await goodbye.upload(client, uploaded)
        assert await server.receive() == b"1"
        assert client.ending is None


async def test_a_reason_reaches_the_peer() -> None:
    """What is given to `close` is in the Close frame."""
    midnight, endings = trio.Event(), []

    async def remember(ws: WebSocket) -> None:
        midnight.set()
        endings.append(await ws.wait_closed())

    async with serving(remember) as url:
        await goodbye.until_midnight(url, midnight)
        await trio.testing.wait_all_tasks_blocked()
    (ending,) = endings
    assert (ending.code, ending.reason) == (CloseCode.GOING_AWAY, "the shift is over")


async def test_the_thermostat_wakes_up_when_the_line_is_dead(
    autojump_clock: trio.testing.MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sleep of an hour ends when the connection is lost."""
    start = trio.current_time()
    with pytest.raises(ConnectionLost):
        async with open_websocket_to_peer(client=False) as (ws, peer):
            await peer.send_text(json.dumps([{"power": 50, "seconds": 3600}]))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(hang_up_after, peer.aclose, 60)
                await goodbye.thermostat(ws)
    assert trio.current_time() - start == 60
    assert capsys.readouterr().out == "heating with 50 W\n"


async def hang_up_after(hang_up: Callable[[], Awaitable[None]], seconds: float) -> None:
    await trio.sleep(seconds)
    await hang_up()


async def test_the_stubborn_loop_turns_for_ever(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bad way: it goes on after the end, until somebody cancels it."""
    turns = []

    def count(error: object) -> None:
        turns.append(error)
        if len(turns) == 100:
            scope.cancel()

    monkeypatch.setattr(goodbye, "print", count, raising=False)
    async with open_websocket_pair() as (client, server):
        await server.close()
        with trio.CancelScope() as scope:
            await goodbye.stubborn(client)
    assert len(turns) == 100


async def test_the_sensible_loop_ends(
    autojump_clock: trio.testing.MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """It skips what it cannot read, and lets the end be the end."""
    async with open_websocket_pair() as (client, server):
        for text in ("1", "no JSON", "2"):
            await server.send(text)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.close)
            with pytest.raises(ConnectionClosed):
                await goodbye.sensible(client)
    first, error, second = capsys.readouterr().out.splitlines()
    assert (first, second) == ("1", "2")
    assert error.startswith("Expecting value")


@pytest.mark.parametrize(
    ("words", "at_least", "at_most"),
    [(goodbye.last_words_bad, 20, 41), (goodbye.last_words, 0.7, 0.7)],
)
async def test_last_words_need_a_bound(
    words: Handler, at_least: float, at_most: float, autojump_clock: trio.testing.MockClock
) -> None:
    """If the peer does not read, an unbounded shield waits until the heartbeat gives it up."""
    ours, theirs = trio.testing.lockstep_stream_pair()
    with trio.CancelScope() as scope:
        async with open_websocket_to_peer(
            client=True, stream=ours, peer_stream=theirs, heartbeat=Heartbeat()
        ) as (ws, _):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(words, ws)
                await trio.testing.wait_all_tasks_blocked()
                start = trio.current_time()
                scope.cancel()
            pytest.fail("the block was not cancelled")
    assert at_least <= round(trio.current_time() - start, 6) <= at_most


async def test_prices_by_either_way() -> None:
    """Read to the end both give the same; the difference is who leaves the block."""
    async with serving(say_two_things) as url:
        assert [price async for price in goodbye.prices_bad(url)] == ["one", "two"]
        async with goodbye.prices(url) as stream:
            assert [price async for price in stream] == ["one", "two"]


# Closing, limits, streams, origins, TLS


@pytest.mark.parametrize("code", [1000, 4000])
async def test_a_handler_ends_when_its_peer_leaves(
    code: int, autojump_clock: trio.testing.MockClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends in the moment of the goodbye and not at its next report; no code is a failure."""
    theirs, ours = trio.testing.memory_stream_pair()
    failed: list[BaseException] = []
    async with trio.open_nursery() as nursery:
        serve = partial(serve_websocket_on, on_handler_error=lambda ws, error: failed.append(error))
        nursery.start_soon(serve, hourly.handler, ours)
        async with open_websocket_on(theirs, "ws://station.example/") as ws:
            await ws.send("Hello")
            assert await ws.receive() == "all is well"
            await trio.sleep(90)
            await ws.close(code)
    assert trio.current_time() == 90
    assert (failed, capsys.readouterr().out) == ([], "Hello\n")


async def test_members_only() -> None:
    """Who does not know the password hears 1008."""
    async with serving(closing.members_only) as url:
        async with open_websocket(url) as ws:
            await ws.send("the password")
            assert await ws.receive() == "Come in!"
        async with open_websocket(url) as ws:
            await ws.send("please")
            ending = await ws.wait_closed()
    told = closing.tell_the_end(ending)
    assert told == "the peer closed with 1008 (policy violation) 'members only'"


def test_ends_are_told_apart() -> None:
    """A lost connection is none of the clean ones, and of those some are our own doing."""
    ours = Ending(sent=Close(4000, "bye"), received=Close(4000))
    assert closing.tell_the_end(ours) == "we closed with 4000 'bye'"
    lost = closing.tell_the_end(Ending(loss=Loss.EOF))
    assert lost.startswith("the connection was lost: the peer ended the transport")


async def test_a_limit_holds() -> None:
    """A message over the limit is refused with 1009."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(limits.main, 0)
        async with open_websocket(f"ws://localhost:{server.port}") as ws:
            await ws.send(b"." * 65536)
            assert len(await ws.receive()) == 65536
            await ws.send(b"." * 65537)
            assert (await ws.wait_closed()).code == CloseCode.MESSAGE_TOO_BIG
        nursery.cancel_scope.cancel()


async def test_the_last_message_may_be_refused() -> None:
    """What the server refuses after the block's end shows in the ending, and nowhere else."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(limits.main, 0)
        url = f"ws://localhost:{server.port}"
        await limits.send_report(url, b"." * 65536)
        with pytest.raises(ValueError, match="no report of 65537 bytes"):
            await limits.send_report(url, b"." * 65537)
        nursery.cancel_scope.cancel()


class SlowStore:
    """A store that takes a second for everything."""

    def __init__(self) -> None:
        self.saved: dict[str, str | bytes] = {}

    async def save(self, key: str, value: str | bytes) -> None:
        await trio.sleep(1)
        self.saved[key] = value


@pytest.mark.parametrize(
    ("handler", "saved"), [(cleanup.forgetful, []), (cleanup.careful, ["a draft"])]
)
async def test_clean_up_after_a_loss_needs_a_shield(
    handler: Callable[[SlowStore, WebSocket], Awaitable[None]],
    saved: list[str],
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Without one, what awaits in ``finally`` is cancelled before it has begun."""
    store = SlowStore()
    with pytest.raises(ConnectionLost):
        async with open_websocket_to_peer(client=False) as (ws, peer):
            await peer.send_text("a draft")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(hang_up_after, peer.aclose, 60)
                await handler(store, ws)
    assert list(store.saved.values()) == saved


def test_the_budget_is_the_formula() -> None:
    """With the defaults one connection costs 2.4 MiB, and 4.3 if it sends messages of 1 MiB."""
    assert limits.budget(Limits(), 1) == pytest.approx(2.4 * 2**20, rel=0.02)
    assert limits.budget(Limits(), 1, largest_sent=2**20) == pytest.approx(4.3 * 2**20, rel=0.02)


def test_expecting_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of files is raised as far as is needed, or the program says what it lacks."""
    before, threshold = resource.getrlimit(resource.RLIMIT_NOFILE), gc.get_threshold()
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (500, before[1]))
        many_connections.expect_many(400, handshakes=50)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 550
        many_connections.expect_many(40, handshakes=50)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 550
        assert gc.get_threshold()[0] == 100_000
    finally:
        gc.set_threshold(*threshold)
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (10, 100))
    with pytest.raises(SystemExit, match="may have 100 open files; it needs 14196"):
        many_connections.expect_many(10_000)


async def test_over_a_unix_socket(tmp_path: Path) -> None:
    """Both ends on a socket file."""
    path = str(tmp_path / "ws")
    async with trio.open_nursery() as nursery:
        await nursery.start(unix.serve, path)
        assert await unix.ask(path, "Anybody in?") == "Anybody in?"
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("origin", "admitted"),
    [
        (None, True),
        ("https://www.example.com", True),
        ("https://feature-1.preview.example.com", True),
        ("https://www.example.com.evil.example", False),
    ],
)
async def test_origins(origin: str | None, admitted: bool) -> None:
    """What is listed is admitted, and what comes from no page."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(origins.main, 0)
        headers = {"X-Real-IP": "192.0.2.7"}
        connect = partial(open_websocket, origin=origin, headers=headers)
        if admitted:
            async with connect(f"ws://127.0.0.1:{server.port}/") as ws:
                assert await ws.receive() == "You come from 192.0.2.7"
        else:
            with pytest.raises(Rejected) as caught:
                await connect(f"ws://127.0.0.1:{server.port}/").__aenter__()
            assert caught.value.response.status == 403
        nursery.cancel_scope.cancel()


async def test_tls_in_a_test() -> None:
    """The snippet is a test itself."""
    await tls_in_tests.test_over_tls()


def test_what_cannot_connect_is_one_kind_of_error() -> None:
    """The careful client catches a rejection too, as the tutorial says."""
    assert issubclass(Rejected, HandshakeError)
