"""A comparison as a table."""

from __future__ import annotations

import re

import pytest

from trio_ws._cli.table import Outcome, in_bytes, in_time, table

OUTCOME = Outcome(
    way="WebSocket",
    requests=1000,
    sent=999,
    received=12_345,
    delays=(0.001, 0.002, 0.003),
    processor=0.0123,
)


def test_each_way_is_a_row() -> None:
    """Below a head, in columns; without an event there is no delay."""
    empty = Outcome(way="none", requests=0, sent=0, received=0, delays=(), processor=0)
    lines = table([OUTCOME, empty])
    assert len({len(line) for line in lines}) == 1
    assert [re.split("  +", line.strip()) for line in lines] == [
        ["requests", "sent", "received", "events", "delay p50", "p99", "processor"],
        ["WebSocket", "1,000", "999 B", "12.3 kB", "3", "2 ms", "3 ms", "12.3 ms"],
        ["none", "0", "0 B", "0 B", "0", "–", "–", "0 ms"],
    ]


@pytest.mark.parametrize(
    ("number", "shown"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_500_000, "2.5 MB")]
)
def test_bytes_have_units(number: int, shown: str) -> None:
    """Decimal ones."""
    assert in_bytes(number) == shown


@pytest.mark.parametrize(
    ("number", "shown"), [(0.000123, "0.123 ms"), (0.25, "250 ms"), (1.234, "1.23 s")]
)
def test_times_have_units(number: float, shown: str) -> None:
    """Milliseconds below a second."""
    assert in_time(number) == shown
