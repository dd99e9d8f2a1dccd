"""Pieces of SVG: boxes, lines, arrows and texts in the colour of the text around them.

A picture is part of its page, so that ``currentColor`` follows the theme, light or dark.
``docs/_static/pages.css`` knows the classes.
"""

from __future__ import annotations

from html import escape

MARKERS = (
    '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" '
    'markerHeight="8" orient="auto-start-reverse">'
    '<path d="M0 0 L10 5 L0 10 z" fill="currentColor"/></marker></defs>'
)


def picture(title: str, width: int, height: int, *parts: str) -> str:
    """Return a whole picture; the title is read to those who do not see it."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'role="img" aria-label="{escape(title)}" class="diagram" style="max-width: {width}px" '
        'font-family="sans-serif" font-size="13" fill="currentColor">'
    )
    return "\n".join([head, MARKERS, *parts, "</svg>", ""])


def box(x: float, y: float, width: float, height: float, kind: str = "plain") -> str:
    """Return a rectangle; `kind` is its class."""
    dashes = ' stroke-dasharray="6 4"' if kind in {"nursery", "dashed"} else ""
    radius = 12 if kind == "scope" else 3
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius}" '
        f'class="{kind}" fill="none" stroke="currentColor"{dashes}/>'
    )


def text(x: float, y: float, content: str, kind: str = "", *, anchor: str = "start") -> str:
    """Return a text; `kind` is its class: bold, monospaced, pale, or pale and tiny."""
    style = {
        "name": ' font-weight="bold"',
        "code": ' font-family="monospace" font-size="12"',
        "minor": ' opacity="0.7" font-size="12"',
        "tiny": ' opacity="0.7" font-size="8.5"',
    }.get(kind, "")
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" class="{kind}"{style} '
        f'xml:space="preserve">{escape(content)}</text>'
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str = "line") -> str:
    """Return a line; of the kind "arrow" it has a tip at its end."""
    tip = ' marker-end="url(#tip)"' if kind.startswith("arrow") else ""
    dashes = ' stroke-dasharray="5 4"' if kind.endswith("dashed") else ""
    return (
        f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" class="{kind}" '
        f'stroke="currentColor"{tip}{dashes}/>'
    )
