"""The frame diagram of RFC 6455 §5.2, drawn for a frame that is there.

A diagram has rows of 32 bits, two characters each.
A field takes as many bits as it has, and goes on in the next row if there is no more room::

    field ─▶ cells, one a row ─▶ rows of cells ─▶ lines

Fields of up to seven bits show their bits, longer ones their bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trio_ws._protocol.anatomy import NAMES, Frame, Head

ROW = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of the diagram.

    Attributes:
        label: its name.
        bits: how many bits it takes.
        columns: what is written below the name, for each of its bytes, or for each of its bits;
            several lines of them, perhaps.
    """

    label: str
    bits: int
    columns: Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class _Cell:
    """A part of a field that stands in one row."""

    bits: int
    lines: tuple[str, ...]

    @property
    def width(self) -> int:
        return 2 * self.bits - 1


def draw(frame: Frame, *, payload: int = 8) -> list[str]:
    """Return the lines of a frame's diagram, with at most so many bytes of its payload."""
    if frame.head is None:
        fields = [_bytes_field("header, cut off", frame.wire)]
    else:
        fields = [*_head_fields(frame.head), *_payload_fields(frame, payload)]
    rows = _rows(fields)
    lines = [*_ruler(), _border([], rows[0])]
    for row, below in zip(rows, [*rows[1:], []], strict=True):
        lines += [*_row(row), _border(row, below)]
    return lines


def _ruler() -> list[str]:
    tens = "".join(f"{bit // 10 if bit % 10 == 0 else ' '} " for bit in range(ROW))
    units = "".join(f"{bit % 10} " for bit in range(ROW))
    return [f" {tens}".rstrip(), f" {units}".rstrip()]


def _head_fields(head: Head) -> list[Field]:
    fields = [_bits_field("FIN", 1, head.fin)]
    fields += [_bits_field(f"RSV{n}", 1, head.rsv >> (3 - n) & 1) for n in (1, 2, 3)]
    fields.append(_bits_field("opcode", 4, head.opcode))
    fields.append(_bits_field("MASK", 1, head.masked))
    fields.append(_bits_field("payload len", 7, head.short))
    if head.width:
        long = head.length.to_bytes(head.width, "big")
        fields.append(_bytes_field("extended payload length", long))
    if head.masked:
        fields.append(_bytes_field("masking key", head.key))
    return fields


def _payload_fields(frame: Frame, limit: int) -> list[Field]:
    shown = frame.wire[:limit]
    if not shown:
        return []
    lines = [[f"{byte:02x}" for byte in shown]]
    if frame.head is not None and frame.head.masked:
        lines.append([_unmasked(byte) for byte in frame.payload[:limit]])
    return [Field(label="payload data", bits=8 * len(shown), columns=lines)]


def _unmasked(byte: int) -> str:
    return f"= {byte:02x} {chr(byte)!r}" if 0x20 <= byte < 0x7F else f"= {byte:02x}"


def _bits_field(label: str, bits: int, value: int) -> Field:
    return Field(label=label, bits=bits, columns=[f"{value:0{bits}b}"])


def _bytes_field(label: str, data: bytes) -> Field:
    return Field(label=label, bits=8 * len(data), columns=[[f"{byte:02x}" for byte in data]])


def _rows(fields: Sequence[Field]) -> list[list[_Cell]]:
    rows: list[list[_Cell]] = [[]]
    room = ROW
    for field in fields:
        done = 0
        while done < field.bits:
            if not room:
                rows.append([])
                room = ROW
            bits = min(room, field.bits - done)
            rows[-1].append(_cell(field, done, bits))
            done += bits
            room -= bits
    return rows


def _cell(field: Field, start: int, bits: int) -> _Cell:
    """Return the part of a field that begins at bit `start`."""
    unit = field.bits // len(field.columns[0])
    part = slice(start // unit, (start + bits) // unit)
    values = [_columns(line[part], 2 * unit - 1) for line in field.columns]
    return _Cell(bits, (*_label(field.label, bits, goes_on=start > 0), *values))


def _columns(values: Sequence[str], width: int) -> str:
    return " ".join(value.center(width) for value in values)


def _label(label: str, bits: int, *, goes_on: bool) -> tuple[str, ...]:
    """Return the lines of a label: downward in a cell of one bit, as in the RFC."""
    if bits == 1:
        return tuple(label)
    text = f"{label}, continued" if goes_on else label
    width = 2 * bits - 1
    return (text if len(text) <= width else label[:width],)


def _row(cells: Sequence[_Cell]) -> list[str]:
    """Return the lines of a row: labels above, values at the bottom."""
    height = max(len(cell.lines) for cell in cells)
    return [f"|{'|'.join(_line(cell, n, height) for cell in cells)}|" for n in range(height)]


def _line(cell: _Cell, number: int, height: int) -> str:
    """Return one line of a cell; its last lines are the values, and stand at the bottom."""
    blank = height - len(cell.lines)
    label = len(cell.lines) - 1 if blank else 1
    lines = [*cell.lines[:label], *[""] * blank, *cell.lines[label:]]
    return lines[number].center(cell.width)


def _border(above: Sequence[_Cell], below: Sequence[_Cell]) -> str:
    corners = _corners(above) | _corners(below)
    return "".join("+" if at in corners else "-" for at in range(max(corners) + 1))


def _corners(cells: Sequence[_Cell]) -> set[int]:
    at, corners = 0, {0}
    for cell in cells:
        at += 2 * cell.bits
        corners.add(at)
    return corners


def opcode_name(opcode: int) -> str:
    """Return the name of an opcode; most have none (RFC 6455 §11.8)."""
    return NAMES.get(opcode, f"reserved opcode {opcode:#x}")
