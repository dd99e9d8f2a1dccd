"""What goes on at the moment: `dump` prints it, for an operator who asks a process that stands.

Each connection of the Trio run is a line: its name, its state, whose it is,
what is queued, for how long the peer has been silent, and what waits for what::

    server-3 open: /chat for ('192.0.2.7', 50112): out 0 B, in 12 B, silent 3.0 s; 1 task waits …

Behind them stands the tree of tasks, if ``stackscope`` is installed.
It finds the tasks in a nursery by the ``async with`` that opened it, and ours are opened
within blocks; so it is told what is inside a block.

Nothing is noted for this while the program runs: the parts of a connection know
what they are doing, and are asked.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from functools import partial
from typing import Any, TextIO

import trio

from .._concurrency.background import BackgroundTask
from .._concurrency.blocks import Block
from .._concurrency.suspension import watch_for_suspension
from .._connection.block import ConnectionBlock
from .._connection.connection import Connection
from .._connection.writer import Phase
from .._protocol.states import State
from .._reconnecting.block import ChannelBlock
from .._supervision.connecting import SupervisedBlock
from .._text import printable

_INSIDE: dict[type, str] = {
    BackgroundTask: "_nursery_manager",
    Block: "_manager",
    ChannelBlock: "_background",
    ConnectionBlock: "_nursery_manager",
    SupervisedBlock: "_block",
}
"""Where each kind of block keeps the block that is inside it."""


def dump(file: TextIO | None = None) -> None:
    """Print a line for each connection of this Trio run, and the tree of its tasks.

    It prints to `file`, or to stderr.  The tree needs ``stackscope``; without it,
    a line says so.  Nothing is changed, and nothing waits.
    The handler of a signal may call it, also while no task runs.

    Raises:
        RuntimeError: no Trio run goes on in this thread.
    """
    if not trio.lowlevel.in_trio_run():
        raise RuntimeError("dump() needs Trio: call it in the thread of trio.run(…), while it runs")
    out = sys.stderr if file is None else file
    watched = watch_for_suspension().listeners
    connections = [each for each in watched if isinstance(each, Connection)]
    lines = [_counted(len(connections), "connection"), *map(_line, connections), _tree()]
    out.write("\n".join(lines) + "\n")
    out.flush()


def _tree() -> str:
    """Return the tasks of the run, as a tree with the lines at which they wait."""
    with warnings.catch_warnings():
        # On Python 3.13 stackscope 0.2 leaves an async generator unfinished when it begins.
        warnings.simplefilter("ignore")
        try:
            from stackscope import extract, unwrap_context
        except ImportError:
            return "(for the tree of tasks: pip install stackscope)"
        for kind, attribute in _INSIDE.items():
            unwrap_context.register(kind, partial(_inside, attribute))
        return str(extract(trio.lowlevel.current_root_task(), recurse_child_tasks=True))


def _inside(attribute: str, block: object, _context: object) -> Any:
    """Return what is inside a block of ours: a nursery in the end, or None."""
    return getattr(block, attribute, None)


def _line(connection: Connection) -> str:
    """Describe a connection in a line."""
    core, now = connection.core, trio.current_time()
    state, remote = core.protocol.state.value, core.transport.remote_address
    queues = f"out {core.protocol.send_queue.size} B, in {core.receive_queue.size} B"
    silent = f"silent {now - core.lease.last_heard:.1f} s"
    waits = "; ".join(_waits(connection)) or "the reader waits for bytes"
    path = printable(core.request.path)
    return f"{core.name} {state}: {path} for {remote!r}: {queues}, {silent}; {waits}"


def _waits(connection: Connection) -> Iterator[str]:
    """Name what waits, beside the reader, and for what."""
    core, writer = connection.core, connection.writer
    queue, turn = core.receive_queue, core.send_turn
    if queue.reader_waits:
        yield "the reader waits for a task that takes messages"
    if writer.phase is Phase.WRITING:
        yield "the writer waits for the peer to take bytes"
    if count := len(core.room) + (0 if turn is None else len(turn)):
        yield f"{_tasks(count)} in send for room"
    if count := len(queue.receivers):
        yield f"{_tasks(count)} in receive for a message"
    if count := len(core.pings):
        yield f"{_counted(count, 'ping')} for a pong"
    if core.protocol.state is not State.OPEN:
        left = max(0.0, core.lifetime.deadline - trio.current_time())
        yield f"the close for its end, at most {left:.1f} s"


def _tasks(count: int) -> str:
    return f"{_counted(count, 'task')} {'waits' if count == 1 else 'wait'}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
