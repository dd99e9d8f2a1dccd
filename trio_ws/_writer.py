"""The task that writes, and what senders wait for.

The writer takes whole frames from the outbox, about a gulp at a time, and gives them
to the transport; when there is nothing to take it rests, and `wake` ends the rest.
It is finished when our Close is out, or when the stream breaks.

One short cut: while the writer rests, `write_now` may write in its stead, without waiting.
That saves waking a task for every small message, and it cannot be cancelled half-way;
what the system call leaves over goes back to the front of the outbox, and the writer is woken.
It is taken only for the first message since we last read or rested:
the ones that follow are likely to be a burst, and one system call is to take them all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from ._errors import closed
from ._parking import QuietLot
from ._values import Ending

if TYPE_CHECKING:
    from ._services import Services


class Writer:
    """Writes what the session of `services` has queued."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._session = services.session
        self._outbox = services.session.outbox
        self._transport = services.transport
        self._lease = services.lease
        self._send_buffer = services.policies.limits.send_buffer
        self._rest = QuietLot()
        self.room = QuietLot()
        self.may_write_now = False
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
            while True:
                await self._write_all()
                if self._session.ending:
                    await self._end_our_direction(self._session.ending)
                    return
                self.may_write_now = True
                await self._rest.park()
        except trio.BrokenResourceError as error:
            self.error = error
            self._services.on_write_error()

    async def _end_our_direction(self, ending: Ending) -> None:
        """After a closing handshake the server ends TCP first (RFC 6455 §7.1.1).

        A client that does not follow then is not waited for as long as a polite close may take.
        """
        if self._services.client and ending.clean:
            return
        await self._transport.send_eof()
        if ending.clean:
            self._services.cut_off_in(self._services.policies.timeouts.goodbye)

    async def _write_all(self) -> None:
        outbox = self._outbox
        while chunk := outbox.take():
            self._services.send_replies()
            frames = outbox.frames_out
            self._announce_room()
            await self._write(chunk)
            self._note_flushed(frames)

    async def _write(self, chunk: bytes) -> None:
        gone = self._transport.send_now(chunk)
        now = trio.current_time()
        self._lease.writing(now, self._outbox.frames_out)
        if gone == len(chunk):
            self._lease.written(now)
            return
        data = memoryview(chunk)[gone:]
        self._services.rearm_lease()
        while data:
            data = data[await self._transport.send_some(data) :]
            self._lease.progress(trio.current_time())
        self._lease.written(trio.current_time())

    def _note_flushed(self, frames: int) -> None:
        if self._services.watches_idle and frames > self.frames_flushed + self.beats_queued:
            self._lease.data(trio.current_time())
        if frames == self._outbox.frames_in:
            self.beats_queued = 0
        self.frames_flushed = frames
        self._announce_room()

    def _announce_room(self) -> None:
        if self.room:
            self.room.unpark_all()

    # For those who have something to write

    def wake(self) -> None:
        """Let the writer go on if something was queued, or the connection is over."""
        if self._rest and (not self._outbox.is_empty or self._session.ending):
            self._rest.unpark()

    def write_now(self) -> bool:
        """Write what is queued in the writer's stead, if that is allowed; whether all is gone."""
        if not (self.may_write_now and self._rest):
            return False
        self.may_write_now = False
        chunk = self._outbox.take()
        assert chunk is not None
        gone = self._transport.send_now(chunk)
        if gone < len(chunk):
            self._outbox.put_back(chunk[gone:])
            return False
        self.frames_flushed = self._outbox.frames_out
        self.beats_queued = 0
        return self._outbox.size == 0

    def has_room(self, size: int) -> bool:
        """Whether a message of `size` bytes may be queued; one may always be if none is."""
        waiting = self._outbox.size
        return waiting == 0 or waiting + size <= self._send_buffer

    async def wait_for_room(self, size: int) -> None:
        """Wait until `has_room`, or the connection is over."""
        while self._session.ending is None and not self.has_room(size):
            await self.room.park()

    async def wait_for_control_room(self) -> None:
        """Wait until the control frames that we queued ourselves are within bounds, or the end."""
        while self._session.ending is None and self._outbox.control_size > self._send_buffer:
            await self.room.park()

    async def wait_until_flushed(self) -> None:
        """Wait until the kernel has every data frame queued so far; raise if it never will."""
        wanted = self._outbox.frames_in
        while self.frames_flushed < wanted:
            if self._session.ending is not None:
                raise closed(self._session.ending)
            await self.room.park()
