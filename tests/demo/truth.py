"""The real tree, from Trio's own insides, to compare the drawn one with.

The demo draws from public names, frames and what a coroutine holds.
This looks where the demo does not: at the chain of cancel statuses that Trio itself goes along.
"""

from __future__ import annotations

import math
from typing import Any

import trio

from trio_ws._demo.watcher.ring import Ring
from trio_ws._demo.watcher.watcher import Watcher
from trio_ws._demo.world.world import World


def scopes_of(task: trio.lowlevel.Task) -> list[trio.CancelScope]:
    """Return the scopes that a task has entered, the outermost first, as Trio has them."""
    inside: Any = task
    nursery: Any = task.parent_nursery
    status, outside = inside._cancel_status, nursery._cancel_status
    scopes = []
    while status is not outside:
        scopes.append(status._scope)
        status = status._parent
    return scopes[::-1]


def tree_of(task: trio.lowlevel.Task, within: trio.Nursery | None = None) -> list[Any]:
    """Return each task below one: itself, the nursery it is in, its scopes; in any order."""
    found: list[Any] = [(task, within, scopes_of(task))]
    for nursery in task.child_nurseries:
        for child in nursery.child_tasks:
            found += tree_of(child, nursery)
    return found


def lines_of(task: trio.lowlevel.Task) -> set[tuple[str, int]]:
    """Return the lines at which a task is, in all its frames, as Trio finds them."""
    return {(frame.f_code.co_filename, line) for frame, line in task.iter_await_frames()}


class Comparing(Watcher):
    """A watcher that folds its records as the page does, and compares what comes of it.

    Attributes:
        compared: how many pictures were compared.
        differences: what is otherwise in the real tree, and in the drawn one.
        records: all records, but the frames.
    """

    def __init__(self) -> None:
        super().__init__(Ring())
        self.compared = 0
        self.differences: list[Any] = []
        self.records: list[dict[str, Any]] = []
        self._rows: dict[int, dict[str, Any]] = {}

    def keep(self, kind: str, facts: dict[str, Any]) -> None:
        """Keep a record, and compare if it is a picture."""
        super().keep(kind, facts)
        if kind not in ("frame", "landed"):
            self.records.append({"k": kind, "t": trio.current_time(), **facts})
        if kind == "tree":
            self._fold(facts)
            self._compare()

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the records of a kind."""
        return [record for record in self.records if record["k"] == kind]

    def happened(self, what: str) -> list[dict[str, Any]]:
        """Return the events of the tree of a kind, in order."""
        return [why for record in self.of("tree") for why in record["why"] if why["what"] == what]

    def _fold(self, facts: dict[str, Any]) -> None:
        if facts["full"]:
            self._rows = {}
        for number in facts["gone"]:
            self._rows.pop(number, None)
        self._rows.update({row["id"]: row for row in facts["rows"]})

    def _compare(self) -> None:
        self.compared += 1
        (top,) = (row["id"] for row in self._rows.values() if row["in"] is None)
        numbers, tasks = self._numbers, self.picture.tasks
        drawn, real = {}, {}
        for task, nursery, scopes in tree_of(tasks[top]):
            real[numbers.of(task)] = (
                task.name,
                None if nursery is None else numbers.of(nursery.cancel_scope),
                [
                    (numbers.of(scope), scope.shield, scope.cancel_called, _deadline(scope))
                    for scope in scopes
                ],
            )
        for row in self._rows.values():
            boxes = [
                (
                    box["id"],
                    box.get("shield", False),
                    box.get("cancelled", False),
                    box.get("deadline"),
                )
                for box in row["boxes"]
            ]
            drawn[row["id"]] = row["name"], row["in"], boxes
        self.differences += [
            (real.get(number), drawn.get(number))
            for number in {*drawn, *real}
            if drawn.get(number) != real.get(number)
        ]
        for row in self._rows.values():
            places = {line for _, line in lines_of(tasks[row["id"]])}
            self.differences += [(places, line) for line in row["lines"] if line[1] not in places]


def _deadline(scope: trio.CancelScope) -> float | None:
    """Return the deadline as the picture has it: to the millisecond, if it is a time."""
    return round(scope.deadline, 3) if math.isfinite(scope.deadline) else None


class Stage:
    """A world with its watcher, for the length of a block."""

    def __init__(self, watcher: Comparing | None = None, *, seed: int = 1) -> None:
        self.watcher = watcher or Comparing()
        self.world = World(self.watcher.tell, seed=seed)
        self.top: trio.lowlevel.Task

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run both until cancelled."""
        async with trio.open_nursery() as nursery:
            self.top = await nursery.start(self.world.run)
            nursery.start_soon(self.watcher.run, self.top, self.world.leases)
            task_status.started()
