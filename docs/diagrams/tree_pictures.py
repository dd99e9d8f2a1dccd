"""Task trees of the tutorial as nested boxes.

A filled box is a task, a dashed one a nursery, and a round one a cancel scope.
A line of code is where a task waits.
What is in a box has ended before the box ends.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from examples import first_conversation
from examples.tutorial import coming_back, heartbeat, server, shutdown, tasks
from trio_ws.testing import MemoryNetwork

from .scopes import Box, collapse, watch
from .svg import box, picture, text

WIDTH, ROW, INSET, GAP = 760, 24, 14, 6


async def _first_conversation() -> None:
    """Run the first chapter's program over a network that takes time."""
    async with MemoryNetwork(seed=1, strict=False) as network:
        with network.on("client"):
            network.link("client", latency=0.05)
            await first_conversation.main()


CHAPTERS: dict[str, tuple[Callable[[], Awaitable[object]], float, tuple[str, ...]]] = {
    "first_conversation": (_first_conversation, 0.55, ("serve_websocket", "reader")),
    "server": (server.main, 1.6, ("reader",)),
    "tasks": (tasks.main, 12, ("reader",)),
    "coming_back": (coming_back.main, 5, ("open_and_close", "reader")),
    "heartbeat": (heartbeat.main, 12, ("serve_websocket",)),
    "shutdown": (shutdown.main, 13, ("supervise", "reader")),
}
"""Of each chapter the program, the second at which it is looked at, and what is left out."""


def tree_of(chapter: str) -> Box:
    """Return what runs in a chapter's program at its moment."""
    main, seconds, left_out = CHAPTERS[chapter]
    return collapse(watch(main, seconds), *left_out)


def draw(chapter: str) -> str:
    """Draw the tree of a chapter."""
    tree = tree_of(chapter)
    title = "; ".join(" ".join(line.split()) for line in tree.lines())
    parts, bottom = _boxes(tree, GAP / 2, GAP / 2, WIDTH - GAP)
    return picture(f"Tasks and scopes: {title}", WIDTH, int(bottom + GAP), *parts)


def _boxes(tree: Box, x: float, y: float, width: float) -> tuple[list[str], float]:
    """Draw a box and what is in it; return where it ends, too."""
    if tree.kind == "code":
        return [text(x + 9, y + 16, tree.label, "code")], y + ROW
    label = tree.label if tree.kind == "task" else f"{tree.kind} {tree.label}"
    parts = [text(x + 9, y + 17, label, "name" if tree.kind == "task" else "minor")]
    bottom = y + ROW
    for inner in tree.inside:
        more, bottom = _boxes(inner, x + INSET, bottom + GAP / 2, width - 2 * INSET)
        parts += more
    bottom += GAP if tree.inside else 0
    return [box(x, y, width, bottom - y, tree.kind), *parts], bottom + GAP / 2
