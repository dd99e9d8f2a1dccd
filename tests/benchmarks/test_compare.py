"""Before and after: pairs are taken in turn, ratios point the right way, medians are certain."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path
from statistics import median

import pytest

pytest.importorskip("trustme")

from ..trees import LIBRARY, TOP
from . import compare
from .cells import CELLS, CPU, Cell, Figure
from .measures import Figures, Stand
from .peers import US, US_PURE
from .processes import running
from .spread import certain_rank, spread_of

CELL = next(cell for cell in CELLS if cell.name == "server-32Bx1")
MEMORY = next(cell for cell in CELLS if cell.measure == "memory")


def stands() -> list[Stand]:
    """Two stands of which only the seconds differ."""
    peer = compare.peer_in(LIBRARY, US)
    return [Stand(CELL, peer, seconds, process=None) for seconds in (1.0, 2.0)]  # type: ignore[arg-type]


def test_pairs_are_measured_in_turn() -> None:
    """The version before goes first in even pairs and second in odd ones; figures keep places."""
    order: list[float] = []

    def measured(stand: Stand) -> Figures:
        order.append(stand.seconds)
        return {"CPU": stand.seconds}

    pairs = [compare.take_pair(stands(), number, measured) for number in range(3)]
    assert order == [1, 2, 2, 1, 1, 2]
    assert pairs == [({"CPU": 1}, {"CPU": 2})] * 3


def test_above_one_the_working_tree_is_better() -> None:
    """Twice the rate is a ratio of 2, and so is half the time."""
    pairs = [({"CPU": 10.0, "p50": 8.0}, {"CPU": 20.0, "p50": 4.0})]
    assert compare.ratios(pairs, CPU) == [2.0]
    assert compare.ratios(pairs, Figure("p50", "µs", bigger=False)) == [2.0]


@pytest.mark.parametrize(
    ("ratios", "told"),
    [
        ([1.0] * 20, "passed"),
        ([0.9] * 20, "MISSED"),
        ([0.9] * 9 + [1.0] * 11, "passed, unsure"),
        ([0.9] * 11 + [1.0] * 9, "MISSED, unsure"),
    ],
)
def test_the_verdict_says_if_it_is_unsure(ratios: list[float], told: str) -> None:
    """A median at 0.97 or above passes; it is unsure if the true one may lie on the other side."""
    assert compare.verdict(spread_of(ratios), 0.97) == told


def test_the_verdict_is_about_processor_time() -> None:
    """Each figure has a line, and the verdict stands in that of the processor time."""
    pairs = [({"wall": 1.0, "CPU": 1.0}, {"wall": 0.5, "CPU": 1.0})] * 2
    rows = compare.rows_of(CELL, pairs, 0.97)
    assert [(row[1], row[-1]) for row in rows] == [("wall", ""), ("CPU", "passed")]
    assert [row[3] for row in rows] == ["0.500", "1.000"]


def test_memory_is_decided_by_what_a_connection_takes() -> None:
    """Where no processor time is measured, the first figure decides."""
    assert compare.deciding(MEMORY).name == "each"


def test_by_default_all_rates_are_compared() -> None:
    """Memory is measured if it is named, the import never."""
    names = {cell.name for cell in compare.chosen([])}
    assert {"server-32Bx1", "connections-10000", "latency-100"} <= names
    assert not {"memory-1000", "import"} & names
    assert [cell.name for cell in compare.chosen(["memory-1000", "import"])] == ["memory-1000"]


def test_processes_are_fresh_every_few_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five pairs share processes, and what they measured first of all is thrown away."""
    started: list[str] = []

    class Started:
        """A stand that tells when it is entered."""

        def __init__(self, cell: Cell, peer: object, *_: object) -> None:
            self.measured = 0

        def __enter__(self) -> Started:
            started.append("new")
            return self

        def __exit__(self, *_: object) -> None:
            pass

    def measured(stand: Started) -> Figures:
        stand.measured += 1
        return {"CPU": stand.measured}

    monkeypatch.setattr(compare, "ASIDE", 0)
    monkeypatch.setattr(compare, "stand", Started)
    monkeypatch.setattr(compare, "measure", measured)
    monkeypatch.setattr(compare.take_pair, "__defaults__", (measured,))
    peers = (compare.peer_in(LIBRARY, US), compare.peer_in(LIBRARY, US_PURE))
    pairs = compare.take_pairs(CELL, peers, 7, 0.1, None)  # type: ignore[arg-type]
    assert [before["CPU"] for before, _ in pairs] == [2, 3, 4, 5, 6, 2, 3]
    assert len(started) == 4
    started.clear()
    pairs = compare.take_pairs(MEMORY, peers, 2, 0.1, None)  # type: ignore[arg-type]
    assert [before["CPU"] for before, _ in pairs] == [1, 1]
    assert len(started) == 4


def test_what_does_not_exist_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """A cell or a commit that there is not ends the command with 2, and it says so."""
    assert compare.main(["HEAD", "no-such-cell"]) == 2
    assert "--list" in capsys.readouterr().out
    assert compare.main(["no-such-commit", "server-32Bx1"]) == 2
    assert "nothing to compare with" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        compare.main(["HEAD", "--pairs", "1"])


def test_the_interval_holds_the_median_as_often_as_it_says() -> None:
    """Of many samples of 20, at least 95 of a hundred have the true median in their interval."""
    assert certain_rank(20) == 5
    assert [certain_rank(count) for count in (2, 5, 6, 8, 9)] == [0, 0, 0, 0, 1]
    chance = random.Random(1)
    held = 0
    for _ in range(1000):
        found = spread_of([chance.expovariate(1) for _ in range(20)])
        held += found.low <= 0.6931 <= found.high
    assert held >= 950


def test_the_spread_is_of_the_values() -> None:
    """Median and quarters are the usual ones."""
    values = [3.0, 1.0, 2.0, 5.0, 4.0]
    found = spread_of(values)
    assert (found.count, found.middle) == (5, median(values))
    assert (found.low, found.lower_quarter, found.upper_quarter, found.high) == (1, 2, 4, 5)


def test_a_program_with_another_library(tmp_path: Path) -> None:
    """A program gets the library of the folder that it names, or does not start."""
    with pytest.raises(Exception, match="not from"):  # noqa: SIM117
        with running("programs.elsewhere", "client", str(tmp_path), "trio_ws_peer"):
            pass
    (tmp_path / "trio_ws").symlink_to(LIBRARY / "trio_ws")
    with running("programs.elsewhere", "client", str(tmp_path), "trio_ws_peer") as process:
        assert process.port == 0


@pytest.mark.slow
def test_a_quick_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    """A commit is compared with the working tree in both roles."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=TOP, check=False, capture_output=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    cells = ["server-32Bx64", "client-32Bx64"]
    compare.main(["HEAD", *cells, "--pairs", "2", "--seconds", "0.05", "--least", "0.1"])
    told = capsys.readouterr().out
    assert told.count("passed") == 3
    assert "2 passed, 0 missed 0.1" in told
