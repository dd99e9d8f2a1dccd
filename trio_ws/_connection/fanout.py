"""Fan-out: messages that are built once go to many connections.

A connection on which nothing waits is written to at once, in one system call for all messages
of the call, and no task is woken for it.  Any other takes them into its queue, as `send_nowait`
does, and its own writer goes on from there.  So a slow receiver delays only itself.
What becomes of one whose queue is full is not decided here: `Delivery` names it.

Two rules:

1. A connection gets all messages of a call, next to each other, or none of them.
2. `fan_out_nowait` is one step: no other task runs in between, so all connections get what
   several tasks fan out in the same order.  A write takes some microseconds,
   and thousands of them together more than a task may take (P11).
   `fan_out` lets other tasks run in between.
   It cannot be cancelled half-way: a cancelled call has sent nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import trio

from .._concurrency.checkpoints import BYTES, current_checkpoint_budget
from .._errors import ConnectionClosed
from .._protocol.shared_burst import SharedBurst
from .websocket import WebSocket

AT_ONCE = 128
"""For how many connections at most no other task runs: their writes take half a millisecond."""


class Delivery(NamedTuple):
    """What became of messages for many connections.

    Attributes:
        taken: how many connections have taken them.
        full: those that have not, since `WebSocket.send_nowait` would have blocked.
        over: those that are over.
    """

    taken: int
    full: list[WebSocket]
    over: list[WebSocket]


@trio.lowlevel.enable_ki_protection
def fan_out_nowait(connections: Iterable[WebSocket], *messages: str | bytes) -> Delivery:
    """Send messages to each connection that can take them now.

    Raises:
        LocalProtocolError: a text is not valid Unicode; nothing was sent.
    """
    return _delivered(connections, SharedBurst(messages))


@trio.lowlevel.enable_ki_protection
async def fan_out(connections: Iterable[WebSocket], *messages: str | bytes) -> Delivery:
    """Send messages to each connection that can take them, and let other tasks run in between.

    The connections are those of the moment of the call.
    If cancelled, nothing was sent.

    Raises:
        LocalProtocolError: a text is not valid Unicode; nothing was sent.
    """
    burst = SharedBurst(messages)
    every = tuple(connections)
    slices = range(0, len(every), _at_once(burst))
    await current_checkpoint_budget().checkpoint(burst.size)
    found = Delivery(0, [], [])
    for start in slices:
        if start:
            await trio.lowlevel.cancel_shielded_checkpoint()
        taken, full, over = _delivered(every[start : start + slices.step], burst)
        found = Delivery(found.taken + taken, found.full + full, found.over + over)
    return found


def _at_once(burst: SharedBurst) -> int:
    """Return to how many connections a burst may be sent before other tasks must run (P11)."""
    return max(1, min(AT_ONCE, BYTES // (burst.size or 1)))


def _delivered(connections: Iterable[WebSocket], burst: SharedBurst) -> Delivery:
    taken = 0
    full: list[WebSocket] = []
    over: list[WebSocket] = []
    for ws in connections:
        try:
            ws._send_burst(burst)
            taken += 1
        except trio.WouldBlock:
            full.append(ws)
        except ConnectionClosed:
            over.append(ws)
    return Delivery(taken, full, over)
