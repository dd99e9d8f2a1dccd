"""Which state may follow which: a table of steps as a picture."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import TypeVar

from trio_ws._supervision.states import TABLE

from .svg import box, picture, text

S = TypeVar("S", bound=enum.Enum)

LEFT, TOP, COLUMN, ROW = 120, 44, 84, 28


def supervisor() -> str:
    """Draw the steps of a supervisor."""
    return matrix("Which state of a supervisor may follow which", TABLE)


def matrix(title: str, table: Mapping[S, frozenset[S]]) -> str:
    """Draw a row for each state, with a mark in the column of each that may follow."""
    states = list(table)
    parts = [text(LEFT - 8, TOP - 12, "from, to", "minor", anchor="end")]
    told = []
    for column, state in enumerate(states):
        x = LEFT + column * COLUMN + COLUMN / 2
        parts.append(text(x, TOP - 12, str(state.value), "name", anchor="middle"))
    for number, state in enumerate(states):
        y = TOP + number * ROW
        parts.append(text(LEFT - 8, y + 18, str(state.value), "name", anchor="end"))
        for column, following in enumerate(states):
            possible = following in table[state]
            x = LEFT + column * COLUMN
            parts.append(box(x, y, COLUMN, ROW, "filled" if possible else "plain"))
            if possible:
                parts.append(text(x + COLUMN / 2, y + 19, "✓", "name", anchor="middle"))
                told.append(f"{state.value} to {following.value}")
    width, height = LEFT + COLUMN * len(states) + 4, TOP + ROW * len(states) + 4
    return picture(f"{title}: {', '.join(told)}", width, height, *parts)
