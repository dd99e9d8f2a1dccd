"""The profile tells where the time went, all of it, and to parts that there are."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

import trio_ws

from . import profile as profiles
from .bars import BARS
from .cells import choose
from .peers import BARE, PEERS, US
from .programs import talking
from .programs.sampled import OTHER, PARTS, part_of

pytest.importorskip("trustme")

from .measures import Certificates, Stand
from .profile import COUNTS, Column, Watched, cost, group_of, missed_cells, profile, show, takers
from .results import Results

TOP = Path(__file__).resolve().parents[2]
LIBRARY = Path(trio_ws.__file__).parent
"""Elsewhere, when what is tested is what was installed."""

ENOUGH = 40
"""Ticks by which every large part has been met; a quiet machine has 200 and more."""

LOOKED_AT = ["server-32Bx1", "connections-10000-gc", "latency-100", "fan-out-500-100B"]
"""Cells in which different programs take part."""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["server-32Bx64", "client-receives-100B"])
def test_a_quick_profile(name: str, tmp_path: Path) -> None:
    """The parts add up to what the process had, and a burst takes fewer calls than messages.

    What the watch itself takes at a tick is in no part, and neither is what comes after the last;
    on a machine that is busy otherwise, ticks are few.
    """
    (cell,) = choose([name])
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


def test_only_a_rate_allows_processor_time() -> None:
    """A bar of round trips is in another unit, so it leaves no line."""
    (cell,) = choose(["latency-100"])
    ours, theirs = (peer for peer in PEERS if peer.name in (US, "websockets"))
    rates = [{"wall": 1000.0, "CPU": 20_000.0}]
    columns = [
        Column(Stand(cell, peer, 1.0, process=None), None, rates)  # type: ignore[arg-type]
        for peer in (ours, theirs)
    ]
    assert "CPU a message" in show(cell, columns)
    assert "allowed" not in show(cell, columns)


def test_parts_are_of_files_that_there_are() -> None:
    """Every pattern that names a file of ours finds one, and our functions are no one else's."""
    for patterns in PARTS.values():
        for pattern in patterns:
            path = pattern.partition(":")[0].removeprefix("*/")
            if path.endswith(".py") and not path.startswith("trio/"):
                inside = path.removeprefix("trio_ws/")
                assert [*TOP.glob(f"**/{path}"), *LIBRARY.glob(f"**/{inside}")], path
    for file in LIBRARY.rglob("*.py"):
        assert group_of(part_of(str(file), "anything")) in ("trio_ws", "fast path", "HTTP", "TLS")


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


def test_missed_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells in which a bar is missed are looked at, each once, but for memory."""
    rounds = {
        "server-32Bx64": {US: 1.0, "picows": 1.0, "websockets.trio": 1.0},
        "client-32Bx64": {US: 9.0, "picows": 1.0, "websockets.trio": 1.0},
        "connections-10": {US: 9.0},
        "connections-10000": {US: 1.0},
    }
    figures = {
        cell: {peer: [{"wall": rate}] for peer, rate in peers.items()}
        for cell, peers in rounds.items()
    }
    figures["memory-1000"] = {US: [{"each": 99.0}]}
    file = tmp_path / "speed.json"
    Results(cells=figures).write(file)
    monkeypatch.setattr(profiles, "DOCUMENTED", file)
    assert missed_cells() == ["server-32Bx64", "connections-10000"]


def test_bars_are_of_cells() -> None:
    """Each bar is of a cell that there is, and says so where it names one."""
    for bar in BARS:
        assert [cell.name for cell in choose([bar.cell])] == [bar.cell]


def test_docs_show_a_profile_of_each_missed_cell() -> None:
    """The file in the documentation has a table for each cell in which it shows a missed bar."""
    text = (TOP / "docs" / "output" / "profile.txt").read_text(encoding="utf-8")
    assert [name for name in missed_cells() if f"\n{name} " not in text] == []


def test_a_client_tells_what_was_seen() -> None:
    """What the watch of a client has seen is added up; its own figures are as always."""
    (cell,) = choose(["client-receives-100B"])
    (ours,) = (peer for peer in takers(cell) if peer.name == US)
    watched = Watched(cell, ours, 1.0, process=None)  # type: ignore[arg-type]
    report = {"count": 100, "seconds": 2.0, "cpu": 1.0}
    seen = {"seconds": {"Trio: scheduler": 0.001}, "counts": {"reads": 7}}
    for _ in range(2):
        assert watched.figures_of({**report, "watched": seen}) == {"wall": 50.0, "CPU": 100.0}
    watched.figures_of({**report, "cpu": 0.0, "watched": {"seconds": {}, "counts": {}}})
    column = Column(watched, watched)
    assert column.each("reads") == 14 / 300
    assert column.parts()["Trio"] == pytest.approx(1e6 * 0.002 / 300)


def test_an_observer_of_a_client() -> None:
    """While a client's clocks run it is observed, and what was seen is in its report."""

    class Seen:
        calls: ClassVar[list[str]] = []

        def begin(self) -> None:
            self.calls.append("begin")

        def end(self) -> dict[str, int]:
            self.calls.append("end")
            return {"seen": 1}

    class Observed(talking.Watch):
        observer = Seen()

    assert "watched" not in talking.Watch().report(1)
    clocks = Observed()
    assert Seen.calls == ["begin"]
    report = clocks.report(1)
    assert Seen.calls == ["begin", "end"]
    assert report["watched"] == {"seen": 1}


def test_who_is_looked_at() -> None:
    """We, bare TCP where it takes part, and those that a bar of the cell compares us with."""
    pytest.importorskip("picows")
    looked_at = {cell.name: {peer.name for peer in takers(cell)} for cell in choose(LOOKED_AT)}
    assert looked_at == {
        "server-32Bx1": {US, BARE, "picows", "websockets"},
        "connections-10000-gc": {US, BARE},
        "latency-100": {US, BARE, "websockets"},
        "fan-out-500-100B": {US, "picows"},
    }
