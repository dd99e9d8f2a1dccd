"""Compare four ways of sending events to clients: polling, long polling, SSE and WebSocket.

One server on one port of this machine, one feed of events, the same clients for each way, at once:
what it takes in requests, bytes and processor time, and how late the clients hear of an event.
--page writes a page with a plot of the delays, --plot only the plot (SVG).
"""

from __future__ import annotations

import argparse
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import trio

from trio_ws import open_websocket_on

from .chart import page, plot
from .console import Console, escape
from .exits import CommandError, Exit
from .feed import WAYS, Feed, FeedServer
from .followers import HOST, Connect, Follower, Record
from .meter import Meter
from .running import run_async
from .table import Outcome, table
from .target import positive, seconds

EXAMPLES = """\
examples:
  trio-ws compare
  trio-ws compare --clients 100 --rate 20 --seconds 30
  trio-ws compare --interval 5 --page compare.html
"""

REFRESH = 0.5
"""Seconds between two pictures of a live table."""

SPARE = 1.0
"""Seconds at the end for what is still on its way."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A plan of what is to be compared.

    Attributes:
        clients: how many for each way.
        rate: events a second, on average; they come at random, from a seed.
        seconds: how long.
        interval: seconds between requests of short polling.
    """

    clients: int = 10
    rate: float = 5.0
    seconds: float = 10.0
    interval: float = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--clients", type=positive, default=10, metavar="N", help="default: 10")
    parser.add_argument(
        "--rate", type=seconds, default=5.0, metavar="N", help="events a second; default: 5"
    )
    parser.add_argument("--seconds", type=seconds, default=10.0, metavar="S", help="default: 10")
    parser.add_argument(
        "--interval", type=seconds, default=1.0, metavar="S", help="of short polling; default: 1"
    )
    parser.add_argument("--page", metavar="FILE", help="write a page with a plot (HTML)")
    parser.add_argument("--plot", metavar="FILE", help="write the plot alone (SVG)")


def run(options: argparse.Namespace, console: Console) -> int:
    """Compare, show a table, write the page."""
    plan = Plan(
        clients=options.clients,
        rate=options.rate,
        seconds=options.seconds,
        interval=options.interval,
    )
    outcomes: list[Outcome] = []
    screen = Screen(console, live=console.out.isatty(), size=shutil.get_terminal_size())

    async def command() -> int:
        outcomes.extend(await over_tcp(plan, screen.show))
        return Exit.OK

    code = run_async(command)
    if outcomes:
        screen.finish(outcomes)
        write(options.plot, lambda: plot(outcomes))
        write(options.page, lambda: page(outcomes, headline(plan)))
    return code


def write(name: str | None, make: Callable[[], str]) -> None:
    """Write a file, if it is wanted.

    Raises:
        CommandError: it cannot be written.
    """
    if name is None:
        return
    try:
        Path(name).write_text(make(), encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{escape(name)}: {error.strerror or error}") from error


def headline(plan: Plan) -> str:
    """Return what was compared, in a sentence."""
    return (
        f"{plan.clients} clients each way, {plan.rate:g} events/s for {plan.seconds:g} s, "
        f"short polling every {plan.interval:g} s"
    )


class Screen:
    """A table that is shown again and again in the same place, if a terminal has room for it."""

    def __init__(self, console: Console, *, live: bool, size: tuple[int, int]) -> None:
        self._console = console
        self._lines = 0
        width, height = len(table([])[0]), len(table([])) + len(WAYS)
        self._live = live and size[0] > width and size[1] > height
        if live and not self._live:
            console.say(f"(the terminal is too small for a live table: {width} by {height})")

    def show(self, outcomes: Sequence[Outcome]) -> None:
        """Show how it stands now."""
        if self._live:
            self._draw(outcomes)

    def finish(self, outcomes: Sequence[Outcome]) -> None:
        """Show the result, in the place of what was shown before."""
        self._draw(outcomes)

    def _draw(self, outcomes: Sequence[Outcome]) -> None:
        if self._lines:
            self._console.out.write(f"\x1b[{self._lines}A\x1b[J")
        lines = table(outcomes)
        for line in lines:
            self._console.line(line)
        self._console.out.flush()
        self._lines = len(lines)


async def over_tcp(plan: Plan, show: Callable[[Sequence[Outcome]], None]) -> list[Outcome]:
    """Compare on a free port of this machine."""
    feed = Feed()
    server = FeedServer(feed)
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, server.serve, listeners)
        port = listeners[0].socket.getsockname()[1]

        async def connect() -> trio.abc.Stream:
            return await trio.open_tcp_stream("127.0.0.1", port)

        outcomes = await compare(plan, feed, connect, show)
        nursery.cancel_scope.cancel(reason="all is measured")
    return outcomes


async def compare(
    plan: Plan,
    feed: Feed,
    connect: Connect,
    show: Callable[[Sequence[Outcome]], None],
    meter: Meter | None = None,
) -> list[Outcome]:
    """Let clients follow the feed in all ways at once, and return what it took."""
    await warm_up(connect)
    meter = meter or Meter()
    records = [Record(way, feed) for way in WAYS]
    trio.lowlevel.add_instrument(meter)
    try:
        async with trio.open_nursery() as nursery:
            for number in range(plan.clients):
                # Spread over the interval, as clients of different people are.
                delay = plan.interval * number / plan.clients
                for record in random.sample(records, len(records)):  # so that none is always last
                    follower = Follower(connect, record, plan.interval)
                    nursery.start_soon(follower.follow, delay)
            nursery.start_soon(_show_again_and_again, records, meter, show)
            await trio.sleep(plan.interval)
            await _publish(feed, plan)
            await trio.sleep(plan.interval + SPARE)
            outcomes = standing(records, meter)
            nursery.cancel_scope.cancel(reason="all is measured")
    finally:
        trio.lowlevel.remove_instrument(meter)
    return outcomes


async def warm_up(connect: Connect) -> None:
    """Let the library import what it needs for its first connection; that is no cost of a way."""
    async with open_websocket_on(await connect(), f"ws://{HOST}/ws"):
        pass


async def _publish(feed: Feed, plan: Plan) -> None:
    """Let events happen at random, the same in each run."""
    chance = random.Random(6455)
    with trio.move_on_after(plan.seconds):
        while True:
            await trio.sleep(chance.expovariate(plan.rate))
            feed.publish()


async def _show_again_and_again(
    records: Sequence[Record], meter: Meter, show: Callable[[Sequence[Outcome]], None]
) -> None:
    while True:
        show(standing(records, meter))
        await trio.sleep(REFRESH)


def standing(records: Sequence[Record], meter: Meter) -> list[Outcome]:
    """Return what has been measured so far."""
    return [
        Outcome(
            way=record.way,
            requests=record.requests,
            sent=record.traffic.sent,
            received=record.traffic.received,
            delays=tuple(sorted(record.delays)),
            processor=meter.used[record.way] / 1e9,
        )
        for record in records
    ]
