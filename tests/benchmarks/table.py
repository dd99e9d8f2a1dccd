"""The tables, as text: absolute figures, then how we stand to each peer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from .cells import Cell, Figure
from .peers import US, US_PURE
from .results import Results


def absolute(results: Results) -> str:
    """Every figure of every peer: its median, and how far the rounds lie apart."""
    peers = results.present()
    rows = [["cell", "figure", *peers]]
    for cell, figure in _lines(results):
        values = [results.figures(cell.name, peer, figure.name) for peer in peers]
        rows.append([cell.name, f"{figure.name} {figure.unit}", *map(around, values)])
    return aligned(rows)


def ratios(results: Results, ours: str, figure_names: Iterable[str]) -> str:
    """Return how many times better we are than each peer, in all figures of these names."""
    peers = [peer for peer in results.present() if peer not in (US, US_PURE)]
    rows = [["cell", "figure", *peers]]
    names = set(figure_names)
    for cell, figure in _lines(results):
        if figure.name in names:
            values = [results.ratios(cell.name, ours, figure, peer) for peer in peers]
            rows.append([cell.name, figure.name, *map(times, values)])
    return aligned(rows)


def everything(results: Results) -> str:
    """All tables, with their titles."""
    parts = ["\n".join(f"{key}: {value}" for key, value in results.facts.items())]
    parts.append(f"Medians\n\n{absolute(results)}")
    wall = ("wall", "p50", "p99", "each", "process", "import")
    for ours in (US, US_PURE):
        if ours in results.present():
            first = ratios(results, ours, wall)
            parts.append(f"{ours} beside the others: × better\n\n{first}")
            cpu = ratios(results, ours, ["CPU"])
            parts.append(f"{ours} beside the others: × better per second of CPU\n\n{cpu}")
    return "\n\n".join(parts)


def _lines(results: Results) -> list[tuple[Cell, Figure]]:
    return [(cell, figure) for cell in results.measured() for figure in cell.figures]


def number(value: float | None) -> str:
    """Show three digits or all before the point, or a dash."""
    if value is None:
        return "–"
    if abs(value) >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}"


def times(ratios: Sequence[float]) -> str:
    """Show the median of ratios, and their least and greatest if there are several."""
    if not ratios:
        return "–"
    spread = f" ({min(ratios):.2f}–{max(ratios):.2f})" if len(ratios) > 1 else ""
    return f"{median(ratios):.2f}{spread}"


def around(values: Sequence[float]) -> str:
    """Show the median of figures, and half of what lies between the least and the greatest."""
    if not values:
        return number(None)
    middle = median(values)
    if len(values) == 1 or not middle:
        return number(middle)
    return f"{number(middle)} ±{50 * (max(values) - min(values)) / abs(middle):.0f}%"


def aligned(rows: list[list[str]]) -> str:
    """Set columns, words to the left and numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        left = [text.ljust(width) for text, width in zip(row[:2], widths, strict=False)]
        right = [text.rjust(width) for text, width in zip(row[2:], widths[2:], strict=True)]
        lines.append("  ".join(left + right).rstrip())
    return "\n".join(lines)
