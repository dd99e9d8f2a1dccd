"""Numbered messages, whose whole content follows from a name and a number.

So a receiver knows, without being told, what it should have got.
Two of three are text, one is binary; most are small, a few large, one larger than a window.
"""

from __future__ import annotations

from random import Random
from typing import NamedTuple

_CHANCE = Random(15)
_LETTERS = "abcdefghijklmnopqrstuvwxyz 0123456789äöüß€😀"
_LONGEST = 90_000
_NOISE = _CHANCE.randbytes(_LONGEST + 1000)
_TEXT = "".join(_CHANCE.choices(_LETTERS, k=_LONGEST + 1000))
_SIZES = [*[0, 5, 30, 60, 100, 117, 118, 119, 200, 300] * 12, 400, 700, 1500, 4000, 9000, 30_000]
_SIZES += [1000, _LONGEST]
_CHANCE.shuffle(_SIZES)


class Label(NamedTuple):
    """Who numbered a message, and its number."""

    source: str
    number: int


def compose(label: Label) -> str | bytes:
    """Return the message with this label."""
    head = f"{label.source} {label.number} "
    size, start = _SIZES[label.number * 7 % len(_SIZES)], label.number % 1000
    if label.number % 3 == 0:
        return head.encode() + _NOISE[start : start + size]
    return head + _TEXT[start : start + size]


def read_label(message: str | bytes) -> Label | None:
    """Return the label of a message; None if it has none, because it was damaged."""
    text = message[:80] if isinstance(message, str) else message[:80].decode("latin-1")
    source, _, rest = text.partition(" ")
    number, space, _ = rest.partition(" ")
    if not space or not number.isascii() or not number.isdigit():
        return None
    return Label(source, int(number))
