"""What a block has left behind in the process: tasks, nurseries, descriptors, connections.

A picture is taken when the block begins and another when it has ended.
System tasks count as well, since a library may hide its leaks there;
those of Trio itself end with the run.
"""

from __future__ import annotations

import gc
import os
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import trio
import trio.testing

from .._concurrency.suspension import watch_for_suspension
from .._connection.websocket import WebSocket
from .._transport.poller import current_poller

DESCRIPTORS = "/dev/fd"
"""Where the system lists the descriptors of this process."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What there is at one moment; the objects are held, so that none takes another's place."""

    tasks: frozenset[trio.lowlevel.Task]
    nurseries: frozenset[trio.Nursery]
    connections: frozenset[WebSocket]
    descriptors: frozenset[str]


@asynccontextmanager
async def assert_no_leaks() -> AsyncGenerator[None]:
    """Check that a block leaves nothing: no task, no nursery, no descriptor, no open connection.

    It waits until all tasks wait, so that what is just ending may end.
    If an exception leaves the block it is passed on, and nothing is checked.
    Descriptors are counted where the system lists them (not on Windows).

    Raises:
        AssertionError: something is left; the message names each thing.
    """
    # The tasks of these two are there from the first connection on, and outlive the last.
    current_poller()
    with watch_for_suspension().kept_going():
        before = take_picture()
        yield
        await trio.testing.wait_all_tasks_blocked()
        left = list(_new_things(before, take_picture()))
    if left:
        raise AssertionError("the block has left\n  - " + "\n  - ".join(left))


def take_picture() -> Picture:
    """Return what there is now."""
    root = trio.lowlevel.current_root_task()
    assert root is not None
    tasks, nurseries = set(), set()
    waiting = [root]
    while waiting:
        task = waiting.pop()
        tasks.add(task)
        nurseries.update(task.child_nurseries)
        for nursery in task.child_nurseries:
            waiting.extend(nursery.child_tasks)
    gc.collect()
    return Picture(
        tasks=frozenset(tasks),
        nurseries=frozenset(nurseries),
        connections=frozenset(
            thing for thing in gc.get_objects() if type(thing) is WebSocket and thing.ending is None
        ),
        descriptors=frozenset(_descriptors()),
    )


def _descriptors() -> Iterator[str]:
    """Name each open descriptor and where it leads."""
    if not os.path.isdir(DESCRIPTORS):
        return
    for number in os.listdir(DESCRIPTORS):
        with suppress(OSError):  # the one that listed them is closed by now
            yield f"{number} ({os.readlink(f'{DESCRIPTORS}/{number}')})"


def _new_things(before: Picture, after: Picture) -> Iterator[str]:
    for task in after.tasks - before.tasks:
        yield f"a task: {task.name}"
    for nursery in after.nurseries - before.nurseries:
        yield f"a nursery, opened by the task {nursery.parent_task.name}"
    for ws in after.connections - before.connections:
        yield f"a connection: {ws!r}"
    for descriptor in sorted(after.descriptors - before.descriptors):
        yield f"a descriptor: {descriptor}"
