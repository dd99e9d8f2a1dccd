"""What happens when in a simulated network."""

from __future__ import annotations

from functools import partial

import trio
import trio.testing

from trio_ws.testing._agenda import Agenda

Clock = trio.testing.MockClock


async def test_the_agenda_calls_in_order(autojump_clock: Clock) -> None:
    """Calls are made at their times; those of one time in the order in which they were asked."""
    agenda, calls = Agenda(), list[tuple[str, float]]()

    def call(name: str) -> None:
        calls.append((name, trio.current_time()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(agenda.run)
        await trio.testing.wait_all_tasks_blocked()
        start = trio.current_time()
        for name, after in (("c", 5), ("a", 1), ("d", 5), ("b", 2)):
            agenda.at(start + after, partial(call, name))
        await trio.sleep(10)
        nursery.cancel_scope.cancel()
    assert calls == [("a", start + 1), ("b", start + 2), ("c", start + 5), ("d", start + 5)]
