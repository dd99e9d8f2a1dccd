"""Noticing that two tasks do the same with one stream."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from .lines import open_line

Clock = trio.testing.MockClock


async def test_one_task_in_each_direction(autojump_clock: Clock) -> None:
    """Two tasks that receive at a time are a mistake, as with Trio's own streams."""
    async with open_line() as (_, client, server):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.receive_some)
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(trio.BusyResourceError, match="another task is receiving"):
                await client.receive_some()
            await server.send_all(b"x")
        with pytest.raises(ValueError, match="max_bytes must be 1 or more"):
            await client.receive_some(0)
