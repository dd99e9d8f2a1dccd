"""A comparison as a plot, and as a page; both are well-formed."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser

from trio_ws._cli.chart import page, plot

from .test_table import OUTCOME

OUTCOMES = [
    replace(OUTCOME, way="short <polling>", delays=tuple(n / 1000 for n in range(1, 1001))),
    replace(OUTCOME, way="long polling", delays=(0.01,)),
    replace(OUTCOME, way="nothing", delays=()),
    replace(OUTCOME, way="extremes", delays=(0.0, 100.0)),
]


def test_a_plot_has_a_curve_for_each_way() -> None:
    """Within the picture, each rising from left to right; names are escaped."""
    root = ET.fromstring(plot(OUTCOMES))
    name = "{http://www.w3.org/2000/svg}"
    curves = [line.get("points", "").split() for line in root.iter(f"{name}polyline")]
    assert [len(curve) for curve in curves] == [101, 1, 0, 2]
    for curve in curves:
        points = [tuple(map(float, point.split(","))) for point in curve]
        assert points == sorted(points, key=lambda point: (point[0], -point[1]))
        assert all(48 <= x <= 616 and 16 <= y <= 280 for x, y in points)
    assert "short <polling>" in [text.text for text in root.iter(f"{name}text")]


def test_a_curve_ends_with_all_events() -> None:
    """The slowest is at 100 %."""
    points = re.findall(r'points="([^"]*)"', plot(OUTCOMES))
    assert points[1] == "275.2,16.0"
    assert points[3].split()[-1] == "616.0,16.0"


def test_a_page_needs_nothing_else() -> None:
    """It loads nothing, and has the table of the terminal."""
    text = page(OUTCOMES, "20 clients & more")

    class Reader(HTMLParser):
        seen: list[str] = []  # noqa: RUF012

        def handle_starttag(self, tag: str, attrs: object) -> None:
            self.seen.append(tag)

    Reader().feed(text)
    assert Reader.seen.count("td") == 4 * 8
    assert not {"script", "link", "img"} & set(Reader.seen)
    assert "20 clients &amp; more" in text
    assert "short &lt;polling&gt;" in text
    assert "prefers-color-scheme: dark" in text
