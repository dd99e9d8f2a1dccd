"""``trio-ws bench``: in virtual time the figures are exact."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import ConnectionClosed, WebSocket, open_websocket_on, serve_websocket_on
from trio_ws._cli import bench as bench_module
from trio_ws._cli.bench import (
    Load,
    Result,
    bench,
    check_loopback,
    measure,
    report,
    run,
)
from trio_ws._cli.exits import CommandError, Exit
from trio_ws._cli.target import Target

from .commands import Screen, parse

Handler = Callable[[WebSocket], Awaitable[object]]

LOAD = Load(connections=1, in_flight=1, payload="x" * 32, seconds=10, warm_up=1)


@dataclass(frozen=True, kw_only=True)
class InMemory(Target):
    """A server in this process, without a network."""

    url: str = "ws://127.0.0.1/"
    handler: Handler
    nursery: trio.Nursery

    def connect(self, url: str, **options: Any) -> AbstractAsyncContextManager[WebSocket]:
        """Connect over memory."""
        ours, theirs = trio.testing.memory_stream_pair()
        self.nursery.start_soon(serve_websocket_on, self.handler, theirs)
        return open_websocket_on(ours, url, **options)


async def echo_slowly(ws: WebSocket) -> None:
    """Take a tenth of a second for each message."""
    async for message in ws:
        await trio.sleep(0.125)
        await ws.send(message)


async def test_rates_and_latencies_are_exact(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """Eight messages a second of a server that takes an eighth for each."""
    target = InMemory(handler=echo_slowly, nursery=nursery)
    result = await measure(target, LOAD, processor=trio.current_time)
    assert result == Result(messages=80, seconds=10, latencies=(0.125,) * 5, processor=1)
    assert result.rate == 8
    assert trio.current_time() == 11


async def test_what_is_in_flight_waits_for_its_turn(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """More in flight is more latency, and more connections is a higher rate."""
    target = InMemory(handler=echo_slowly, nursery=nursery)
    result = await measure(target, replace(LOAD, in_flight=4))
    assert (result.rate, result.latencies[-1]) == (8, 0.5)
    result = await measure(target, replace(LOAD, connections=3, payload=b"x"))
    assert (result.rate, result.latencies[-1]) == (24, 0.125)


async def test_a_server_that_says_nothing_is_found_out(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """It is not waited for."""
    target = InMemory(handler=WebSocket.wait_closed, nursery=nursery)
    told = pytest.RaisesExc(CommandError, match="no message came back in 10 s")
    with pytest.RaisesGroup(told):
        await measure(target, LOAD)


async def test_a_server_that_says_something_else_is_found_out(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """Its answers would be no measure of anything."""
    target = InMemory(handler=lambda ws: ws.send("hello"), nursery=nursery)
    told = pytest.RaisesExc(CommandError, match="does not echo")
    with pytest.RaisesGroup(told, flatten_subgroups=True):
        await measure(target, LOAD)


async def test_a_server_that_leaves_is_a_loss(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """The caller tells of it."""
    target = InMemory(handler=lambda ws: ws.close(1012), nursery=nursery)
    with pytest.RaisesGroup(ConnectionClosed, flatten_subgroups=True):
        await measure(target, LOAD)


async def test_what_does_not_come_back_at_the_end_is_left(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """The result is there already."""

    async def stop_in_the_middle(ws: WebSocket) -> None:
        async for message in ws:
            if trio.current_time() > 5:
                await trio.sleep_forever()
            await trio.sleep(0.5)
            await ws.send(message)

    target = InMemory(handler=stop_in_the_middle, nursery=nursery)
    result = await measure(target, LOAD)
    assert result.messages == 10
    assert 0 <= trio.current_time() - (11 + bench_module.LAST) <= 0.5


def test_a_result_is_told_in_a_few_lines() -> None:
    """With a word of warning if this side was busy."""
    result = Result(messages=500, seconds=2, latencies=(0.1, 0.2, 0.3, 0.4, 0.5), processor=0.5)
    lines = report(replace(LOAD, payload="x" * 1000), result)
    assert lines == [
        "connections 1, each with 1 in flight, of 1000 bytes",
        "rate        250 messages/s there and back, 0.25 MB/s each way",
        "latency     p50 100 ms   p90 200 ms   p99 300 ms   p99.9 400 ms   max 500 ms",
        "this side   0.50 of a core",
    ]
    assert "may be what limits the rate" in report(LOAD, replace(result, processor=0.9))[-1]


async def test_the_result_may_be_json(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    """For programs; or lines, for people."""
    target, screen = InMemory(handler=echo_slowly, nursery=nursery), Screen()
    assert await bench(target, LOAD, screen, as_json=True, yes=True) == Exit.OK
    told = json.loads(screen.shown)
    assert (told["rate"], told["messages"], len(told["latencies"])) == (8, 80, len(told["shares"]))
    screen = Screen()
    assert await bench(target, LOAD, screen) == Exit.OK
    assert screen.shown.startswith("connections 1, each")


# Whose machine it is


class Resolver(trio.abc.HostnameResolver):
    """Names that the test knows."""

    async def getaddrinfo(self, host, port, *args, **kwargs):  # type: ignore[no-untyped-def]
        """Return what the name says."""
        text = host.decode().partition(".")[0].replace("-", ".")
        return [(2, 1, 6, "", (address, port)) for address in ("127.0.0.1", text)]

    async def getnameinfo(self, sockaddr, flags):  # type: ignore[no-untyped-def]
        """Nobody asks."""
        raise NotImplementedError


async def test_another_machine_is_measured_only_if_that_is_said() -> None:
    """Each address must be of this one."""
    for url in ("ws://127.0.0.1/", "ws://[::1]/", "ws://localhost/"):
        await check_loopback(Target(url=url))
    await check_loopback(Target(url="ws://anything.example/", unix="/path"))
    with pytest.raises(CommandError, match="is another machine; say --yes"):
        await check_loopback(Target(url="ws://192.0.2.1/"))
    trio.socket.set_custom_hostname_resolver(Resolver())
    await check_loopback(Target(url="ws://127-0-0-2.example/"))
    with pytest.raises(CommandError, match="is another machine"):
        await check_loopback(Target(url="ws://192-0-2-1.example/"))


async def test_a_name_that_is_not_known_is_told() -> None:
    """It is no connection."""
    with pytest.raises(CommandError, match="invalid: ") as caught:
        await check_loopback(Target(url="ws://127.0.0.1.invalid/"))
    assert caught.value.code == Exit.NO_CONNECTION


def test_it_runs_as_a_command() -> None:
    """In a run of its own; with text or with binary."""
    for words in ([], ["--binary", "--size", "2000000", "--in-flight", "3"]):
        with pytest.raises(CommandError, match="no connection to ws://127"):
            run(parse("bench", "ws://127.0.0.1:1/", *words), Screen())
