"""Runs a connection: a task that reads, and a task that writes what could not leave at once.

    IN   stream ─▶ reader ─▶ WebSocketProtocol.feed ─▶ receive queue ─▶ WebSocket.receive
    OUT  WebSocket.send ─▶ WebSocketProtocol.send ─▶ send queue ─▶ Writer.flush ─▶ stream

The reader is there from the beginning to the end.  The writer is started when there is something
that could not be written inline, and then stays:
many connections are idle but for their heartbeat and never need one.
Each waits in shielded scopes (`lifetime`).

Invariants (the numbers are those of the laws in the docs):

1. One task reads at a time (`bell`).
   Writes are synchronous, while nothing is in hand, or belong to the writer.
2. The reader never waits for the writer: it queues pongs and close replies and goes on.
3. Between a change of the protocol and its bytes in the send queue there is no ``await``;
   every change is followed by `Writer.after_change`,
   which acts on the ending and gets the bytes on their way.
5. When a write fails the protocol is told, and every waiter is woken.
6. `WebSocketProtocol.ending` is the one fact that says it is over;
   `ConnectionCore.over` is set with it.
7. Every waiter waits for "its thing or the ending".
"""

from __future__ import annotations

from functools import partial
from typing import final

import trio

from .._concurrency.chance import draw
from .._concurrency.exceptions import contain
from .._concurrency.late_import import import_in_thread
from .._concurrency.suspension import watch_for_suspension
from .._ending import CloseCode, Loss
from .._handshake.opening import Opening
from .._liveness.pings import PendingPing
from .._options import ConnectionOptions
from .._policies import FOREVER
from .._protocol import masking
from .core import ConnectionCore
from .heartbeat import HeartbeatDriver
from .idle_compressors import current_idle_compressors
from .reader import Reader
from .writer import Writer

# The protocol is pure and starts no threads.
masking.numpy.fetch_with(partial(import_in_thread, "numpy"))


@final
class Connection:
    """A connection: start, close, end; see the top of this file."""

    __slots__ = ("core", "heartbeat", "reader", "writer")

    def __init__(
        self,
        stream: trio.abc.Stream,
        opening: Opening,
        *,
        client: bool,
        options: ConnectionOptions,
        name: str,
    ) -> None:
        # A random phase, so that a fleet of connections does not ask in step.
        self.core = ConnectionCore(
            stream, opening, client=client, options=options, name=name, phase=draw()
        )
        self.heartbeat = HeartbeatDriver(self.core)
        self.writer = Writer(self.core, self.heartbeat)
        self.reader = Reader(self.core, self.writer, self.heartbeat, opening.trailing)

    # The task that reads, and closes in the end

    def start(self, nursery: trio.Nursery) -> None:
        """Start to read in `nursery`; to write only once there is something to write."""
        self.writer.run_in(nursery)
        nursery.start_soon(self.run, name=f"trio_ws reader {self.core.name}")

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Read until both directions have ended, or the time is up; then close the transport."""
        suspension, deflate = watch_for_suspension(), self.core.deflate
        suspension.tell(self)
        if deflate is not None:
            current_idle_compressors().watch(deflate)
        finished = False
        try:
            await self.reader.run()
            finished = self._finish_now()
            if not finished:
                with self.core.lifetime.shield_reading():
                    await self.writer.ended.wait()
                    await self.core.transport.aclose()
        except BaseException as error:  # noqa: ASYNC103 - what may pass does
            self.core.on_own_error(contain(error))  # noqa: ASYNC104
        finally:
            suspension.tell_no_more(self)
            if deflate is not None:
                current_idle_compressors().forget(deflate)
            try:
                if not finished:
                    await self._finish()  # noqa: ASYNC102 - bounded
                self.core.end_observation()
            finally:
                self.core.finished.set()

    def _finish_now(self) -> bool:
        """Close and return True, if both directions have ended and that needs no waiting."""
        core, writer = self.core, self.writer
        if not (core.over.is_set() and writer.ended.is_set()):
            writer.after_change()
        return core.over.is_set() and writer.ended.is_set() and core.transport.close_now()

    async def _finish(self) -> None:
        """Close by force, and wait for the writer: the time is up, or nothing is left to do."""
        core, writer = self.core, self.writer
        try:
            core.lose_unless_over(Loss.UNANSWERED, "no answer in time")
            writer.after_change()
        except BaseException as error:  # noqa: ASYNC103
            core.on_own_error(error)
        try:
            if not core.transport.close_now():
                with trio.CancelScope(shield=True, deadline=-FOREVER):
                    await core.transport.aclose()
        except BaseException as error:  # noqa: ASYNC103 - what may pass does
            core.on_own_error(contain(error))  # noqa: ASYNC104
        if writer.is_running:
            with trio.CancelScope(shield=True):  # bounded: its own scope has the same deadline
                await writer.ended.wait()

    # For the application, the block and the server

    def close_gracefully(self, code: int, reason: str = "") -> None:
        """Close behind the data that was accepted; bounded by `Timeouts.close`.

        If the connection is over, there is nothing to close.
        """
        if not self.core.over.is_set():
            self.core.begin_close(code, reason)
            self.writer.after_change()

    def close_quickly(self, code: int, reason: str = "") -> None:
        """Close ahead of the data that waits; bounded by `Timeouts.goodbye`."""
        self.core.begin_quick_close(code, reason)
        self.writer.after_change()

    def hurry(self) -> None:
        """Close quickly, whatever that raises: for the end of the block, which must go on."""
        try:
            self.close_quickly(CloseCode.GOING_AWAY)
        except BaseException as error:  # noqa: ASYNC103 - it leaves at the end of the block
            self.core.lifetime.fail(error)
            self.core.lifetime.shorten(self.core.options.timeouts.goodbye)

    def send_ping(self, payload: bytes) -> PendingPing:
        """Queue a ping and get it on its way."""
        ping = self.heartbeat.queue_ping(payload, trio.current_time())
        self.writer.after_change()
        return ping

    def probe(self, slept: float) -> None:  # noqa: ARG002 - any sleep is long enough
        """Ask for a sign of life at once: the machine was suspended (`_concurrency.suspension`)."""
        self.heartbeat.probe(trio.current_time())
