"""What the tests of a connection share: both roles, wires that are recorded or fail, steps.

Nothing here is a mock: a `Wire` is a stream like any other, over the streams of `trio.testing`,
that besides keeps what was written to it and can be told to fail or to stand still.
"""

from __future__ import annotations

import gc
import importlib
import logging
import sys
import tracemalloc
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import ConnectionClosed, WebSocket
from trio_ws._connection.block import ConnectionBlock
from trio_ws._handshake.opening import Opening
from trio_ws._http import Headers, Request, Response
from trio_ws._options import ConnectionOptions
from trio_ws.testing import Frame, RawPeer
from trio_ws.testing._peer import CLOSE, decode

both_roles = pytest.mark.parametrize("client", [True, False], ids=["client", "server"])
"""The tested connection is a client's, then a server's."""

TIGHT = 1e-9
"""Sums of decimal fractions of a second are equal but for so much."""


class Wire(trio.abc.Stream):
    """A stream over another, recorded; it breaks or stands still when told to."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.written = bytearray()
        self.read = bytearray()
        self.closed = False
        self._window = trio.Event()
        self._window.set()
        self._send_error: Exception | None = None
        self._receive_error: Exception | None = None
        self._receiving = trio.CancelScope()

    def stop_taking(self) -> None:
        """From now on `send_all` waits, as a socket does when the peer's window is closed."""
        self._window = trio.Event()

    def take_again(self) -> None:
        """The window is open again."""
        self._window.set()

    def take_piece(self) -> None:
        """Take what is offered now, and then nothing more."""
        self.take_again()
        self._window = trio.Event()

    def break_sending(self, error: Exception) -> None:
        """From now on `send_all` raises this."""
        self._send_error = error
        self._window.set()

    def break_receiving(self, error: Exception) -> None:
        """From now on `receive_some` raises this, also the one that waits."""
        self._receive_error = error
        self._receiving.cancel()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Write, or wait, or fail."""
        await self._window.wait()
        if self._send_error is not None:
            raise self._send_error
        self.written += data
        await self.stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Not used by the library."""
        raise NotImplementedError

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Read, or fail."""
        if self._receive_error is None:
            with trio.CancelScope() as self._receiving:
                data = await self.stream.receive_some(max_bytes)
                self.read += data
                return data
        assert self._receive_error is not None
        raise self._receive_error

    async def aclose(self) -> None:
        """Close."""
        self.closed = True
        await self.stream.aclose()


class TwoWayWire(Wire, trio.abc.HalfCloseableStream):
    """A wire that can end our direction alone, as TCP can."""

    eof_at: float | None = None

    async def send_eof(self) -> None:
        """End our direction, and note when."""
        self.eof_at = trio.current_time()
        assert isinstance(self.stream, trio.abc.HalfCloseableStream)
        await self.stream.send_eof()


class BadEnd(TwoWayWire):
    """A wire that cannot even be closed properly."""

    async def aclose(self) -> None:
        """Close, and fail all the same."""
        with trio.CancelScope(shield=True):
            await super().aclose()
        raise ZeroDivisionError


def frames_of(data: bytes | bytearray) -> list[Frame]:
    """Take apart what went over a wire; what is left over is a torn frame."""
    rest, frames = bytearray(data), []
    while (parsed := decode(rest)) is not None:
        frame, size = parsed
        frames.append(frame)
        del rest[:size]
    assert not rest, f"a torn frame: {bytes(rest[:80])!r}"
    return frames


def goodbye_of(data: bytes | bytearray) -> tuple[int | None, str]:
    """Return code and reason of the Close frame with which a wire must have ended."""
    *before, last = frames_of(data)
    assert last.opcode == CLOSE, f"the last frame is no Close: {last}"
    assert CLOSE not in [frame.opcode for frame in before], "something was sent after a Close"
    if not last.payload:
        return None, ""
    return int.from_bytes(last.payload[:2], "big"), last.payload[2:].decode()


def opening(trailing: bytes = b"") -> Opening:
    """Make what a handshake would have settled."""
    request = Request(method="GET", target="/", headers=Headers([("Host", "test")]))
    return Opening(request=request, response=Response(101), trailing=trailing)


def wired(
    client: bool, wire_type: type[Wire] = TwoWayWire, *, trailing: bytes = b"", **policies: Any
) -> tuple[WebSocket, RawPeer, Any]:
    """Make a connection over a `Wire` to a raw peer, for a block of the test's own."""
    ours, theirs = trio.testing.memory_stream_pair()
    wire = wire_type(ours)
    rules = ConnectionOptions(**{"heartbeat": None, **policies})
    ws = WebSocket(wire, opening(trailing), client=client, options=rules, name="tested")
    return ws, RawPeer(theirs, client=not client), wire


@asynccontextmanager
async def open_wired(
    client: bool,
    wire_type: type[Wire] = TwoWayWire,
    *,
    trailing: bytes = b"",
    nursery: trio.Nursery | None = None,
    **policies: Any,
) -> AsyncGenerator[tuple[WebSocket, RawPeer, Any]]:
    """Open a connection over a `Wire` to a raw peer; no heartbeat unless asked for.

    Its services run in `nursery`, as those of a server do, or in one of their own.
    """
    ws, peer, wire = wired(client, wire_type, trailing=trailing, **policies)
    try:
        async with ConnectionBlock(ws, nursery):
            yield ws, peer, wire
    finally:
        with trio.CancelScope(shield=True):  # what leaves the block shall not become a Cancelled
            await peer.aclose()


async def what_leaves(block: Callable[[], Awaitable[object]]) -> BaseException | None:
    """Run a block and return the exception that leaves it, a cancellation too."""
    try:
        await block()
    except BaseException as error:  # noqa: ASYNC103
        return error  # noqa: ASYNC104
    return None


class Own(BaseException):
    """What a user may derive from `BaseException`."""


@contextmanager
def failing_log(name: str) -> Generator[None]:
    """Show all lines of a logger, with a filter that raises what is no `Exception`."""

    def fail(record: logging.LogRecord) -> bool:
        raise Own

    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addFilter(fail)
    try:
        yield
    finally:
        logger.removeFilter(fail)
        logger.setLevel(level)


async def settled() -> None:
    """Wait until every other task waits, without moving the clock."""
    with trio.CancelScope(shield=True):
        await trio.testing.wait_all_tasks_blocked()


async def closed_by(call: Callable[[], Awaitable[object]]) -> ConnectionClosed:
    """Return the `ConnectionClosed` that a call must raise."""
    with pytest.raises(ConnectionClosed) as caught:
        await call()
    return caught.value


@contextmanager
def memory() -> Generator[list[int]]:
    """Tell how many bytes more are in use at the end of the block, and at the worst moment."""
    found: list[int] = []
    trace = sys.gettrace()
    sys.settrace(None)  # a coverage run needs memory of its own
    # The first connection that needs wsproto imports this: hundreds of KB that are not its own.
    importlib.import_module("trio_ws._protocol.wsproto_decoder")
    gc.collect()
    tracemalloc.start()
    try:
        yield found
        gc.collect()
        found += tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        sys.settrace(trace)


class Steps(trio.abc.Instrument):
    """Counts the steps of the scheduler, and cancels a scope at one of them.

    `after` means: when the task that made the step has come to rest; that is where
    a cancellation finds a task waiting.
    Otherwise it comes just before the step: it finds the task woken but not yet running.
    """

    def __init__(self, scope: trio.CancelScope, at: int, *, after: bool) -> None:
        self.scope = scope
        self.at = at
        self.after = after
        self.count = 0
        self.cancelled_at: float | None = None

    def _count(self) -> None:
        self.count += 1
        if self.count == self.at:
            self.cancelled_at = trio.current_time()
            self.scope.cancel()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count, unless the end of steps is what counts."""
        if not self.after:
            self._count()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Count, unless the beginning of steps is what counts."""
        if self.after:
            self._count()
