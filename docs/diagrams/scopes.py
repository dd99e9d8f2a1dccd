"""The tasks and scopes of a running Trio program, as a tree.

Trio knows which task is in which nursery, and which cancel scope is in which.
This module puts both together: a *task* holds the scopes that it has entered, one in the other;
a *nursery* is a scope that holds tasks, too.
Where the library has a name for a scope, the tree has it; a scope of the program
is called after the variable that holds it, or after the function that has entered it.

Which scope is in which is not public in Trio, so this reads ``_cancel_status``.
The pages show the pictures of a few moments; the library itself needs nothing of this.
"""

from __future__ import annotations

import gc
import linecache
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import trio
import trio.testing

from trio_ws._concurrency.background import BackgroundTask
from trio_ws._connection.block import ConnectionBlock
from trio_ws._connection.lifetime import Lifetime
from trio_ws._server.server import Server
from trio_ws.testing import MemoryNetwork

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"

Names = dict[int, str]
"""The name of each scope that has one, by its identity; an empty one is not shown."""


@dataclass(frozen=True)
class Box:
    """A task or a scope, and what it holds.

    Attributes:
        kind: what it is; "code" is the line of the program at which a task waits.
        label: its name, or the line.
        inside: what it holds.
    """

    kind: Literal["task", "nursery", "scope", "code"]
    label: str
    inside: tuple[Box, ...] = ()

    def lines(self, indent: str = "") -> Iterator[str]:
        """Yield it as text, a line for each box."""
        yield f"{indent}{self.kind} {self.label}"
        for box in self.inside:
            yield from box.lines(indent + "    ")

    def labels(self) -> Iterator[str]:
        """Yield the kind and label of each box."""
        yield f"{self.kind} {self.label}"
        for box in self.inside:
            yield from box.labels()


def watch(main: Callable[[], Awaitable[object]], seconds: float) -> Box:
    """Run a program in virtual time; return the tree of its main task after so many seconds."""
    trees: list[Box] = []

    async def run() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(main, name="main")
            await trio.sleep(seconds)
            (task,) = nursery.child_tasks
            trees.append(_task_box(task, _names()))
            nursery.cancel_scope.cancel("it has been seen")

    with redirect_stdout(StringIO()):
        trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
    return _numbered(trees[0], {})


def _numbered(box: Box, numbers: dict[str, str]) -> Box:
    """Count the connections from 1, whatever ran before in this process."""

    def number(found: re.Match[str]) -> str:
        kind = found[1]
        count = sum(name.startswith(kind) for name in numbers)
        return numbers.setdefault(found[0], f"{kind}-{count + 1}")

    label = re.sub(r"\b(server|client|supervisor)-\d+", number, box.label)
    return replace(box, label=label, inside=tuple(_numbered(one, numbers) for one in box.inside))


def collapse(box: Box, *labels: str) -> Box:
    """Leave out what is inside of the boxes whose labels begin with one of these."""
    if box.label.startswith(labels):
        return replace(box, inside=())
    return replace(box, inside=tuple(collapse(one, *labels) for one in box.inside))


def _names() -> Names:
    """Return what the library calls its own scopes."""
    names: Names = {}
    for thing in gc.get_objects():
        kind = type(thing)  # not isinstance: a proxy may pretend to be anything
        if kind is ConnectionBlock:
            names |= _names_of_block(thing)
        elif kind is Lifetime:
            names |= {id(thing._reading): _lease(thing._reading), id(thing._writing): ""}
        elif kind is MemoryNetwork:
            names[id(thing._nursery.cancel_scope)] = ""
        elif kind is BackgroundTask:
            names[id(thing._nursery.cancel_scope)] = "of the session"
            names[id(thing._body)] = "session"
        elif kind is Server:
            names |= {id(thing._serve_scope): "", id(thing._accept_scope): ""}
            if thing._nursery is not None:
                names[id(thing._nursery.cancel_scope)] = "of the server"
    return names


def _lease(scope: trio.CancelScope | None) -> str:
    """Name the scope in which a reader waits, by its deadline: no byte, no more waiting."""
    return "" if scope is None else f"lease, until {scope.deadline:.1f} s"


def _names_of_block(block: Any) -> Names:
    connection = getattr(block, "_connection", None)
    if connection is None:
        return {}
    names = {id(connection.core.body): "body"}
    if block._nursery_manager is not None:
        names[id(block._nursery.cancel_scope)] = "of the connection"
    return names


def _task_box(task: trio.lowlevel.Task, names: Names) -> Box:
    nurseries = {id(nursery.cancel_scope): nursery for nursery in task.child_nurseries}
    line = _line(task)
    inside: tuple[Box, ...] = (Box("code", line),) if line else ()
    for scope in _scopes(task):  # from the innermost out
        inside = _around(scope, nurseries.get(id(scope)), inside, task, names)
    return Box("task", _task_name(task), inside)


def _scopes(task: Any) -> Iterator[trio.CancelScope]:
    """Yield the scopes that a task has entered, the innermost first."""
    status, outside = task._cancel_status, task.parent_nursery._cancel_status
    while status is not outside:
        yield status._scope
        status = status._parent


def _around(
    scope: trio.CancelScope,
    nursery: trio.Nursery | None,
    inside: tuple[Box, ...],
    task: trio.lowlevel.Task,
    names: Names,
) -> tuple[Box, ...]:
    """Put a scope around what is inside; one without a name holds nothing of interest."""
    name = names.get(id(scope))
    if name is None:
        name = _variable(task, scope, nursery)
    if not name:
        return inside
    if nursery is None:
        return (Box("scope", name, inside),)
    tasks = sorted(nursery.child_tasks, key=lambda child: (child._counter, child.name))
    return (Box("nursery", name, (*(_task_box(child, names) for child in tasks), *inside)),)


def _frames(task: trio.lowlevel.Task) -> list[tuple[FrameType, int]]:
    """Return where a task is, from the outermost function in."""
    return list(task.iter_await_frames())


def _variable(
    task: trio.lowlevel.Task, scope: trio.CancelScope, nursery: trio.Nursery | None
) -> str:
    """Return the variable of the program that holds a scope, and the function that it is in."""
    for frame, _ in _frames(task):
        for name, value in frame.f_locals.items():
            if value is scope or (nursery is not None and value is nursery):
                if not _is_ours(frame):
                    return ""
                return f"{name!r} in {frame.f_code.co_name}"
    return ""


def _is_ours(frame: FrameType) -> bool:
    return Path(frame.f_code.co_filename).is_relative_to(EXAMPLES)


def _line(task: trio.lowlevel.Task) -> str:
    """Return the innermost line of the program at which a task waits."""
    for frame, number in reversed(_frames(task)):
        if _is_ours(frame):
            return linecache.getline(frame.f_code.co_filename, number).strip()
    return ""


def _task_name(task: trio.lowlevel.Task) -> str:
    name = task.name.removeprefix("trio_ws ").removeprefix("trio_ws.")
    for module in ("examples.tutorial.", "examples."):
        if name.startswith(module):
            name = name.removeprefix(module).partition(".")[2]
    return name.rpartition("trio_ws._transport.listening.")[2]
