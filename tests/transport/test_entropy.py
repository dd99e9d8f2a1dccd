"""`trio_ws._transport.entropy`: masks and keys come from the system, except in a simulation."""

from __future__ import annotations

import os
import ssl

import trio
import trio.testing

from trio_ws._transport.entropy import entropy_of, own_entropy
from trio_ws._transport.tls import tls_on
from trio_ws.testing import MemoryNetwork


def zeros(size: int) -> bytes:
    return bytes(size)


class Simulated(trio.abc.SendStream):
    """A stream that brings a source of its own."""

    entropy = staticmethod(zeros)

    async def send_all(self, data: object) -> None:
        raise NotImplementedError

    async def wait_send_all_might_not_block(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError


async def test_a_stream_may_bring_its_own() -> None:
    """Also under TLS; every other stream has the system's."""
    ours, _ = trio.testing.memory_stream_pair()
    assert entropy_of(ours) is os.urandom
    assert own_entropy(ours) is None
    assert entropy_of(Simulated()) is zeros
    assert own_entropy(Simulated()) is zeros


async def test_under_tls(autojump_clock: trio.testing.MockClock) -> None:
    """The stream below is what counts."""
    async with MemoryNetwork(seed=1, strict=False) as network:
        await network.listen("api.example", 1)
        stream = await network.connect("api.example", 1)
        secure = tls_on(stream, ssl.create_default_context(), server_hostname="api.example")
        assert own_entropy(secure) is not None
        assert own_entropy(secure) == own_entropy(stream)
