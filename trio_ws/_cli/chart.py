"""The delays of a comparison as a plot (SVG), and a page around it (HTML); both themes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from .table import COLUMNS, Outcome

WIDTH, HEIGHT = 640, 320
LEFT, RIGHT, TOP, BOTTOM = 48, 24, 16, 40
LEGEND = (484, 204)
"""Where no curve is likely to come: slow, and most events."""

FIRST, LAST = -4, 1
"""The powers of ten between which delays are drawn: from 0.1 ms to 10 s."""

LABELS = ("0.1 ms", "1 ms", "10 ms", "100 ms", "1 s", "10 s")
COLOURS = ("#e0642f", "#b8860b", "#2e9e57", "#4f86f7")
POINTS = 100

# The plot does not know on what it will stand, so its greys can be read on white and on black.
_STYLE = "text { fill: #7d8590; font: 12px sans-serif; } line { stroke: #7d859066; }"

_PAGE_STYLE = """\
body { --ink: #1f2937; --line: #d1d5db; --paper: #ffffff; }
@media (prefers-color-scheme: dark) {
  body { --ink: #e5e7eb; --line: #4b5563; --paper: #111827; } }
body { color: var(--ink); background: var(--paper); font: 16px sans-serif;
  max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } td, th { padding: .2rem .6rem; text-align: right; }
td:first-child, th:first-child { text-align: left; } tr { border-bottom: 1px solid var(--line); }"""


def plot(outcomes: Sequence[Outcome]) -> str:
    """Return an SVG: for each delay, the share of events that were heard of by then."""
    lines = [*_grid(), *_curves(outcomes), *_legend(outcomes)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">\n'
        f"<title>How late clients hear of events</title>\n<style>{_STYLE}</style>\n"
        f"{chr(10).join(lines)}\n</svg>\n"
    )


def page(outcomes: Sequence[Outcome], headline: str) -> str:
    """Return a page that needs nothing else: the plot, the table, what they mean."""
    head = "".join(f"<th>{escape(name)}</th>" for name in COLUMNS)
    rows = "".join(f"<tr>{_cells(outcome)}</tr>\n" for outcome in outcomes)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Ways of sending events</title>
<style>{_STYLE}\n{_PAGE_STYLE}</style></head><body>
<h1>Ways of sending events</h1>
<p>{escape(headline)}.  A curve shows which share of the events had been heard of after a delay:
the further to the left, the sooner.</p>
{plot(outcomes)}<table><tr>{head}</tr>
{rows}</table>
<p>Server and clients are one process, so the last few milliseconds of a delay are the time
that it takes to serve all clients of all ways, one after another.
Bytes are those of HTTP and WebSocket, without TCP and IP;
the requests have as few headers as can be, and those of browsers are ten times as many.
Processor time is that of the tasks of server and clients together.</p>
</body></html>
"""


def _cells(outcome: Outcome) -> str:
    return "".join(f"<td>{escape(cell)}</td>" for cell in outcome.cells())


def _x(seconds: float) -> float:
    """Return where a delay is drawn; the scale is logarithmic."""
    power = min(max(math.log10(max(seconds, 1e-9)), FIRST), LAST)
    return LEFT + (power - FIRST) / (LAST - FIRST) * (WIDTH - LEFT - RIGHT)


def _y(share: float) -> float:
    return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def _grid() -> list[str]:
    lines = []
    for power, label in zip(range(FIRST, LAST + 1), LABELS, strict=True):
        x = _x(10.0**power)
        lines.append(_line(x, _y(0), x, _y(1)))
        lines.append(_text(x, HEIGHT - BOTTOM + 18, label, "middle"))
    for share in (0.0, 0.5, 1.0):
        lines.append(_line(LEFT, _y(share), WIDTH - RIGHT, _y(share)))
        lines.append(_text(LEFT - 6, _y(share) + 4, f"{share:.0%}", "end"))
    return lines


def _curves(outcomes: Sequence[Outcome]) -> list[str]:
    return [
        f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{_points(outcome)}"/>'
        for outcome, colour in zip(outcomes, COLOURS, strict=True)
    ]


def _points(outcome: Outcome) -> str:
    """Return at most `POINTS` points of a curve."""
    delays = outcome.delays
    ranks = sorted({round(n / POINTS * (len(delays) - 1)) for n in range(POINTS + 1)})
    chosen = [(delays[rank], (rank + 1) / len(delays)) for rank in ranks] if delays else []
    return " ".join(f"{_x(delay):.1f},{_y(share):.1f}" for delay, share in chosen)


def _legend(outcomes: Sequence[Outcome]) -> list[str]:
    lines = []
    for number, (outcome, colour) in enumerate(zip(outcomes, COLOURS, strict=True)):
        y = LEGEND[1] + 18 * number
        lines.append(f'<rect x="{LEGEND[0]}" y="{y - 9}" width="12" height="10" fill="{colour}"/>')
        lines.append(_text(LEGEND[0] + 18, y, outcome.way, "start"))
    return lines


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    ends = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f"<line {ends}/>"


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
