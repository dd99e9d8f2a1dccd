"""A frame, bit by bit: RFC 6455 §5.2, with the frame of ``docs/snippets/frame_by_hand.py``."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO

from docs.snippets import frame_by_hand

from .svg import box, picture, text

LEFT, BIT, HEIGHT, TOP = 10, 24, 44, 34

FIELDS = [(1, "FIN"), (3, "RSV"), (4, "opcode"), (1, "MASK"), (7, "length")]
"""The first two bytes: how many bits each field has."""


def frame() -> str:
    """Draw the frame of the snippet in rows of four bytes."""
    with redirect_stdout(StringIO()):
        data = frame_by_hand.main()
    rows = [data[start : start + 4] for start in range(0, len(data), 4)]
    parts = [text(_middle(bit), 22, str(bit), "minor", anchor="middle") for bit in range(32)]
    parts += _fields() + _bytes(data)
    parts += [part for number, row in enumerate(rows) for part in _bits(row, number)]
    height = TOP + len(rows) * (HEIGHT + 22)
    fields = "FIN, three reserved bits, opcode, MASK, length, key, payload"
    title = f"The frame {data.hex(' ')}: {fields}"
    return picture(title, LEFT * 2 + 32 * BIT, height, *parts)


def _middle(bit: int) -> float:
    return LEFT + bit * BIT + BIT / 2


def _row(number: int) -> float:
    return TOP + number * (HEIGHT + 22)


def _bits(row: bytes, number: int) -> list[str]:
    y = _row(number) + HEIGHT - 8
    return [
        text(_middle(index * 8 + bit), y, f"{byte >> (7 - bit) & 1}", "code", anchor="middle")
        for index, byte in enumerate(row)
        for bit in range(8)
    ]


def _fields() -> list[str]:
    parts, bit = [], 0
    for size, name in FIELDS:
        parts += _field(bit, size, 0, name)
        bit += size
    return parts


def _field(bit: int, size: int, row: int, name: str, kind: str = "plain") -> list[str]:
    x, y = LEFT + bit * BIT, _row(row)
    return [
        box(x, y, size * BIT, HEIGHT, kind),
        text(x + size * BIT / 2, y + 15, name, "minor" if size > 1 else "tiny", anchor="middle"),
    ]


def _bytes(data: bytes) -> list[str]:
    """Draw the key and the payload: a box for each byte."""
    parts = []
    for index in range(2, len(data)):
        byte = index - 2
        name = f"key {byte + 1}" if byte < 4 else _payload(data, byte - 4)
        parts += _field(index % 4 * 8, 8, index // 4, name, "plain" if byte < 4 else "filled")
    return parts


def _payload(data: bytes, index: int) -> str:
    plain = data[6 + index] ^ data[2 + index % 4]
    return f"{chr(plain)!r}, masked with key {index % 4 + 1}"
