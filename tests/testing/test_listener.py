"""Listening on a simulated host."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_ws.testing import MemoryNetwork

Clock = trio.testing.MockClock


async def test_connections_that_nobody_accepted(autojump_clock: Clock) -> None:
    """They are reset when the listener is closed."""
    async with MemoryNetwork(seed=1) as network:
        (listener,) = await network.listen("api.example", 1)
        stream = await network.connect("api.example", 1)
        await listener.aclose()
        await listener.aclose()
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()
        with pytest.raises(trio.ClosedResourceError):
            await listener.accept()
        await stream.aclose()
