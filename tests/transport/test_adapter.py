"""`trio_ws._transport.adapter`: which transport a stream gets; and one of our own, in use."""

from __future__ import annotations

import os
from typing import Any, cast

import pytest
from trio.testing import memory_stream_pair

from trio_ws import WebSocket
from trio_ws._connection.block import ConnectionBlock
from trio_ws._options import ConnectionOptions
from trio_ws._transport.adapter import transport_on
from trio_ws._transport.socket import SocketTransport
from trio_ws._transport.stream import StreamTransport

from ..streams import socket_pair, tls_pair
from ..wires import opening

OPTIONS = ConnectionOptions()


async def test_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket is read by its descriptor where it has one; all else by Trio's own methods."""
    ours, theirs = socket_pair()
    assert type(transport_on(ours)) is SocketTransport
    assert type(transport_on(tls_pair(ours, theirs)[0])) is StreamTransport
    assert type(transport_on(memory_stream_pair()[0])) is StreamTransport
    monkeypatch.setattr(os, "name", "nt")
    assert type(transport_on(ours)) is StreamTransport
    monkeypatch.undo()
    await ours.aclose()
    await theirs.aclose()


class Shifted(StreamTransport):
    """A toy: a transport that adds one to each byte, as another kind of stream might."""

    async def receive_some(self) -> bytes:
        """Receive, one less."""
        return bytes(byte - 1 & 255 for byte in await super().receive_some())

    async def send_some(self, data: memoryview) -> int:
        """Send, one more."""
        return await super().send_some(memoryview(bytes(byte + 1 & 255 for byte in data)))


async def test_a_transport_of_another_kind() -> None:
    """A connection runs on any transport, which is taken as it is."""
    ends = [Shifted(end) for end in memory_stream_pair()]
    client, server = (
        WebSocket(cast(Any, end), opening(), client=not number, options=OPTIONS, name="toy")
        for number, end in enumerate(ends)
    )
    async with ConnectionBlock(server), ConnectionBlock(client):
        assert client._connection.core.transport is ends[0]
        await client.send("hello")
        assert await server.receive() == "hello"
