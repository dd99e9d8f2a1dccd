"""`trio_ws._concurrency.brief_thread`: a call beside the event loop, in no virtual time."""

from __future__ import annotations

import threading
import time

import pytest
import trio
import trio.testing

from trio_ws._concurrency.brief_thread import call_in_brief_thread


async def test_result(autojump_clock: trio.testing.MockClock) -> None:
    """The function runs in another thread, and no virtual time passes meanwhile."""

    def call() -> int:
        time.sleep(0.01)
        return threading.get_ident()

    assert await call_in_brief_thread(call) != threading.get_ident()
    assert trio.current_time() == 0


async def test_error() -> None:
    """What the function raises is raised."""
    with pytest.raises(ZeroDivisionError):
        await call_in_brief_thread(lambda: 1 // 0)


async def test_cancelled() -> None:
    """A cancellation does not wait for the thread."""
    go_on = threading.Event()
    with trio.CancelScope() as scope:
        scope.cancel()
        await call_in_brief_thread(go_on.wait)
    assert scope.cancelled_caught
    go_on.set()
