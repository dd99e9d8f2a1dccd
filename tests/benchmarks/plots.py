"""The plots, as SVG; matplotlib is needed only here, and only when they are asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .cells import ECHOES
from .results import Results

COLOURS = {
    "trio_ws": "#1b6ca8",
    "trio_ws pure": "#7fb2d9",
    "trio-websocket": "#b8a25a",
    "websockets.trio": "#d08c3f",
    "websockets": "#a85b32",
    "aiohttp": "#7d7d7d",
    "picows": "#4f8f5b",
    "bare TCP": "#bbbbbb",
}


def draw(results: Results, folder: Path) -> list[Path]:
    """Draw what was measured; return the files."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update(
        {
            "svg.fonttype": "none",  # text stays text
            "svg.hashsalt": "trio_ws",
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    drawn = [_echo(results, role, folder) for role in ("server", "client")]
    return [path for path in [*drawn, _connections(results, folder)] if path]


def _echo(results: Results, role: str, folder: Path) -> Path | None:
    """Bars: each size of message, each peer."""
    names = [name for name, _, _ in ECHOES if f"{role}-{name}" in results.cells]
    if not names:
        return None
    figure, axes = _new(f"Echo, {role}: messages per second", width=8)
    peers = results.present()
    width = 0.85 / len(peers)
    for index, peer in enumerate(peers):
        values = [results.value(f"{role}-{name}", peer, "wall") or 0 for name in names]
        places = [group + (index - len(peers) / 2 + 0.5) * width for group in range(len(names))]
        axes.bar(places, values, width, label=peer, color=COLOURS[peer])
    axes.set_yscale("log")
    axes.set_xticks(range(len(names)), [name.replace("x", " × ") for name in names])
    axes.set_xlabel("size of a message × messages in flight")
    axes.legend(ncols=4, frameon=False, loc="lower center", bbox_to_anchor=(0.5, -0.42))
    return _save(figure, folder / f"speed_{role}.svg")


def _connections(results: Results, folder: Path) -> Path | None:
    """Lines: total rate over the number of connections."""
    cells = [
        cell for cell in results.measured() if cell.measure == "connections" and not cell.collect
    ]
    if not cells:
        return None
    figure, axes = _new("Many connections: echoes per second, all together", width=7)
    for peer in results.present():
        points = [(cell.details["count"], results.value(cell.name, peer, "wall")) for cell in cells]
        known = [(count, value) for count, value in points if value is not None]
        axes.plot(*zip(*known, strict=True), marker="o", label=peer, color=COLOURS[peer])
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("connections, one message of 32 B in flight on each")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return _save(figure, folder / "speed_connections.svg")


def _new(title: str, width: float) -> tuple[Any, Any]:
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(width, 3.6))
    axes.set_title(title, loc="left")
    axes.grid(axis="y", linewidth=0.4, alpha=0.6)
    axes.set_axisbelow(True)
    return figure, axes


def _save(figure: Any, path: Path) -> Path:
    figure.savefig(path, bbox_inches="tight", metadata={"Date": None})
    return path
