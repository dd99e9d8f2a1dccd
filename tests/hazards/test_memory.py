"""The formula for memory in the docs (`docs/howto/limits.rst`) is true (HAZARDS F5.5).

A peer sends without end and reads nothing; we read nothing and send all that is admitted.
Then the connection holds all that it ever does, and that is measured,
over sockets, and over a stream, which takes other ways through the library, as TLS does.
"""

from __future__ import annotations

import socket
from itertools import chain, repeat

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from docs.snippets.limits import budget
from trio_ws import Limits, Timeouts, WebSocket
from trio_ws._connection.block import ConnectionBlock
from trio_ws._options import ConnectionOptions
from trio_ws._protocol import masking
from trio_ws.testing import Frame
from trio_ws.testing._peer import BINARY, encode

from ..streams import GenerousStream
from ..wires import both_roles, memory, opening

MIB = 1 << 20
LIMITS = Limits()

AROUND = 48 * 1024
"""Bytes that a test run takes meanwhile: tasks, events of the kernel, tables that grow."""


@both_roles
@pytest.mark.parametrize("over", ["socket", "stream"])
@pytest.mark.parametrize("size", [1000, 60_000, MIB, 4 * MIB])
async def test_the_formula_of_the_docs(size: int, over: str, client: bool) -> None:
    """A connection whose buffers are full, and that is stuck, holds no more than the docs say.

    If the process holds more, it is asked again:
    what it has made once meanwhile is not the connection's, and is there then.
    """
    formula = budget(LIMITS, 1, largest_sent=size)
    now, most = await held_by_a_stuck_connection(size, over, client)
    if now >= formula + AROUND:
        now, most = await held_by_a_stuck_connection(size, over, client)
    found = f"{now:,} bytes, at most {most:,}, where the formula says {formula:,}"
    assert now < formula + AROUND, found
    # The message that is offered is the caller's, and while it is masked or joined it exists twice.
    assert most < formula + 2 * max(size, MIB) + AROUND, found
    assert now > formula / 2, f"the formula says much more than it must: {found}"


async def held_by_a_stuck_connection(size: int, over: str, client: bool) -> tuple[int, int]:
    """Fill all buffers of a connection; return how much memory it takes then, and took at most."""
    ours, theirs = map(trio.socket.from_stdlib_socket, socket.socketpair())
    stream: trio.abc.Stream = trio.SocketStream(ours)
    if over == "stream":
        stream = GenerousStream(stream)
    in_short = Timeouts(close=0.01, goodbye=0.01)
    rules = ConnectionOptions(heartbeat=None, limits=LIMITS, timeouts=in_short)
    ws = WebSocket(stream, opening(), client=client, options=rules, name="tested")
    # The queue is filled up to its last bytes, and the largest message is admitted all the same.
    fill = LIMITS.receive_buffer - 200
    flood = [encode(Frame(BINARY, bytes(n), masked=not client)) for n in (fill, MIB)]
    with theirs:
        async with ConnectionBlock(ws), trio.open_nursery() as nursery:
            masking.mask_frames([(bytes(4), bytes(MIB))])  # what is made once is there
            await wait_all_tasks_blocked()
            with memory() as kept:
                nursery.start_soon(send_without_end, theirs, flood)
                while await admitted(ws, size):
                    pass
                with trio.fail_after(30):  # noqa: ASYNC912
                    while not is_stuck(ws, fill):
                        await wait_all_tasks_blocked(0.02)
                await wait_all_tasks_blocked(0.02)
            nursery.cancel_scope.cancel()
            assert ws.statistics().send_queue >= min(size, LIMITS.send_buffer - size)
    now, most = kept
    return now, most


def is_stuck(ws: WebSocket, fill: int) -> bool:
    """Return True if the receive queue is full, and the next large message has begun to arrive."""
    return ws.statistics().receive_queue >= fill and ws._core.protocol.assembling > 0


async def admitted(ws: WebSocket, size: int) -> bool:
    """Send a message if that needs no waiting; return False if it would."""
    try:
        ws.send_nowait(bytes(size))
    except trio.WouldBlock:
        await wait_all_tasks_blocked(0.02)
        try:
            ws.send_nowait(bytes(size))
        except trio.WouldBlock:
            return False
    return True


async def send_without_end(sock: trio.socket.SocketType, flood: list[bytes]) -> None:
    """Send the first one, and then the second again and again."""
    for data in chain(flood, repeat(flood[-1])):
        rest = memoryview(data)
        while rest:
            rest = rest[await sock.send(rest) :]
