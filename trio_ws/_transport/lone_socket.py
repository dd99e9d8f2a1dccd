"""The only socket of a run: a task waits for it without the task of the poller in between.

The poller's task takes a step, and a turn of the scheduler, for each wakeup.
Among many sockets many messages share them; with a single one each message pays for both.
So there the task in `receive` waits for the socket itself, while the poller sets it aside::

    many sockets    the kernel ──▶ the poller's task ──▶ the task in receive
    a single one    the kernel ──▶ the task in receive

That task has to hear of other things as well: of the end, or of what the reader has read.
Trio lets it be woken by `trio.lowlevel.notify_closing` alone,
which wakes every task that waits for the same descriptor, also one that waits to write.
So it waits for an epoll of its own, in which there is nothing but this socket.
"""

from __future__ import annotations

import select
from collections.abc import Awaitable
from contextlib import suppress
from typing import final

import trio

from .._concurrency.rounds import Rounds
from .._concurrency.slim import Elsewhere


@final
class LoneSocket(Elsewhere):
    """What a task waits for that waits for the only socket of its run.

    Attributes:
        is_taken: whether a task waits for it, or has not run since.
    """

    __slots__ = ("_epoll", "_fileno", "_number", "_rounds", "is_taken")

    def __init__(self, rounds: Rounds) -> None:
        self._epoll: select.epoll | None = None
        self._number = -1
        self._fileno = -1
        self._rounds = rounds
        self.is_taken = False

    def hold(self, fileno: int) -> bool:
        """Make this socket the one; return False if the system refuses."""
        if fileno == self._fileno:
            return True
        try:
            if self._epoll is None:  # a run may never need it
                self._epoll = select.epoll()
                self._number = self._epoll.fileno()
            self.forget(self._fileno)
            self._epoll.register(fileno, select.EPOLLIN)
        except (OSError, ValueError):  # no room; the run is over
            return False
        self._fileno = fileno
        return True

    def forget(self, fileno: int) -> None:
        """Forget this socket, before it is closed: its number may be another's at once."""
        if self._epoll is not None and fileno == self._fileno:
            self._fileno = -1
            with suppress(OSError, ValueError):
                self._epoll.unregister(fileno)

    def wait(self) -> Awaitable[None]:
        """Return an awaitable: it waits until there is something to be read; then `release`.

        Raises:
            trio.ClosedResourceError: `wake` came before that.
            OSError: the system refuses.
        """
        self.is_taken = True
        return trio.lowlevel.wait_readable(self._number)  # noqa: ASYNC105 - by the caller

    def release(self) -> None:
        """Note that the task waits no longer; what it waited for begins a round."""
        self.is_taken = False
        self._rounds.begin()

    def wake(self) -> None:
        """End the wait, if a task waits."""
        if self.is_taken:
            trio.lowlevel.notify_closing(self._number)

    def close(self) -> None:
        """End the wait, and close the epoll: the run is about to end."""
        self.wake()
        self.is_taken = False  # the number of the epoll may be another's at once
        self._fileno = -1
        if self._epoll is not None:
            self._epoll.close()
