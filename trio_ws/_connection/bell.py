"""Which task reads: the bell of a connection.

A message shall not wake one task that then wakes another.
So the task that waits in `receive` is woken when something arrives, and reads it itself.
The reader, whose business it is otherwise, sleeps meanwhile.  It holds the lease,
and it is woken for all that is unusual, and when no task waits in `receive`::

    something has come ──▶ ring ──▶ the reader is awake:       it looks before it sleeps
                                ├─▶ a task waits in receive:   that task reads
                                └─▶ none does:                 the reader wakes, and reads

Any of these tasks may come, go and be cancelled at any moment, and the poller tells things once.
One rule keeps unread bytes from being slept on:

    A bell stays rung until the socket is read.
    The reader does not sleep while it is rung.
    It is rung while the reader sleeps only if a receiver is on its way, which will look.

A receiver that is on its way cannot be cancelled any more: Trio has scheduled it.
If it finds that it should not read, it wakes the reader.

The only receiver of a run may wait for the socket itself (`_transport.lone_socket`).
Then it notes what has come when it wakes, and so it is on its way like any other (`lone_wait`).
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import final

import trio
from trio.lowlevel import Abort

from .._concurrency.slim import SlimParkingLot


@final
class Bell:
    """A bell; `receivers` are the tasks that wait for a message.

    Attributes:
        is_rung: whether something may have come that was not read.
        is_only: whether the poller rings no other bell.
        is_silent: whether it will never ring again, so that the reader has to wait by itself.
    """

    __slots__ = ("_lasting", "_reader", "_receivers", "is_only", "is_rung", "is_silent")

    def __init__(self, receivers: SlimParkingLot) -> None:
        self.is_rung = False
        self.is_silent = False
        self.is_only = False
        self._lasting = False
        self._receivers = receivers
        self._reader: trio.lowlevel.Task | None = None

    @property
    def is_slept_at(self) -> bool:
        """Return True if the reader sleeps until it is rung."""
        return self._reader is not None and not self.is_rung

    @property
    def may_be_answered(self) -> bool:
        """Return True if it has rung and the reader sleeps: a receiver may read, or has to."""
        return self.is_rung and self._reader is not None

    def ring(self, *, lasting: bool) -> None:
        """Note that something has come, and wake the task that is to read it."""
        self._lasting = self._lasting or lasting
        if self.is_rung:
            return  # the task that will read is on its way
        self.is_rung = True
        if self._reader is None:
            return
        if self._receivers:
            self._receivers.unpark()
        else:
            self.wake_reader()

    def note_arrival(self) -> None:
        """Note that something has come, for a receiver that will read at once."""
        self.is_rung = True

    def note_read(self, *, more: bool) -> None:
        """Note that something was read, and whether there is certainly more."""
        self.is_rung = more or self._lasting

    def note_nothing(self) -> None:
        """Note that there was nothing to be read."""
        self.is_rung = False

    def note_others(self, *, some: bool) -> None:
        """Note whether the poller rings other bells."""
        self.is_only = not some

    def fall_silent(self) -> None:
        """Note that it will not be rung any more, and wake the reader."""
        self.is_silent = True
        self.wake_reader()

    def wake_reader(self) -> None:
        """Let the reader take over, if it sleeps."""
        reader, self._reader = self._reader, None
        if reader is not None:
            trio.lowlevel.reschedule(reader)

    def wait(self) -> Awaitable[object]:
        """Return an awaitable: it sleeps until the bell rings or the reader is to take over.

        To be awaited at once, in a task that a Ctrl-C does not reach.  It is a checkpoint.
        This is no coroutine function itself: an idle connection would have to keep its frame.
        """
        if self.is_rung:
            return trio.lowlevel.checkpoint()  # noqa: ASYNC105 - by the caller
        self._reader = trio.lowlevel.current_task()
        return trio.lowlevel.wait_task_rescheduled(self)  # noqa: ASYNC105 - by the caller

    def __call__(self, _: object) -> Abort:
        """Let the reader leave: Trio calls this if it is cancelled; a method takes more memory."""
        self._reader = None
        return Abort.SUCCEEDED
