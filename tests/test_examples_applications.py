"""The examples that are small applications do what they promise, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from examples import calls, chat_rooms, dashboard, jobs, ticker
from examples.market_data import Prices
from trio_ws import (
    CloseCode,
    ConnectionClosed,
    WebSocket,
    open_websocket,
    serve_websocket,
    supervise,
)
from trio_ws.testing import MemoryNetwork, Text, open_websocket_pair

LONG = {"several_processes", "testing_a_handler", "testing_faults"}
"""These fill a page of the documentation each."""

URL = "ws://server.example/"
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def test_examples_are_short() -> None:
    """An application fits a page: fewer than 80 lines."""
    long = {
        path.name: count
        for path in [
            *EXAMPLES.glob("*.py"),
            *EXAMPLES.glob("*.html"),
            *EXAMPLES.glob("tutorial/**/*.py"),
        ]
        if (count := len(path.read_text(encoding="utf-8").splitlines())) >= 80
        and path.stem
        not in {"several_processes", "testing_a_handler", "testing_faults"}  # several things each
    }
    assert long == {}


# Chat rooms

TEA, COFFEE = f"{URL}rooms/tea", f"{URL}rooms/coffee"


async def heard(ws: WebSocket, count: int) -> list[str]:
    return [str(await ws.receive()) for _ in range(count)]


@asynccontextmanager
async def chatting() -> AsyncGenerator[MemoryNetwork]:
    """Serve the rooms in a network of their own; in the end all of them are forgotten."""
    async with MemoryNetwork(strict=False) as network, trio.open_nursery() as nursery:
        with network.on("server.example"):
            await nursery.start(serve_websocket, chat_rooms.router, None, 80)
        yield network
        await wait_all_tasks_blocked()
        assert chat_rooms.rooms._rooms == {}
        nursery.cancel_scope.cancel()


async def test_members_of_a_room_hear_each_other(autojump_clock: MockClock) -> None:
    """What a member says all in the room hear, and who comes and goes; others do not."""
    async with (
        chatting(),
        open_websocket(f"{TEA}?name=Ada") as ada,
        open_websocket(f"{COFFEE}?name=Eve") as eve,
    ):
        assert await heard(ada, 1) == ["Ada comes in"]
        async with open_websocket(f"{TEA}?name=Bob") as bob:
            await bob.send("Hello")
            assert await heard(bob, 2) == ["Bob comes in", "Bob: Hello"]
        assert await heard(ada, 3) == ["Bob comes in", "Bob: Hello", "Bob leaves"]
        await eve.send("so quiet here")
        assert await heard(eve, 2) == ["Eve comes in", "Eve: so quiet here"]


async def test_a_member_whose_line_breaks_has_left(autojump_clock: MockClock) -> None:
    """The room hears of it whatever the reason is."""
    async with chatting() as network, open_websocket(f"{TEA}?name=Ada") as ada:
        async with network.open_peer(TEA) as bob:
            await bob.request("/rooms/tea?name=Bob")
            assert await heard(ada, 2) == ["Ada comes in", "Bob comes in"]
            await bob.reset()
        assert await heard(ada, 1) == ["Bob leaves"]


async def test_a_member_who_is_too_slow_is_sent_away(autojump_clock: MockClock) -> None:
    """A member whose queue overflows hears what is in it, and then 1013."""
    async with chatting(), open_websocket(f"{TEA}?name=Eve") as eve:
        await heard(eve, 1)
        for number in range(chat_rooms.QUEUE_LENGTH + 2):
            chat_rooms.rooms.say("tea", f"line {number}")
        lines = await heard(eve, chat_rooms.QUEUE_LENGTH)
        ending = await eve.wait_closed()
    assert lines[-1] == f"line {chat_rooms.QUEUE_LENGTH - 1}"
    assert ending.code == CloseCode.TRY_AGAIN_LATER


async def test_the_chat_tells_a_load_balancer_that_it_is_well(autojump_clock: MockClock) -> None:
    """Its page and its health check are on the same port."""
    async with chatting() as network:
        for path, body in (("/health", b"fine\n"), ("/", chat_rooms.PAGE.encode())):
            async with await network.connect("server.example", 80) as stream:
                request = f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
                await stream.send_all(request.encode())
                answer = b"".join([data async for data in stream])
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert answer.endswith(b"\r\n\r\n" + body)


# The ticker, with the client that subscribes again


async def test_the_ticker_and_its_client(
    memory_network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    """After a restart the client subscribes again, and has the newest prices."""
    source, prices = ticker.Ticker({"BTC-EUR": 1.0, "ETH-EUR": 2.0}), Prices(["BTC-EUR"])
    async with memory_network as network:
        await network.serve(URL, source.serve)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervise, prices.follow, URL)
            await trio.sleep(20)
            source.change("BTC-EUR", 3.0)
            await trio.sleep(1)
            assert (prices.fresh, prices.last) == (True, {"BTC-EUR": 3.0})
            network.restart("server.example", for_=5)
            await trio.sleep(1)
            assert not prices.fresh
            source.change("BTC-EUR", 4.0)
            source.change("ETH-EUR", 5.0)
            await trio.sleep(60)
            nursery.cancel_scope.cancel()
    assert prices.last == {"BTC-EUR": 4.0}
    assert source._subscriptions == set()


async def test_a_slow_client_gets_the_newest_price_only(
    autojump_clock: MockClock,
) -> None:
    """What waits for a client is one price for each symbol."""
    subscription = ticker.Subscription(["A", "B"])
    for symbol, price in (("A", 1.0), ("A", 2.0), ("B", 3.0), ("C", 4.0), ("A", 5.0)):
        subscription.offer(symbol, price)
    assert await subscription.take() == {"A": 5.0, "B": 3.0}
    with trio.move_on_after(1) as waiting:
        await subscription.take()
    assert waiting.cancelled_caught


# Jobs


async def test_each_job_is_done_though_lines_break(
    memory_network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    """A job that was not confirmed is handed out again, and is not done twice by one worker."""
    queue, done = jobs.Jobs(*({"id": number} for number in range(6))), list[int]()

    async def do(job: jobs.Job) -> None:
        await trio.sleep(3)
        done.append(job["id"])

    async with memory_network as network:
        await network.serve(URL, queue.hand_out)
        network.link("server.example", latency=0.5)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(supervise, jobs.Worker(do).work, URL)
            for seconds in (10, 61, 61):
                await trio.sleep(seconds)
                network.cut("server.example", for_=1)
            await trio.sleep(200)
            nursery.cancel_scope.cancel()
    assert sorted(done) == sorted(queue.confirmed) == list(range(6))


async def test_a_wrong_confirmation_is_none(autojump_clock: MockClock) -> None:
    """A worker that confirms another job loses this one to the next worker."""
    queue = jobs.Jobs({"id": 1})
    async with open_websocket_pair() as (worker, server), trio.open_nursery() as nursery:
        nursery.start_soon(queue.hand_out, server)
        assert await worker.receive_json() == {"id": 1}
        await worker.send_json({"done": 2})
        assert await worker.receive_json() == {"id": 1}
        await worker.send_json({"done": 1})
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert queue.confirmed == [1]


# Calls


class Kitchen:
    """Functions that can be called, and what became of their calls."""

    def __init__(self) -> None:
        self.cancelled_at: list[float] = []

    async def add(self, one: int, two: int) -> int:
        await trio.sleep(1)
        return one + two

    async def cook(self, seconds: float) -> str:
        try:
            await trio.sleep(seconds)
        except trio.Cancelled:
            self.cancelled_at.append(trio.current_time())
            raise
        return "done"

    async def burn(self) -> None:
        raise ValueError("too hot")

    @property
    def functions(self) -> dict[str, Any]:
        return {"add": self.add, "cook": self.cook, "burn": self.burn}


async def test_calls_run_side_by_side(autojump_clock: MockClock) -> None:
    """Two calls take as long as the longer one, and each gets its own answer."""
    results = {}
    async with open_websocket_pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(calls.answer_calls, Kitchen().functions, server)
        caller = calls.Caller(client)
        nursery.start_soon(caller.run)

        async def call(name: str, *args: object) -> None:
            results[name] = (await caller.call(name, *args), trio.current_time())

        async with trio.open_nursery() as both:
            both.start_soon(call, "cook", 2)
            both.start_soon(call, "add", 1, 2)
        with pytest.raises(RuntimeError, match="too hot"):
            await caller.call("burn")
        with pytest.raises(RuntimeError, match="KeyError"):
            await caller.call("fly")
        nursery.cancel_scope.cancel()
    assert results == {"cook": ("done", 2), "add": (3, 1)}


async def test_a_deadline_crosses_the_wire(autojump_clock: MockClock) -> None:
    """If a call times out here, its function is cancelled there, and the connection goes on."""
    kitchen = Kitchen()
    async with open_websocket_pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(calls.answer_calls, kitchen.functions, server)
        caller = calls.Caller(client)
        nursery.start_soon(caller.run)
        with pytest.raises(trio.TooSlowError), trio.fail_after(5):
            await caller.call("cook", 3600)
        assert await caller.call("add", 1, 1) == 2
        nursery.cancel_scope.cancel()
    assert kitchen.cancelled_at == [5]


async def test_calls_end_with_their_connection(autojump_clock: MockClock) -> None:
    """If the caller vanishes, all that it has called is cancelled."""
    kitchen = Kitchen()
    async with MemoryNetwork(strict=False) as network:
        await network.serve(URL, partial(calls.answer_calls, kitchen.functions))
        async with network.open_peer(URL) as peer:
            await peer.request()
            await peer.send(Text('{"call": 1, "name": "cook", "args": [3600]}'))
            await trio.sleep(7)
            await peer.reset()
    assert kitchen.cancelled_at == [7]


# The dashboard


async def test_a_page_that_answers_sees_figures(
    memory_network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    """Each second there are figures; questions come beside them, and answers are not shown."""
    handler = partial(dashboard.show, trio.current_time(), set[WebSocket]())
    figures, questions = [], []
    async with memory_network as network:
        await network.serve(f"{URL}live", handler, heartbeat=dashboard.HEARTBEAT)
        async with open_websocket(f"{URL}live", heartbeat=None) as page:
            with trio.move_on_after(60):
                while True:
                    message = await page.receive_json()
                    if message == {"ping": True}:
                        questions.append(trio.current_time())
                        await page.send(dashboard.REPLY)
                    else:
                        figures.append(message)
    assert figures[-1] == {"uptime": 59, "viewers": 1}
    assert len(questions) in {5, 6}


async def test_a_frozen_page_is_given_up(
    memory_network: MemoryNetwork, autojump_clock: MockClock
) -> None:
    """A page whose script does not answer is given up, though its browser answers pings."""
    viewers, ends = set[WebSocket](), list[float]()

    async def handler(ws: WebSocket) -> None:
        try:
            await dashboard.show(0, viewers, ws)
        finally:
            ends.append(trio.current_time())

    async with memory_network as network:
        server = await network.serve(URL, handler, heartbeat=dashboard.HEARTBEAT)
        with pytest.raises(ConnectionClosed):
            async with open_websocket(URL, heartbeat=None) as page:
                while True:
                    await page.receive()
        await trio.sleep(1)
        assert server.statistics().lost == 1
    assert viewers == set()
    assert 10 < ends[0] <= 21
