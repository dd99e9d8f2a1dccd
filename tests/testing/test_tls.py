"""Real TLS over a simulated network."""

from __future__ import annotations

import sys

import pytest
import trio
import trio.testing

from trio_ws import HandshakeError, open_websocket
from trio_ws.testing import Fault, MemoryNetwork, record

from ..halls import echo

Clock = trio.testing.MockClock


async def test_real_tls_over_memory(autojump_clock: Clock) -> None:
    """With an `ssl_context` OpenSSL does what it does; with another client it fails."""
    async with MemoryNetwork(seed=1) as network:
        server, client = network.tls_contexts("api.example")
        await network.serve("wss://api.example/", echo, ssl_context=server)
        async with open_websocket("wss://api.example/", ssl_context=client) as ws:
            await ws.send("secret")
            assert await ws.receive() == "secret"
            with pytest.raises(ValueError, match="a transcript needs a connection without real"):
                record(ws)
        network.inject("api.example", Fault.tls_failure(for_=1))
        with pytest.raises(HandshakeError, match="no TLS with"):
            async with open_websocket("wss://api.example/", ssl_context=client):
                pass


async def test_real_tls_needs_trustme(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sentence says what to install."""
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(ImportError, match="python -m pip install trustme"):
        MemoryNetwork(seed=1).tls_contexts("api.example")
