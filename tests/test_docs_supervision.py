"""The pages on supervision tell the truth: their programs run, and print what is shown."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from docs import remedies
from docs.snippets import endpoints, feeds, one_channel
from examples import market_data
from examples.testing_a_client import (  # noqa: F401 - its tests run here
    test_prices_are_stale_while_there_is_no_connection,
    test_prices_survive_a_restart,
)
from examples.testing_with_a_script import (  # noqa: F401 - its test runs here
    test_what_the_client_says,
)
from trio_ws import (
    ConnectionClosed,
    HandshakeError,
    Rejected,
    Remedy,
    Response,
    WebSocket,
    serve_websocket,
    supervise,
)
from trio_ws._supervision.retry_rules import (
    CLOSE_CODES,
    ERRORS,
    HTTP_STATUSES,
    LOSSES,
    PROXY_STATUSES,
)
from trio_ws.testing import MemoryNetwork, open_websocket_pair

TOP = Path(__file__).resolve().parent.parent
DOCS = TOP / "docs"


@asynccontextmanager
async def serving(
    handler: Callable[[WebSocket], Awaitable[object]],
) -> AsyncGenerator[str]:
    """Serve on a free port; the URL."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, handler, "127.0.0.1", 0)
        yield f"ws://127.0.0.1:{server.port}/"
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("name", ["supervisor_log", "naive_loop"])
def test_what_is_shown_is_printed(name: str) -> None:
    """An output in the documentation is that of its program, to the letter."""
    done = subprocess.run(
        [sys.executable, DOCS / "snippets" / f"{name}.py"],
        env={**os.environ, "PYTHONPATH": str(TOP)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert done.stdout == (DOCS / "output" / f"{name}.txt").read_text(encoding="utf-8")


def test_the_table_of_remedies_is_whole() -> None:
    """The page's table has a row for each rule, and no empty cell."""
    head, *body = remedies.rows()
    of_proxies = set(PROXY_STATUSES) - set(HTTP_STATUSES)
    tables = (HTTP_STATUSES, of_proxies, ERRORS, CLOSE_CODES, LOSSES)
    assert len(body) == sum(len(table) for table in tables)
    assert all(len(row) == len(head) and all(row) for row in body)
    assert ["HTTP 429", "too many requests", Remedy.WAIT.value] in body
    assert remedies.numbers("close", CLOSE_CODES[-1])[0] == "close 4500–4999"


async def test_the_market_data_client(capsys: pytest.CaptureFixture[str]) -> None:
    """It prints prices, and ends when the exchange has closed for the day."""

    async def exchange(ws: WebSocket) -> None:
        assert await ws.receive_json() == {"subscribe": ["BTC-EUR", "ETH-EUR"]}
        await ws.send_json({"BTC-EUR": 1.0})
        await ws.send_json({"ETH-EUR": 2.0})

    async with serving(exchange) as url:
        await market_data.main(url)
    assert "(stale)" in capsys.readouterr().out


async def test_one_channel(capsys: pytest.CaptureFixture[str]) -> None:
    """The thermometer logs in, and its values arrive."""
    heard = []

    async def collect(ws: WebSocket) -> None:
        assert await ws.receive_json() == {"device": "thermometer-7"}
        await ws.send("welcome")
        heard.extend([await ws.receive(), await ws.receive()])
        await ws.send("thank you")
        await ws.wait_closed()

    async with serving(collect) as url:
        await one_channel.report(url, [20.04, 21])
    assert heard == ["20.0", "21.0"]
    assert capsys.readouterr().out == "thank you\n"


async def test_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the snippets hand to `supervise` is what the page says."""
    given: list[tuple[object, dict[str, object]]] = []

    async def supervise(session: object, endpoint: object, **options: object) -> None:
        given.append((endpoint, options))

    monkeypatch.setattr(endpoints, "supervise", supervise)

    async def session(ws: WebSocket) -> None:
        raise AssertionError

    async def get_token() -> str:
        return "t0"

    await endpoints.with_fresh_tokens(session, get_token)
    await endpoints.with_several_servers(session)
    await endpoints.with_codes_of_our_own(session, get_token)
    (function, _), (urls, _), (_, options) = given
    assert callable(function)
    assert await function() == "wss://feed.example/?token=t0"
    assert urls == ["wss://eu.feed.example/", "wss://us.feed.example/"]
    assert options == {"classify": endpoints.know_our_codes}


async def test_another_library() -> None:
    """An exception of another library is told to pass."""

    async def get_token() -> str:
        raise RuntimeError

    with pytest.raises(HandshakeError) as caught:
        await endpoints.with_another_library(get_token)
    assert caught.value.transient

    async def get_good_token() -> str:
        return "t0"

    assert (await endpoints.with_another_library(get_good_token)).endswith("=t0")


@pytest.mark.parametrize(
    ("code", "remedy"), [(4001, Remedy.NONE), (4002, Remedy.REFRESH), (4003, None)]
)
async def test_codes_of_our_own(
    autojump_clock: MockClock, code: int, remedy: Remedy | None
) -> None:
    """Two codes are known, the table decides about the rest."""
    async with open_websocket_pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(server.close, code)
        with pytest.raises(ConnectionClosed) as caught:
            await client.receive()
    assert endpoints.know_our_codes(caught.value) is remedy
    assert endpoints.know_our_codes(Rejected(Response(401))) is None


async def test_a_feed_that_means_something_else_by_1008(
    memory_network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    """A 1008 for slowness is waited out; any other 1008 is final."""
    reasons = ["you are too slow", "you may not"]

    async def feed(ws: WebSocket) -> None:
        await ws.close(1008, reasons.pop(0))

    async def session(ws: WebSocket) -> None:
        await ws.receive()

    async with memory_network as network:
        await network.serve("wss://feed.example/", feed)
        with pytest.raises(ConnectionClosed, match="you may not"):
            await feeds.follow(session, "wss://feed.example/")
    assert reasons == []


async def test_a_feed_that_ends_after_a_day(
    memory_network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    """The session asks for another connection half an hour before the day is over."""
    opened, codes = list[float](), list[int]()

    async def feed(ws: WebSocket) -> None:
        opened.append(trio.current_time())
        codes.append((await ws.wait_closed()).code)

    async def session(ws: WebSocket) -> None:
        if len(opened) < 2:
            await trio.sleep_forever()

    async with memory_network as network:
        await network.serve("wss://feed.example/", feed)
        await supervise(partial(feeds.at_most_a_day, session), "wss://feed.example/")
    assert opened == [0, 23.5 * 3600]
    assert codes == [1000, 1000]


async def test_a_session_that_swallows_the_end_is_done(
    memory_network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    """If a session catches the end of its connection and returns, `supervise` does, too."""
    visits = []

    async def server(ws: WebSocket) -> None:
        visits.append(ws)
        await ws.close(1011)

    async def swallow(ws: WebSocket) -> str:
        try:
            await ws.receive()
        except ConnectionClosed:
            return "swallowed"
        raise AssertionError

    async with memory_network as network:
        await network.serve("wss://feed.example/", server)
        assert await supervise(swallow, "wss://feed.example/") == "swallowed"
    assert len(visits) == 1
