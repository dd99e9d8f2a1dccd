"""The watcher: an instrument of Trio that sees each step, and draws the tree when it has changed.

    Trio says                                   what is done about it
    ─────────                                   ─────────────────────
    a task of the world was spawned, or exited  noted; the tree is drawn after this step
    a task was scheduled                        if a scope has been cancelled meanwhile: noted,
                                                with the lines at which its tasks still wait
    a task of the world has made a step         the tree is drawn 50 ms later, if it has changed

So the order in which tasks end is the order in which they really ended,
and each of these moments has a picture of its own.
A picture is drawn between two steps, when each task waits.
If very much happens at once, pictures are left out, and never events.

The watcher changes nothing in the world, with an exception that Trio makes:
asking a scope whether it is cancelled makes it so if its deadline has passed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio

from .ring import Ring
from .story import Story
from .walk import Numbers, Picture, Row, lines_of, walk

PAUSE = 0.05
"""Seconds between two updates: 20 in a second at most."""

PICTURES = 100
"""So many pictures at most are drawn in a second for events, besides the updates."""

FULL_EVERY = 40
"""Each so many pictures one is complete; the others tell what has changed."""

BOX = ("id", "nursery", "function", "maker", "timer", "shield", "cancelled", "deadline")

Leases = Callable[[], list[dict[str, Any]]]


class Watcher(trio.abc.Instrument):
    """Watches the tasks below one task, and keeps what it sees in a ring.

    Attributes:
        ring: what has been seen.
        picture: the last picture.
    """

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self.picture = Picture()
        self._numbers = Numbers()
        self._story = Story(self._keep_story)
        self._untold: list[dict[str, Any]] = []
        self._members: dict[trio.lowlevel.Task, None] = {}
        self._alive: dict[int, trio.CancelScope] = {}
        self._why: list[dict[str, Any]] = []
        self._drawn = 0
        self._looking = False
        self._allowance, self._counted_at = float(PICTURES), 0.0
        self._stale = trio.Event()

    # What the world tells

    def tell(self, kind: str, **facts: Any) -> None:
        """Keep what the world says of itself."""
        self.keep(kind, facts)
        self._story.hear(kind, trio.current_time(), facts)

    def keep(self, kind: str, facts: dict[str, Any]) -> None:
        """Keep a record."""
        self.ring.add({"k": kind, "t": round(trio.current_time(), 4), **facts})

    def _keep_story(self, kind: str, facts: dict[str, Any]) -> None:
        """Keep a story, but not before the picture of what it tells."""
        if self._why:
            self._untold.append(facts)
        else:
            self.keep(kind, facts)

    # The task that draws

    async def run(self, top: trio.lowlevel.Task, leases: Leases) -> None:
        """Watch the tasks below `top` until cancelled."""
        self._draw(top)
        self._members = dict.fromkeys(self.picture.tasks.values())
        self._top = top
        known: list[dict[str, Any]] = []
        trio.lowlevel.add_instrument(self)
        try:
            while True:
                await self._stale.wait()
                await trio.sleep(PAUSE)
                self._stale = trio.Event()
                self._draw(top)
                if (now := leases()) != known:
                    known = now
                    self.tell("lease", leases=now)
        finally:
            trio.lowlevel.remove_instrument(self)

    def _draw(self, top: trio.lowlevel.Task) -> None:
        """Draw the tree, and keep what has changed, and why."""
        before, self.picture = self.picture.rows, walk(top, self._numbers)
        rows = self.picture.rows
        full = self._drawn % FULL_EVERY == 0
        changed = [row for row in rows.values() if full or before.get(row.id) != row]
        gone = [number for number in before if number not in rows]
        if changed or gone or self._why:
            facts = {"full": full, "rows": [_plain(row) for row in changed], "gone": gone}
            self.keep("tree", {**facts, "why": self._why})
            self._drawn += 1
        self._why = []
        self._keep_untold()
        self._alive = {
            box.id: self.picture.scopes[box.id]
            for row in rows.values()
            for box in row.boxes
            if not box.cancelled and not box.timer
        }

    def _keep_untold(self) -> None:
        for facts in self._untold:
            self.keep("story", facts)
        self._untold = []

    # What Trio tells

    def task_spawned(self, task: trio.lowlevel.Task) -> None:
        """Note a new task of the world."""
        nursery = task.parent_nursery
        if nursery is not None and nursery.parent_task in self._members:
            self._members[task] = None
            self._note("spawned", {"task": self._numbers.of(task), "name": task.name})

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        """Note that a task of the world has ended."""
        if task in self._members:
            del self._members[task]
            self._look_for_cancellations()
            self._note("exited", {"task": self._numbers.of(task), "name": task.name})

    def task_scheduled(self, task: trio.lowlevel.Task) -> None:  # noqa: ARG002 - any of them
        """Look whether a scope was cancelled: its tasks are scheduled before they run."""
        self._look_for_cancellations()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Draw at once if something happened; soon if a task of the world made a step."""
        if self._why and self._may_draw():
            self._draw(self._top)
        if self._why or task in self._members:
            self._stale.set()

    def _may_draw(self) -> bool:
        now = trio.current_time()
        gained = (now - self._counted_at) * PICTURES
        self._allowance, self._counted_at = min(PICTURES, self._allowance + gained), now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True

    def _look_for_cancellations(self) -> None:
        if self._looking:  # asking may cancel, which schedules a task
            return
        self._looking = True
        for number in [each for each, scope in self._alive.items() if scope.cancel_called]:
            del self._alive[number]
            self._note("cancelled", self._describe(number))
        self._looking = False

    def _describe(self, number: int) -> dict[str, Any]:
        """Return which box it is, and the tasks that it reaches, each with its line."""
        rows = self.picture.rows.values()
        owner, box = next((row, box) for row in rows for box in row.boxes if box.id == number)
        reached = [
            {"task": row.id, "name": row.name, "line": self._line(row)}
            for row in self.picture.iter_reached(number)
        ]
        return {
            "box": number,
            "task": owner.id,
            "name": owner.name,
            "function": box.function,
            "nursery": box.nursery,
            "maker": box.maker,
            "reached": reached,
        }

    def _line(self, row: Row) -> str:
        lines = lines_of(self.picture.tasks[row.id]) or row.lines
        return str(lines[0]) if lines else ""

    def _note(self, what: str, facts: dict[str, Any]) -> None:
        self._why.append({"what": what, **facts})
        self._story.hear(what, trio.current_time(), facts)


def _plain(row: Row) -> dict[str, Any]:
    """Return a row as JSON has it; what is False or None is left out."""
    boxes = [{name: value for name in BOX if (value := getattr(box, name))} for box in row.boxes]
    lines = [[line.file, line.number, line.text] for line in row.lines]
    return {"id": row.id, "name": row.name, "in": row.within, "lines": lines, "boxes": boxes}
