"""The profile tells where the time went, all of it, and to parts that there are."""

from __future__ import annotations

from pathlib import Path

import pytest

import trio_ws

from .cells import choose
from .peers import BARE, US
from .programs.sampled import OTHER, PARTS, part_of

pytest.importorskip("trustme")

from .measures import Certificates, Stand
from .profile import COUNTS, MISSED, Column, Watched, cost, group_of, profile, show, takers

TOP = Path(__file__).resolve().parents[2]
LIBRARY = Path(trio_ws.__file__).parent
"""Elsewhere, when what is tested is what was installed."""

ENOUGH = 40
"""Ticks by which every large part has been met; a quiet machine has 200 and more."""

ECHO_AND_HANDSHAKE = ["server-32Bx1", "server-handshakes-50"]
"""Cells, in their order."""


@pytest.mark.slow
def test_a_quick_profile(tmp_path: Path) -> None:
    """The parts add up to what the process had, and a burst takes fewer calls than messages.

    What the watch itself takes at a tick is in no part, and neither is what comes after the last;
    on a machine that is busy otherwise, ticks are few.
    """
    (cell,) = choose(["server-32Bx64"])
    peers = [peer for peer in takers(cell) if peer.name in (US, BARE)]
    columns = profile(cell, peers, 2, 0.7, Certificates.made_in(str(tmp_path)))
    for column in columns:
        if column.watched is None or column.watched.counts["ticks"] < ENOUGH:
            pytest.skip("the machine is too busy to tell")
        parts = column.parts()
        total = sum(parts[part] for part in PARTS)
        assert 0.3 < total / (cost(column.watchfully) or 0) < 1.1
        assert parts["system calls"] > 0
        assert parts["Trio"] > 0
        assert (parts["trio_ws"] + parts["fast path"] > 0) is (column.plain.peer.name == US)
        assert parts[OTHER] == 0
        for count in COUNTS:
            assert 0 < (column.each(count) or 0) < 1
    assert f"{cell.name} " in show(cell, columns)


def test_a_table_shows_microseconds_and_shares() -> None:
    """Each part that took time is shown with its share, each group with its sum.

    What a bar allows is what the peer takes, divided by the bar.
    """
    (cell,) = choose(["server-32Bx1"])
    ours, bare = (peer for peer in takers(cell) if peer.name in (US, BARE))
    none: Stand = Stand(cell, bare, 1.0, process=None)  # type: ignore[arg-type]
    watched = Watched(cell, ours, 1.0, process=None)  # type: ignore[arg-type]
    watched.messages = 100
    watched.seconds_of["system calls: read"] = 0.001
    watched.seconds_of["system calls: write"] = 0.002
    watched.seconds_of["fast path: unmask"] = 0.001
    watched.counts["reads"] = 150
    rates = [{"wall": 1000.0, "CPU": 20_000.0}]
    columns = [Column(watched, watched, rates, rates), Column(none, None, rates)]
    lines = [line.split() for line in show(cell, columns).splitlines()]
    assert ["system", "calls", "µs,", "%", "30.0", "75", "–"] in lines
    assert ["write", "µs,", "%", "20.0", "50", "–"] in lines
    assert ["fast", "path", "µs,", "%", "10.0", "25", "–"] in lines
    assert ["reads", "1.5", "–"] in lines
    assert ["CPU", "a", "message", "µs", "50", "50"] in lines
    assert ["allowed:", "1", "×", "bare", "TCP", "µs", "50", "–"] in lines
    assert "encode" not in show(cell, columns)


def test_parts_are_of_files_that_there_are() -> None:
    """Every pattern that names a file of ours finds one, and our functions are no one else's."""
    for patterns in PARTS.values():
        for pattern in patterns:
            path = pattern.partition(":")[0].removeprefix("*/")
            if path.endswith(".py") and not path.startswith("trio/"):
                inside = path.removeprefix("trio_ws/")
                assert [*TOP.glob(f"**/{path}"), *LIBRARY.glob(f"**/{inside}")], path
    for file in LIBRARY.rglob("*.py"):
        assert group_of(part_of(str(file), "anything")) in ("trio_ws", "fast path")


@pytest.mark.parametrize(
    ("file", "function", "part"),
    [
        ("/x/trio/_core/_io_epoll.py", "get_events", "system calls: wait (epoll)"),
        ("/x/trio/_core/_io_epoll.py", "wait_readable", "Trio: watch sockets (epoll_ctl)"),
        ("/x/trio/_core/_run.py", "unrolled_run", "Trio: scheduler"),
        ("/x/trio/_socket.py", "send", "Trio: sockets and streams"),
        (str(TOP / "trio_ws/_protocol/fast_path.py"), "_find", "fast path: find frames"),
        (str(TOP / "trio_ws/_protocol/encoder.py"), "encode_message", "fast path: encode"),
        ("/usr/lib/python3.11/contextlib.py", "helper", OTHER),
    ],
)
def test_parts(file: str, function: str, part: str) -> None:
    """A function belongs to the first part whose pattern it fits."""
    assert part_of(file, function) == part


def test_cells_with_missed_bars_are_cells() -> None:
    """The cells that are looked at unless others are named exist, each by its own name."""
    assert [cell.name for cell in choose(MISSED)] == MISSED


def test_docs_show_a_profile_of_each_missed_cell() -> None:
    """The file in the documentation has a table for each cell that is looked at."""
    text = (TOP / "docs" / "output" / "profile.txt").read_text(encoding="utf-8")
    assert [name for name in MISSED if f"\n{name} " not in text] == []


def test_who_is_looked_at() -> None:
    """Bare TCP shakes no hands, and so is not looked at where it has no part."""
    echoes, handshakes = (
        {peer.name for peer in takers(cell)} for cell in choose(ECHO_AND_HANDSHAKE)
    )
    assert BARE in echoes
    assert handshakes == echoes - {BARE}
