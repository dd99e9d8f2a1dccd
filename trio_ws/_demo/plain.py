"""The demo without a page: all buttons, one after the other, and the story of each as text.

Time is virtual here, so it takes a second, and ends by itself.
What is printed is what the page shows: the tree that the watcher drew, and its stories.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import trio

from .watcher.ring import Ring
from .watcher.story import label_of
from .watcher.walk import Picture
from .watcher.watcher import Watcher
from .world.buttons import BUTTONS
from .world.world import World

Print = Callable[[str], None]

SEED = 6455
CODE = 1012
WIDTH = 98
QUIET = 9.0
"""Seconds of quiet before a button, so that the connection counts as stable."""

LONGEST = 60.0
"""Seconds within which a story ends."""

INTRODUCTION = """\
A server, a client that a supervisor keeps connected, and between them a network that obeys.
Time is virtual here, so all of it takes a second.  `trio-ws demo` shows it live, in a page.
All waits are shorter than the library's defaults: a peer may be silent for 6 s, not 40.

These are the tasks when all is well.  A nursery [ ] holds tasks; a task waits at a line.
"""


class Teller(Watcher):
    """A watcher that keeps the last story.

    Attributes:
        told: the last story, or an empty one.
    """

    def __init__(self) -> None:
        super().__init__(Ring(capacity=0))
        self.told: dict[str, Any] = {}
        self._done = trio.Event()

    def keep(self, kind: str, facts: dict[str, Any]) -> None:
        """Keep stories only."""
        if kind == "story":
            self.told = facts
            if facts["done"]:
                self._done.set()

    async def wait_done(self) -> None:
        """Wait for the end of the story that has begun."""
        self._done = trio.Event()
        await self._done.wait()


async def tell_all(line: Print) -> None:
    """Press each button, and print what happens."""
    teller = Teller()
    world = World(teller.tell, seed=SEED)
    async with trio.open_nursery() as nursery:
        top = await nursery.start(world.run)
        nursery.start_soon(teller.run, top, world.leases)
        await trio.sleep(QUIET)
        line(INTRODUCTION)
        for text in tree(teller.picture):
            line(text)
        for name in BUTTONS:
            await _press(name, world, teller, line)
        nursery.cancel_scope.cancel(reason="the story is told")
    line("\nThat was all.  The demo has ended: no task is left.")


async def _press(name: str, world: World, teller: Teller, line: Print) -> None:
    began = trio.current_time()
    world.press(name, CODE)
    with trio.move_on_after(LONGEST):
        await teller.wait_done()
    for text in story(began, teller.told):
        line(text)
    await trio.sleep(QUIET)


def tree(picture: Picture) -> list[str]:
    """Return the tasks as lines, each below the nursery that it is in."""
    depths: dict[int | None, int] = {None: 0}
    lines = []
    for row in picture.rows.values():
        depth = depths[row.within]
        where = str(row.lines[0]) if row.lines else ""
        lines.append(f"  {'[ ' * depth}{label_of(row.name):<{36 - 2 * depth}}{where}"[:WIDTH])
        for box in row.boxes:
            depths[box.id] = depth + 1
    return lines


def story(began: float, told: dict[str, Any]) -> list[str]:
    """Return a story as lines."""
    lines = ["", f"{began:6.1f} s  {told['title']}"]
    for sentence in (told["does"], *filter(None, told["sentences"])):
        lines += _wrapped(sentence, " " * 10)
    cancelled = [
        f"{each['what']}: {', '.join(task['name'] for task in each['reached'])}"
        for each in told["cancelled"]
    ]
    facts = {
        "cancelled": "; ".join(cancelled) or "nothing",
        "unwound": ", ".join(each["name"] for each in told["unwound"]),
        "exception": told["exception"],
        "comes back": told["back"],
    }
    for name, text in facts.items():
        if text:
            lines += _wrapped(text, f"{'':10}{name:<12}")
    return lines


def _wrapped(text: str, head: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=head, subsequent_indent=" " * len(head))
