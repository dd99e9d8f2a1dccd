"""A call that would keep the event loop busy for some milliseconds, made in a thread instead.

Reading certificates takes 30 ms, and the import of a large module as long.
The task that waits for such a call comes back each turn, and does not wait for the thread:
while all tasks wait, a virtual clock would jump to the next deadline,
though the thread is done in no time at all.
So this is for calls that are sure to end soon.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import trio

if TYPE_CHECKING:
    from outcome import Outcome

T = TypeVar("T")


async def call_in_brief_thread(function: Callable[[], T]) -> T:
    """Call a function in a thread; return what it returns, or raise what it raises.

    If cancelled, the thread goes on, and what comes of it is dropped.
    """
    results: list[Outcome[T]] = []
    trio.lowlevel.start_thread_soon(function, results.append)
    while not results:  # noqa: ASYNC110 - waiting is what must not be
        await trio.lowlevel.checkpoint()
    return results[0].unwrap()
