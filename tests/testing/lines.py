"""Two ends of a simulated connection, for the tests of what lies between them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import trio

from trio_ws.testing import MemoryNetwork
from trio_ws.testing._stream import MemoryStream


@asynccontextmanager
async def open_line(
    **link: Any,
) -> AsyncGenerator[tuple[MemoryNetwork, MemoryStream, MemoryStream]]:
    """Connect to the host ``server``, whose lines are as `link` says."""
    async with MemoryNetwork(seed=1, strict=False) as network:
        listener = network._exchange.listen("server", 1)
        client = await network.connect("server", 1)
        assert isinstance(client, MemoryStream)
        server = await listener.accept()
        network.link("server", **link)
        async with client, server:
            yield network, client, server


async def receive_exactly(stream: trio.abc.Stream, size: int) -> bytes:
    """Read so many bytes."""
    data = b""
    while len(data) < size:
        data += await stream.receive_some(size - len(data))
    return data
