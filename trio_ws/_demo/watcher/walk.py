"""The task tree as it is now, as plain values.

    row        a task: its name, and the line at which it waits
    └─ box     what the task is in: a nursery or a cancel scope, the outermost first
       └─ row    a nursery holds tasks: their rows say that they are within this box

Tasks come from the nurseries (`trio.Nursery.child_tasks`), lines from their coroutines' frames,
boxes from `scopes`.  Nothing here knows what the world is meant to look like.
"""

from __future__ import annotations

import itertools
import linecache
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any
from weakref import WeakKeyDictionary

import trio

import trio_ws

from .scopes import Entered, entered_blocks, frame_of, iter_awaited

LIBRARY = str(Path(trio_ws.__file__).parent)
WORLD = str(Path(__file__).parent.parent / "world")
TRIO = str(Path(trio.__file__).parent) + os.sep  # beside it there may be a trio_ws
BELOW = ("_concurrency", "_demo/world/wire", "_handshake", "_transport", "testing")
PLUMBING = (TRIO, *(f"{LIBRARY}/{folder}" for folder in BELOW))
"""What is below the line that says what a task is about."""

SLEEPERS = (
    TRIO,
    f"{LIBRARY}/testing",
    f"{LIBRARY}/_supervision/retry_timer",
)
"""Whose scopes are there to sleep in: their deadlines are the end of a sleep."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of source at which a task waits.

    Attributes:
        file: where it is, from the folder of its package on.
        number: of the line.
        text: what stands there.
    """

    file: str
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.file.rpartition('/')[2]}:{self.number} “{self.text}”"


@dataclass(frozen=True, slots=True)
class Box:
    """A nursery or a cancel scope.

    Attributes:
        id: its number; an object keeps it.
        nursery: whether it is a nursery.
        function: which function entered it.
        maker: the class of ours that entered it by hand, or "".
        timer: whether it is there to sleep in (`SLEEPERS`).
        shield: whether it keeps cancellations from outside away.
        cancelled: whether it is cancelled.
        deadline: in the time of `trio.current_time`; None: it is not a time.
    """

    id: int
    nursery: bool
    function: str
    maker: str
    timer: bool
    shield: bool
    cancelled: bool
    deadline: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """A task.

    Attributes:
        id: its number.
        name: as Trio has it.
        within: the number of the nursery's box; None at the top.
        lines: where it waits: in the world's own code, if it is in there; in the library's.
        boxes: what it is in, the outermost first.
    """

    id: int
    name: str
    within: int | None
    lines: tuple[Line, ...]
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """The tree, from above; and the objects that it shows.

    Attributes:
        rows: by their numbers, parents first.
        tasks: by the same numbers.
        scopes: of all boxes, by the box's number.
    """

    rows: dict[int, Row] = field(default_factory=dict)
    tasks: dict[int, trio.lowlevel.Task] = field(default_factory=dict)
    scopes: dict[int, trio.CancelScope] = field(default_factory=dict)

    def iter_reached(self, box: int) -> Iterator[Row]:
        """Yield the tasks that the cancellation of a box reaches: not those behind a shield."""
        for row in self.rows.values():
            boxes = [each.id for each in row.boxes]
            if box in boxes:
                yield from self._iter_inside(row, boxes.index(box) + 1)

    def _iter_inside(self, row: Row, start: int) -> Iterator[Row]:
        nurseries = {each.id for each in row.boxes[start - 1 : start] if each.nursery}
        shielded = False
        for box in row.boxes[start:]:
            if shielded := box.shield:
                break
            if box.nursery:
                nurseries.add(box.id)
        if not shielded:
            yield row
        for child in self.rows.values():
            if child.within in nurseries:
                yield from self._iter_inside(child, 0)


class Numbers:
    """Numbers for objects, which they keep as long as they live."""

    def __init__(self) -> None:
        self._count = itertools.count(1)
        self._numbers: WeakKeyDictionary[Any, int] = WeakKeyDictionary()

    def of(self, thing: object) -> int:
        """Return the number of a thing."""
        if thing not in self._numbers:
            self._numbers[thing] = next(self._count)
        return self._numbers[thing]

    def order(self, task: trio.lowlevel.Task) -> tuple[float, str]:
        """Return what tasks are sorted by: their numbers; those without one come last."""
        return self._numbers.get(task, math.inf), task.name


def walk(top: trio.lowlevel.Task, numbers: Numbers) -> Picture:
    """Draw the tree from a task down; each of its tasks must be waiting, or not have begun."""
    picture = Picture()
    _add(top, None, numbers, picture)
    return picture


def _add(task: trio.lowlevel.Task, within: int | None, numbers: Numbers, picture: Picture) -> None:
    number = numbers.of(task)
    entered = entered_blocks(task)
    boxes = tuple(_box(block, numbers) for block in entered)
    picture.rows[number] = Row(number, task.name, within, lines_of(task), boxes)
    picture.tasks[number] = task
    for block, box in zip(entered, boxes, strict=True):
        picture.scopes[box.id] = block.scope
        children = block.nursery.child_tasks if block.nursery is not None else ()
        for child in sorted(children, key=numbers.order):
            _add(child, box.id, numbers, picture)


def _box(block: Entered, numbers: Numbers) -> Box:
    scope = block.scope
    return Box(
        id=numbers.of(scope),
        nursery=block.nursery is not None,
        function=block.function,
        maker=block.maker,
        timer=block.nursery is None and block.file.startswith(SLEEPERS),
        shield=scope.shield,
        cancelled=scope.cancel_called,
        deadline=round(scope.deadline, 3) if math.isfinite(scope.deadline) else None,
    )


def lines_of(task: trio.lowlevel.Task) -> tuple[Line, ...]:
    """Return where a task waits; see `Row`."""
    frames = [frame for waiting in iter_awaited(task) if (frame := frame_of(waiting)) is not None]
    library = [frame for frame in frames if _is_in(frame, LIBRARY)]
    telling = [frame for frame in frames if not _is_in(frame, PLUMBING)]
    world = [frame for frame in telling if _is_in(frame, WORLD)]
    chosen = [*world[-1:], *(telling or library or frames)[-1:]]
    return tuple(dict.fromkeys(map(_line, chosen)))


def _is_in(frame: FrameType, folders: str | tuple[str, ...]) -> bool:
    return frame.f_code.co_filename.startswith(folders)


def _line(frame: FrameType) -> Line:
    file, number = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(file, number).strip()
    if file.startswith(LIBRARY):
        file = f"trio_ws{file[len(LIBRARY) :]}"
    return Line(file, number, text)
