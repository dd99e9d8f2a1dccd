"""The task that writes, and what senders wait for.

The writer takes whole frames from the outbox, about a gulp at a time, and gives them
to the transport; when there is nothing to take it rests, and `wake` ends the rest.
The first `wake` starts it.
It is finished when our Close is out, or when the stream breaks.

One short cut: while the writer rests, `write_now` may write in its stead, without waiting.
That saves waking a task for every small message, and it cannot be cancelled half-way;
what the system call leaves over goes back to the front of the outbox, and the writer is woken.
It is taken only for the first message since we last read or rested:
the ones that follow are likely to be a burst, and one system call is to take them all;
and once `MUCH` is waiting, for then there is nothing to be won by waiting for more.
For the same reason the writer, when it is woken, waits for a few quick turns of the scheduler
while more messages wait to be received and answers are added to the queue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from .._concurrency.exceptions import strip_tracebacks
from .._concurrency.slim import SlimEvent, SlimParkingLot
from .._ending import Ending
from .._errors import closed
from .._protocol.send_queue import MAX_BATCH, QUEUE_ITEM_OVERHEAD, Piece
from .._protocol.states import State
from .._transport.base import without

if TYPE_CHECKING:
    from .connection import Connection

COALESCE_LIMIT = MAX_BATCH * 3 // 4
"""With so much in the queue it is not worth while to wait for more."""

PATIENCE = 6
"""For so many turns of the scheduler the writer may wait for a burst of answers to end."""

MOMENT = 0.001
"""And for so many seconds since the first of them was queued: a turn may take long."""


class Writer:
    """Writes what the session of `services` has queued."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._protocol = connection.protocol
        self._send_queue = connection.protocol.send_queue
        self._transport = connection.transport
        self._lease = connection.lease
        self._send_buffer = connection.options.limits.send_buffer
        self._rest = SlimParkingLot()
        self._started = False
        self.scope: trio.CancelScope | None = None
        self.ended = SlimEvent()
        self.idle = True
        """Whether it has nothing in hand: it rests, or was roused and has not gone on yet."""
        self.roused = False
        self._roused_at = 0.0
        self.room = SlimParkingLot()
        self.may_write_now = True
        self.frames_flushed = 0
        self.beats_queued = 0
        """How many of the messages that wait are heartbeats, which do not keep us from idling."""
        self.error: BaseException | None = None
        """What broke the stream while we wrote, if anything did."""

    # The task

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Write what is queued until our Close is out, or the stream breaks."""
        try:
            cut_off_at = self._connection.cut_off_at
            with trio.CancelScope(shield=True, deadline=cut_off_at) as self.scope:
                await self._write_until_the_end()
        except trio.BrokenResourceError as error:
            self.error = strip_tracebacks(error)
            self._connection.on_write_error()
        except Exception as error:
            self._connection.on_own_error(error)
        finally:
            self.idle = False
            self.ended.set()

    async def _write_until_the_end(self) -> None:
        while True:
            await self._let_the_burst_end()
            self.idle = False
            await self._write_all()
            if self._protocol.ending:
                await self._end_our_direction(self._protocol.ending)
                return
            self.may_write_now = self.idle = True
            self.roused = False
            await self._rest.park()

    async def _let_the_burst_end(self) -> None:
        """Messages are being answered one after the other: let the answers leave together.

        Trio runs tasks in any order: whoever answers may have no turn between two of ours.
        Control frames wait for nobody.
        """
        size = before = 0
        for _ in range(PATIENCE):
            size, before, last_but_one = self._send_queue.size, size, before
            if size == last_but_one or size > COALESCE_LIMIT or self._send_queue.is_urgent:
                return
            if (
                not self._connection.receive_queue.messages
                or trio.current_time() > self._roused_at + MOMENT
            ):
                return
            await trio.lowlevel.checkpoint()

    async def _end_our_direction(self, ending: Ending) -> None:
        if self._ends_tcp(ending):
            await self._transport.send_eof()
        self._leave_to_the_peer(ending)

    def _ends_tcp(self, ending: Ending) -> bool:
        """After a closing handshake the server ends TCP first (RFC 6455 §7.1.1)."""
        return not (self._connection.client and ending.clean)

    def _leave_to_the_peer(self, ending: Ending) -> None:
        """A client that does not end TCP is not waited for as long as a polite close may take."""
        if ending.clean and not self._connection.client:
            self._connection.cut_off_in(self._connection.options.timeouts.goodbye)

    async def _write_all(self) -> None:
        send_queue = self._send_queue
        while pieces := send_queue.take():
            self._connection.send_replies()
            frames = send_queue.frames_out
            self._announce_room()
            await self._write(pieces)
            self._note_flushed(frames)

    async def _write(self, pieces: list[Piece]) -> None:
        pieces = self._transport.send_now(pieces)
        now = trio.current_time()
        self._lease.writing(now, self._send_queue.frames_out)
        if pieces:
            self._connection.rearm_lease()
            await self._write_slowly(pieces)
            now = trio.current_time()
        self._lease.written(now)

    async def _write_slowly(self, pieces: list[Piece]) -> None:
        """Wait for the kernel to take one, then try the others again."""
        while pieces:
            gone = await self._transport.send_some(memoryview(pieces[0]))
            self._lease.progress(trio.current_time())
            whole = gone == len(pieces[0])
            pieces = without(pieces, gone)
            if whole and pieces:
                pieces = self._transport.send_now(pieces)

    def _note_flushed(self, frames: int) -> None:
        if self._connection.watches_idle and frames > self.frames_flushed + self.beats_queued:
            self._lease.data(trio.current_time())
        if frames == self._send_queue.frames_in:
            self.beats_queued = 0
        self.frames_flushed = frames
        self._announce_room()

    def _announce_room(self) -> None:
        if self.room:
            self.room.unpark_all()

    @property
    def is_running(self) -> bool:
        """Whether there is a task of ours."""
        return self._started and not self.ended.is_set()

    # For those who have something to write

    def wake(self) -> None:
        """Let the writer go on if something was queued, or the connection is over."""
        if self._send_queue.is_empty and not self._protocol.ending:
            return
        if not self.roused:
            self.roused, self._roused_at = True, trio.current_time()
        if self._started:
            self._rest.unpark()
        elif self._protocol.state is State.OPEN or not self._finish_now():
            self._started = True
            self._connection.start_writer()

    def _finish_now(self) -> bool:
        """While we close: say what is left without a task for it, if nobody has to wait."""
        if self.ended.is_set():
            return True
        if not self._transport.immediate:
            return False
        if (pieces := self._send_queue.take()) and (rest := self._transport.send_now(pieces)):
            self._send_queue.put_back(rest)
        if not self._send_queue.is_empty:
            return False
        self._note_flushed(self._send_queue.frames_out)
        if self._protocol.ending is None:
            return True
        if self._ends_tcp(self._protocol.ending):
            self._transport.send_eof_now()
        self._leave_to_the_peer(self._protocol.ending)
        self.ended.set()
        return True

    def write_now(self) -> bool:
        """Write what is queued in the writer's stead, if that is allowed; whether all is gone."""
        if not (self.idle and (self.may_write_now or self._send_queue.size > COALESCE_LIMIT)):
            return False
        if not self._transport.immediate:
            return False
        self.may_write_now = False
        rest = self._transport.send_now(self._send_queue.take())
        if rest:
            self._send_queue.put_back(rest)
            return False
        self._note_flushed(self._send_queue.frames_out)
        return self._send_queue.size == 0

    def has_room(self, size: int) -> bool:
        """Whether a message of `size` bytes may be queued; one may always be if none is."""
        waiting = self._send_queue.size
        return waiting == 0 or waiting + size + QUEUE_ITEM_OVERHEAD <= self._send_buffer

    async def wait_for_room(self, size: int) -> None:
        """Wait until `has_room`, or the connection is over."""
        while self._protocol.ending is None and not self.has_room(size):
            await self.room.park()

    async def wait_for_control_room(self) -> None:
        """Wait until the control frames that we queued ourselves are within bounds, or the end."""
        while self._protocol.ending is None and self._send_queue.control_size > self._send_buffer:
            await self.room.park()

    async def wait_until_flushed(self) -> None:
        """Wait until the kernel has every data frame queued so far; raise if it never will."""
        wanted = self._send_queue.frames_in
        while self.frames_flushed < wanted:
            if self._protocol.ending is not None:
                raise closed(self._protocol.ending)
            await self.room.park()
