"""``trio-ws compare``: the same events in four ways at once, in virtual time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import trio
import trio.testing

from trio_ws._cli import compare as module
from trio_ws._cli.compare import Plan, Screen, compare, headline, run, write
from trio_ws._cli.exits import CommandError, Exit
from trio_ws._cli.feed import LONG, SHORT, SSE, WAYS, WEBSOCKET, Feed, FeedServer
from trio_ws._cli.meter import Meter
from trio_ws._cli.table import Outcome, table

from . import commands
from .commands import parse
from .terminals import on_terminal

PLAN = Plan(clients=3, rate=4, seconds=10, interval=2)


async def in_memory(plan: Plan, shown: list[Sequence[Outcome]]) -> dict[str, Outcome]:
    """Compare without a network."""
    feed = Feed()
    server = FeedServer(feed)
    async with trio.open_nursery() as nursery:

        async def connect() -> trio.abc.Stream:
            await trio.lowlevel.checkpoint()
            ours, theirs = trio.testing.memory_stream_pair()
            nursery.start_soon(server.serve, theirs)
            return ours

        outcomes = await compare(plan, feed, connect, shown.append, Meter(lambda: 0))
        nursery.cancel_scope.cancel()
    return {outcome.way: outcome for outcome in outcomes}


async def test_every_client_hears_of_every_event(autojump_clock: trio.testing.MockClock) -> None:
    """At once, if the server pushes; within the interval, if it is asked."""
    shown: list[Sequence[Outcome]] = []
    outcomes = await in_memory(PLAN, shown)
    assert tuple(outcomes) == WAYS
    events = {len(outcome.delays) for outcome in outcomes.values()}
    assert len(events) == 1
    assert 3 * 20 < events.pop() < 3 * 60
    for way in (LONG, SSE, WEBSOCKET):
        assert outcomes[way].delays[-1] == 0
    assert 0.5 < outcomes[SHORT].delays[len(outcomes[SHORT].delays) // 2] < 1.5
    assert outcomes[SHORT].delays[-1] <= 2
    assert outcomes[WEBSOCKET].requests == outcomes[SSE].requests == 3
    assert outcomes[LONG].requests == len(outcomes[LONG].delays) + 3
    assert outcomes[WEBSOCKET].received < outcomes[SSE].received < outcomes[LONG].received
    assert len(shown) in (30, 31)  # each half second, and perhaps at the very end


async def test_the_events_are_the_same_in_each_run(autojump_clock: trio.testing.MockClock) -> None:
    """So that two results can be compared."""
    first, second = await in_memory(PLAN, []), await in_memory(PLAN, [])
    assert first[SHORT].delays == pytest.approx(second[SHORT].delays)


def test_it_runs_as_a_command(tmp_path: Path) -> None:
    """Over TCP, with a page and a plot."""
    words = ["--clients", "2", "--rate", "50", "--seconds", "0.2", "--interval", "0.05"]
    words += ["--page", f"{tmp_path}/page.html", "--plot", f"{tmp_path}/plot.svg"]
    screen = commands.Screen()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SPARE", 0.1)
        assert run(parse("compare", *words), screen) == Exit.OK
    lines = screen.shown.splitlines()
    assert [line[:18].strip() for line in lines] == ["", *WAYS]
    assert "2 clients each way, 50 events/s for 0.2 s" in (tmp_path / "page.html").read_text()
    assert (tmp_path / "plot.svg").read_text().startswith("<svg ")


def test_nothing_is_written_if_it_did_not_come_to_an_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """After a Ctrl-C there is no result."""
    monkeypatch.setattr(module, "run_async", lambda command: Exit.INTERRUPTED)
    screen = commands.Screen()
    code = run(parse("compare", "--page", f"{tmp_path}/page.html"), screen)
    assert (code, screen.shown, list(tmp_path.iterdir())) == (Exit.INTERRUPTED, "", [])


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """And one that is not wanted is not made."""
    with pytest.raises(CommandError, match="Is a directory"):
        write(str(tmp_path), lambda: "text")
    write(None, lambda: 1 / 0)  # type: ignore[arg-type, return-value]


def test_a_comparison_is_told_in_a_sentence() -> None:
    """As the page has it."""
    assert headline(PLAN) == ("3 clients each way, 4 events/s for 10 s, short polling every 2 s")


# The table


def test_a_live_table_is_drawn_again_in_its_place() -> None:
    """The result takes the place of the last."""
    console = commands.Screen()
    screen = Screen(console, live=True, size=(120, 40))
    screen.show([])
    screen.finish([])
    (head,) = table([])
    assert console.shown == f"{head}\n\x1b[1A\x1b[J{head}\n"


def test_a_small_terminal_gets_the_result_only() -> None:
    """That is told; in a pipe it goes without saying."""
    for live, said in (
        (True, "(the terminal is too small for a live table: 92 by 5)\n"),
        (False, ""),
    ):
        console = commands.Screen()
        screen = Screen(console, live=live, size=(40, 40))
        screen.show([])
        assert (console.shown, console.said) == ("", said)
        screen.finish([])
        assert console.shown == f"{table([])[0]}\n"


async def test_at_a_terminal_the_table_is_live() -> None:
    """And Ctrl-C ends it without a word."""
    async with on_terminal("compare", "--clients", "1", "--seconds", "1000") as terminal:
        await terminal.see("requests", *WAYS)
        await terminal.type("\x03")
        assert await terminal.end() == Exit.INTERRUPTED
        assert "Traceback" not in terminal.screen
