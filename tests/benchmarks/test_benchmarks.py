"""The benchmark suite works: its smallest cell runs, and its arithmetic is right."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from . import bars, table
from .__main__ import EXTRA, main
from .cells import CELLS, CPU, WALL, Figure, choose
from .peers import PEERS, US
from .results import Results, read
from .wire import Talk, frame, frame_size, message, payload, read_talk

TOP = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_quick_run(tmp_path: Path) -> None:
    """The smallest cell yields rates for us and for every peer that is installed."""
    pytest.importorskip("trustme")
    file = tmp_path / "results.json"
    command = ["tests.benchmarks", "--quick", "--only", "server-32Bx64", "client-32Bx64"]
    done = subprocess.run(
        [sys.executable, "-m", *command, "--json", file],
        cwd=TOP,
        env={**os.environ, "PYTHONPATH": str(TOP)},
        check=True,
        capture_output=True,
        text=True,
    )
    found = read(file)
    assert US in found.present()
    assert found.present() == [peer.name for peer in PEERS if not peer.missing], done.stderr
    for cell in ("server-32Bx64", "client-32Bx64"):
        for peer in found.present():
            assert (found.value(cell, peer, WALL.name) or 0) > 0
            assert (found.value(cell, peer, CPU.name) or 0) > 0
    assert "× picows" in done.stdout or "picows is left out" in done.stderr


def test_missing_peers_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is not installed is left out, and the extra that would bring it is named."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["--only", "import"]) == 2
    told = capsys.readouterr()
    assert EXTRA in told.out + told.err


def test_docs_show_what_was_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """The tables in the documentation are those of the figures beside them."""
    output = TOP / "docs" / "output"
    assert main(["--show", str(output / "speed.json")]) == 0
    assert capsys.readouterr().out == (output / "speed.txt").read_text(encoding="utf-8")


def test_a_ratio_above_one_is_better() -> None:
    """Twice the rate and half the time are both a ratio of two, the median over the rounds."""
    time = Figure("time", "s", bigger=False)
    found = Results(
        cells={
            "a cell": {
                "ours": [{"wall": 2.0, "time": 1.0}, {"wall": 4.0, "time": 1.0}],
                "theirs": [{"wall": 1.0, "time": 2.0}, {"wall": 2.0, "time": 2.0}],
            }
        }
    )
    assert found.ratio("a cell", "ours", WALL, "theirs") == 2.0
    assert found.ratio("a cell", "ours", time, "theirs") == 2.0
    assert found.ratio("a cell", "ours", WALL, "nobody") is None


def test_a_table_shows_the_spread_of_its_ratios() -> None:
    """The least and the greatest ratio stand behind the median, if there are several."""
    assert table.times([1.5, 1, 2]) == "1.50 (1.00–2.00)"
    assert table.times([1]) == "1.00"
    assert table.times([]) == "–"


def test_a_figure_has_its_spread() -> None:
    """Half the distance between the extremes stands behind the median, if there are several."""
    assert table.around([90, 100, 120]) == "100 ±15%"
    assert table.around([1234.0]) == "1 234"
    assert table.around([0.0, 0.0]) == "0"
    assert table.around([]) == "–"


def test_bars_tell_what_they_ask_for() -> None:
    """A bar takes the median of the rounds, beside a peer or by itself, and shows the spread."""

    def rounds(**figures: list[float]) -> dict[str, list[dict[str, float]]]:
        return {
            US: [
                dict(zip(figures, one, strict=True)) for one in zip(*figures.values(), strict=True)
            ]
        }

    found = Results(
        cells={
            "server-32Bx1": rounds(wall=[2.0, 3.0, 4.0]) | {"picows": [{"wall": 4.0}] * 3},
            "fan-out-500-100Bx10": rounds(wall=[1.0, 1.0], CPU=[1e6, 0.5e6]),
            "memory-1000": rounds(each=[13.0], process=[50.0]),
            "latency-100": {US: [{"p50": 80.0}], "websockets": [{"p50": 100.0}]},
        }
    )
    assert bars.report(found).split("\n")[1:] == [
        "server-32Bx1: trio_ws ≥ 0.72 × picows                    cleared  0.75 (0.50–1.00)",
        "latency-100: trio_ws ≥ 1 × websockets                    cleared              1.25",
        "fan-out-500-100Bx10: a delivery ≤ 1.5 µs of CPU          cleared  1.50 (1.00–2.00)",
        "memory-1000: an idle connection with heartbeat ≤ 12 KiB  MISSED              13.00",
    ]


def test_results_survive_a_file(tmp_path: Path) -> None:
    """What was written is read again, and both make the same tables."""
    found = Results({"rounds": "1"}, {CELLS[0].name: {US: [{"wall": 1234.0, "CPU": 2.0}]}})
    found.write(tmp_path / "results.json")
    again = read(tmp_path / "results.json")
    assert again == found
    assert table.everything(again) == table.everything(found)
    assert "1 234" in table.everything(found)


def test_cells_have_names_of_their_own() -> None:
    """No two cells share a name, and each bar is about cells that there are."""
    names = [cell.name for cell in CELLS]
    assert len(set(names)) == len(names)
    assert [cell.name for cell in choose(["*-handshakes-50"])] == [
        "server-handshakes-50",
        "client-handshakes-50",
    ]
    assert bars.report(Results()).splitlines()[1:] == []
    about = [bar.says.partition(":")[0] for bar in bars.BARS if "trio_ws" in bar.says]
    assert set(about) <= set(names)


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536])
@pytest.mark.parametrize("kind", ["binary", "text"])
def test_prebuilt_frames(kind: str, size: int) -> None:
    """The frames that we build by hand have the size that we count with, and are read right."""
    from trio_ws import Limits
    from trio_ws._protocol.protocol import WebSocketProtocol

    data = payload(kind, size)
    server = WebSocketProtocol(client=False, limits=Limits(), decoder=None)
    built = frame(kind, data, masked=True)
    assert len(built) == frame_size(size, masked=True)
    assert len(frame(kind, data, masked=False)) == frame_size(size, masked=False)
    assert server.feed(built) == [message(kind, size)]


def test_a_path_says_what_a_connection_is_for() -> None:
    """What a counterpart reads from a path is what was written into it."""
    talk = Talk("sink", "text", 100, 5)
    assert read_talk(talk.path) == talk
