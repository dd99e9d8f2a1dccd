"""Whose turn it is: a lock whose waiters are woken when the connection ends.

A message sent in fragments makes other senders wait, and one task streams at a time.
With `trio.Lock` the others would wait for the task whose turn it is even when the connection
is over, and that task may never come to an end: it may wait for something else.
"""

from __future__ import annotations

from typing import final

from .._concurrency.slim import SlimEvent


@final
class Turn:
    """A lock; tasks have their turn in the order in which they came.

    Attributes:
        is_held: true while a task has its turn.
    """

    __slots__ = ("_closed", "_waiting", "is_held")

    def __init__(self, *, closed: bool = False) -> None:
        self.is_held = False
        self._closed = closed
        self._waiting: list[SlimEvent] = []

    def __len__(self) -> int:
        return len(self._waiting)

    async def acquire(self) -> bool:
        """Wait for the turn; if it is free, without a checkpoint.

        Return False if it is another's and `close` was called: then there is none to release.
        """
        if not self.is_held:
            self.is_held = True
            return True
        if self._closed:
            return False
        turn = SlimEvent()
        self._waiting.append(turn)
        try:
            await turn.wait()
        except BaseException:
            if turn in self._waiting:
                self._waiting.remove(turn)
            else:  # the turn came when the cancellation was under way already
                self.release()
            raise
        if turn in self._waiting:  # woken by `close`, not by `release`
            self._waiting.remove(turn)
            return False
        return True

    def release(self) -> None:
        """Hand the turn to the task that has waited longest, if any waits."""
        if self._waiting:
            self._waiting.pop(0).set()
        else:
            self.is_held = False

    def close(self) -> None:
        """Wake every task that waits, now and later: the connection is over."""
        self._closed = True
        for turn in self._waiting:
            turn.set()
