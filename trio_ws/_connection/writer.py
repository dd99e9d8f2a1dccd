"""Gets bytes out: inline if that is allowed, else by a task that writes.

Bytes leave *inline*, in the task that has something to say,
if nothing is in hand and the kernel takes bytes without waiting.
`flush` writes what is queued; where nothing is, frames pass the queue (`write_past_queue`).
That saves waking a task for every small message, and it cannot be cancelled half-way;
what the system call leaves over goes back to the front of the send queue, for the task.

The task takes whole frames from the send queue, about `MAX_BATCH` bytes at a time, and gives them
to the transport; when there is nothing to take it parks, and `wake` ends that.
The first `wake` starts it: many connections never need it.
It is finished when our Close is out, or when the stream breaks.

A burst of messages shall leave in few system calls:

* Only the first message since we parked, since we read, or in a round of the run (`rounds`),
  is written inline: the ones that follow are likely to be a burst.
  So are answers while more messages wait to be answered.
  What other connections read ends no burst of ours: many may relay to this one in one round.
* But once `COALESCE_LIMIT` is waiting, there is nothing to be won by waiting for more.
  So much at once begins no burst: behind it the last answer still takes the others along.
* For the same reason the task, when it is woken, waits for a few quick turns of the scheduler
  while more messages wait to be received and answers are added to the queue.
* Control frames never wait: a ping measures the time.
"""

from __future__ import annotations

import enum
from typing import final

import trio

from .._concurrency.exceptions import contain, strip_tracebacks
from .._concurrency.rounds import current_rounds
from .._concurrency.slim import SlimEvent, SlimParkingLot
from .._ending import Ending
from .._errors import closed
from .._protocol.send_queue import MAX_BATCH, Frame, Piece
from .._protocol.states import State
from .._transport.base import without
from .core import ConnectionCore
from .heartbeat import HeartbeatDriver
from .shared_turn import current_shared_turn

COALESCE_LIMIT = MAX_BATCH * 3 // 4
"""If more is queued, write now instead of waiting for more."""

COALESCE_TURNS = 6
"""For how many turns of the scheduler the task may wait for a burst of answers to end."""

COALESCE_SECONDS = 0.001
"""For how many seconds since the first of them was queued: a turn may take long."""


class Phase(enum.Enum):
    """What the task that writes is doing::

    NO_TASK ─wake─▶ WOKEN ─▶ WRITING ─▶ PARKED ─wake─▶ WOKEN      any ─▶ ENDED
       └─ everything was written inline, the Close too ──────────────────▶ ENDED

    phase      something is in hand   may write inline   wake
    NO_TASK    no                     yes                starts the task
    PARKED     no                     yes                ends the parking
    WOKEN      no                     yes                nothing: it is about to go on
    WRITING    yes                    no                 nothing: it takes this, too
    ENDED      no                     no                 nothing
    """

    NO_TASK = enum.auto()
    PARKED = enum.auto()
    WOKEN = enum.auto()
    WRITING = enum.auto()
    ENDED = enum.auto()


# Compare with ``is`` and these: a member looked up in its class, or in a set, is looked up
# for each message, and made an echo of 32 bytes 9 % slower.
_NO_TASK, _PARKED, _WOKEN = Phase.NO_TASK, Phase.PARKED, Phase.WOKEN
_WRITING, _ENDED = Phase.WRITING, Phase.ENDED
_OPEN = State.OPEN

_NEVER = -1
"""No round has this number."""


@final
class Writer:
    """Writes what the protocol has queued.

    Attributes:
        phase: what the task is doing.
        ended: set when our direction has ended.
        frames_flushed: how many data frames the kernel has taken.
    """

    __slots__ = (
        "_bounds_sending",
        "_core",
        "_heartbeat",
        "_immediate",
        "_in_turn",
        "_lease",
        "_nursery",
        "_protocol",
        "_receive_queue",
        "_room",
        "_rounds",
        "_send_queue",
        "_transport",
        "_turn",
        "_wakeup",
        "_woken_at",
        "_wrote_in",
        "ended",
        "frames_flushed",
        "phase",
    )

    def __init__(self, core: ConnectionCore, heartbeat: HeartbeatDriver) -> None:
        self._core = core
        self._heartbeat = heartbeat
        self._protocol = core.protocol
        self._send_queue = core.protocol.send_queue
        self._receive_queue = core.receive_queue
        self._transport = core.transport
        self._lease = core.lease
        self._immediate = core.transport.immediate
        self._bounds_sending = core.lease.bounds_sending
        self._room = core.room
        self._nursery: trio.Nursery
        self._rounds = current_rounds()
        self._turn = current_shared_turn()
        self._in_turn = False
        self._wakeup: SlimParkingLot
        self._woken_at = 0.0
        self._wrote_in = _NEVER
        self.phase = _NO_TASK
        self.ended = SlimEvent()
        self.frames_flushed = 0

    def run_in(self, nursery: trio.Nursery) -> None:
        """Run the task in this nursery, once it is needed."""
        self._nursery = nursery

    # For whatever has changed the protocol

    def after_change(self) -> None:
        """Act on what has changed in the protocol: the ending, replies, bytes to write.

        Between the change and this call there is no ``await``.
        """
        if self._heartbeat.messages.replies:
            self._heartbeat.send_replies()
        if self._protocol.ending is not None:
            self.flush()
            self._core.note_ending()
        elif not self._send_queue.is_empty:
            self.flush()

    def after_read(self) -> None:
        """Act on what was read; the first answer to it may be written inline."""
        self._wrote_in = _NEVER
        # Not for data in the queue: it waits for more, as `flush` has decided.
        if (
            self._send_queue.is_urgent
            or self._protocol.ending is not None
            or self._heartbeat.messages.replies
        ):
            self.after_change()

    def flush(self, more_expected: bool = False) -> bool:
        """Get what is queued on its way; return True if all of it was written inline."""
        phase = self.phase
        if phase is _WRITING or phase is _ENDED:
            return False
        if more_expected and phase is _WOKEN and self._send_queue.size <= COALESCE_LIMIT:
            return False  # in a burst, that is so for every message but the first
        if self._protocol.state is not _OPEN:
            if phase is _NO_TASK and self._finish_inline():
                return True
            self.wake()
            return False
        if self._send_queue.size <= COALESCE_LIMIT and (
            more_expected
            or (self._wrote_in == self._rounds.number and not self._send_queue.is_urgent)
        ):
            if phase is not _WOKEN and not self._in_turn:
                self._wait_for_turn(more_expected)
            return False
        if self._write_inline():
            return True
        self.wake()
        return False

    def send(self, frame: Frame) -> None:
        """Get the frame of a message on its way, behind what waits."""
        number, answering = self._rounds.number, self._receive_queue.messages
        if self.phase is _WOKEN and (answering or self._wrote_in == number):
            self._send_queue.put_data(frame)  # in a burst, that is so for nearly all messages
            if self._send_queue.size > COALESCE_LIMIT:
                self.flush()
        elif (
            answering  # one write takes all answers
            or self._wrote_in == number
            or type(frame) is not bytes
            or not self.write_past_queue(frame, 1)
        ):
            self._send_queue.put_data(frame)
            self.flush(more_expected=bool(answering))
        else:
            self._wrote_in = number

    def write_past_queue(self, data: bytes, frames: int) -> bool:
        """Write so many whole frames in place of the task; return False if that cannot be now.

        The caller knows that no message in fragments is in the way,
        and that the connection is not idle.
        """
        phase = self.phase
        if (
            phase is _WRITING
            or phase is _ENDED
            or not self._immediate
            or not self._send_queue.let_pass(frames)
        ):
            return False
        count = self._transport.send_bytes_now(data)
        if self._bounds_sending:
            self._heartbeat.on_sent_inline()
        if count == len(data):
            self.frames_flushed += frames  # no task waits for that: the queue was empty
        else:
            self._send_queue.put_back([memoryview(data)[count:]])
            self.wake()
        return True

    def flush_burst(self, waited: bool) -> None:
        """Get a whole burst on its way: at once, unless something waited before it was queued."""
        if waited or self.phase is _WRITING or not self._write_inline():
            self.flush()

    def wake(self) -> None:
        """Let the task go on; start it if there is none."""
        if self.phase is _PARKED:
            self._wakeup.unpark()
        elif self.phase is _NO_TASK:
            self._wakeup = SlimParkingLot()
            self._nursery.start_soon(self.run, name=f"trio_ws writer {self._core.name}")
        else:
            return
        self.phase = _WOKEN
        self._woken_at = trio.current_time()

    def _wait_for_turn(self, more_expected: bool) -> None:
        """Let what is queued wait for the task, or for another's that writes for this one."""
        if more_expected or not self._immediate:
            self.wake()
        else:
            self._in_turn = self._turn.join(self)

    def take_lead(self) -> bool:
        """Wake the task to write for others, too; return False if it is busy or over."""
        try:
            self.wake()
        except BaseException as error:  # noqa: ASYNC103 - what may pass does
            self._core.on_own_error(contain(error))  # noqa: ASYNC104
        return self.phase is _WOKEN

    def write_burst(self) -> None:
        """Write what is queued in place of the task, which is needed for the rest only."""
        self._in_turn = False
        try:
            if not self._send_queue.is_empty:
                self._wrote_in = _NEVER
                self.flush()
                self._wrote_in = _NEVER
        except BaseException as error:  # noqa: ASYNC103 - what may pass does
            self._core.on_own_error(contain(error))  # noqa: ASYNC104

    def _write_inline(self) -> bool:
        """Write what is queued in place of the task; return True if all is gone."""
        if not self._immediate:
            return False
        if 0 < self._send_queue.size <= COALESCE_LIMIT:  # control frames alone are no burst
            self._wrote_in = self._rounds.number
        if (frame := self._send_queue.take_single()) is not None:
            return self._write_single(frame)
        # A cancellation cannot land in here, so no frame is ever torn.
        # What the kernel does not take goes first next time, ahead of control frames.
        rest = self._transport.send_now(self._send_queue.take())
        self._heartbeat.on_sent_inline()
        if rest:
            self._send_queue.put_back(rest)
            return False
        self._note_flushed(self._send_queue.frames_out)
        return self._send_queue.size == 0

    def _write_single(self, frame: bytes) -> bool:
        """Write a frame that was all there is, which is so for most; return True if it is gone."""
        count = self._transport.send_bytes_now(frame)
        if self._bounds_sending:
            self._heartbeat.on_sent_inline()
        if count < len(frame):
            self._send_queue.put_back([memoryview(frame)[count:]])
            return False
        self._note_flushed(self._send_queue.frames_out)
        return True

    def _finish_inline(self) -> bool:
        """While we close: write what is left and end our direction, if nothing has to wait."""
        if not self._immediate:
            return False
        if (pieces := self._send_queue.take()) and (rest := self._transport.send_now(pieces)):
            self._send_queue.put_back(rest)
        if not self._send_queue.is_empty:
            return False
        self._note_flushed(self._send_queue.frames_out)
        ending = self._protocol.ending
        if ending is not None:
            if self._closes_tcp_first(ending):
                self._transport.send_eof_now()
            self._limit_wait_for_client(ending)
            self.phase = _ENDED
            self.ended.set()
        return True

    # The task

    @property
    def is_running(self) -> bool:
        """Return True if there is a task."""
        return self.phase is not _NO_TASK and self.phase is not _ENDED

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Write what is queued until our Close is out, or the stream breaks."""
        try:
            with self._core.lifetime.shield_writing():
                await self._write_until_the_end()
        except trio.BrokenResourceError as error:
            strip_tracebacks(error)
            self._core.on_write_error(error)
        except BaseException as error:  # noqa: ASYNC103 - what may pass does
            self._core.on_own_error(contain(error))  # noqa: ASYNC104
        finally:
            self.phase = _ENDED
            self.ended.set()
            self._lead()

    def _lead(self) -> None:
        """Write for those that wait for this task, which goes on or ends."""
        self._in_turn = False
        if self._turn.leader is self:
            self._turn.lead()

    async def _write_until_the_end(self) -> None:
        while True:
            self._lead()
            await self._coalesce()
            self._lead()  # it may have been handed the lead meanwhile, and may wait from here on
            self.phase = _WRITING
            while await self._write_batch():
                pass
            if self._protocol.ending:
                await self._end_our_direction(self._protocol.ending)
                return
            self._wrote_in = _NEVER
            self.phase = _PARKED
            await self._wakeup.park()

    async def _coalesce(self) -> None:
        """While messages are answered one after the other, let the answers leave together.

        Trio runs tasks in any order: the one that answers may have no turn between two of ours.
        So the queue must have stood still for two turns.
        """
        size = before = 0
        for _ in range(COALESCE_TURNS):
            size, before, last_but_one = self._send_queue.size, size, before
            if size == last_but_one or size > COALESCE_LIMIT or self._send_queue.is_urgent:
                return
            late = trio.current_time() > self._woken_at + COALESCE_SECONDS
            if late or not self._receive_queue.messages:
                return
            await trio.lowlevel.checkpoint()

    async def _end_our_direction(self, ending: Ending) -> None:
        if self._closes_tcp_first(ending):
            await self._transport.send_eof()
        self._limit_wait_for_client(ending)

    def _closes_tcp_first(self, ending: Ending) -> bool:
        """Return True unless we are a client after a closing handshake (RFC 6455 §7.1.1)."""
        return not (self._core.client and ending.clean)

    def _limit_wait_for_client(self, ending: Ending) -> None:
        """Give a client that keeps TCP open only `Timeouts.goodbye`, not `Timeouts.close`."""
        if ending.clean and not self._core.client:
            self._core.lifetime.shorten(self._core.options.timeouts.goodbye)

    async def _write_batch(self) -> bool:
        """Write what the queue gives at once; return False if there is nothing."""
        if not (pieces := self._send_queue.take()):
            return False
        self._heartbeat.send_replies()
        frames = self._send_queue.frames_out
        self._announce_room()
        # What the transport gives back may be a copy: what was taken is held no longer.
        pieces = self._transport.send_now(pieces)
        await self._write_rest(pieces, frames)
        self._note_flushed(frames)
        return True

    async def _write_rest(self, pieces: list[Piece], frames: int) -> None:
        """Wait until the kernel has what it did not take at once, of so many frames."""
        now = trio.current_time()
        self._lease.writing(now, frames)
        if pieces:
            # The reader waits for the next question; a write that stands still is due earlier.
            self._heartbeat.rearm()
            await self._write_slowly(pieces)
            now = trio.current_time()
        self._heartbeat.on_written(now)

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
        if self._core.watches_idle:
            self._heartbeat.on_flushed(frames - self.frames_flushed)
        self.frames_flushed = frames
        self._announce_room()

    def _announce_room(self) -> None:
        if self._room:
            self._room.unpark_all()

    # For senders

    async def wait_for_room(self, size: int) -> None:
        """Wait until a message of `size` bytes may be queued, or the connection is over."""
        while self._protocol.ending is None and not self._core.has_room(size):
            await self._room.park()

    async def wait_for_control_room(self) -> None:
        """Wait until our own control frames are within bounds, or the connection is over."""
        limit = self._core.options.limits.send_buffer
        while self._protocol.ending is None and self._send_queue.control_size > limit:
            await self._room.park()

    async def wait_until_flushed(self) -> None:
        """Wait until the kernel has every data frame queued so far; raise if it never will."""
        wanted = self._send_queue.frames_in
        while self.frames_flushed < wanted:
            if self._protocol.ending is not None:
                raise closed(self._protocol.ending)
            await self._room.park()
