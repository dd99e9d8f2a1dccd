"""`_transport.tls_choice.accept_tls`: a client that cannot be served is told why."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock, memory_stream_pair

from trio_ws._transport.tls import ALERT_LINGER
from trio_ws._transport.tls_choice import accept_tls

from ..streams import Pair, PassingStream, socket_pair, tls_contexts


def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A client and a server that have no version of TLS in common."""
    client, server = tls_contexts()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    server.minimum_version = ssl.TLSVersion.TLSv1_3
    return client, server


every_kind = pytest.mark.parametrize("make", [memory_stream_pair, socket_pair])


async def fail(stream: trio.abc.Stream, context: ssl.SSLContext) -> None:
    """Be a server whose handshake fails, and close."""
    with pytest.raises(trio.BrokenResourceError):
        await accept_tls(stream, context)
    await stream.aclose()


@every_kind
@pytest.mark.parametrize("wrapped", [False, True])
async def test_an_alert(autojump_clock: MockClock, wrapped: bool, make: Callable[[], Pair]) -> None:
    """The client's error names the alert, and the server waits until the client has closed."""
    client_side, server_side = contexts()
    ours, theirs = make()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fail, PassingStream(theirs) if wrapped else theirs, server_side)
        client = trio.SSLStream(ours, client_side, server_hostname="testserver")
        with pytest.raises(trio.BrokenResourceError) as caught:
            await client.do_handshake()
        assert "ALERT_PROTOCOL_VERSION" in str(caught.value.__cause__)
        await ours.send_all(b"what was on its way")
        await trio.sleep(0.5)
        await trio.aclose_forcefully(client)
    assert trio.current_time() == 0.5


@every_kind
async def test_a_client_that_stays(autojump_clock: MockClock, make: Callable[[], Pair]) -> None:
    """A client that does not close is waited for no longer than a moment."""
    client_side, server_side = contexts()
    ours, theirs = make()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fail, theirs, server_side)
        client = trio.SSLStream(ours, client_side, server_hostname="testserver")
        with pytest.raises(trio.BrokenResourceError):
            await client.do_handshake()
    assert trio.current_time() == ALERT_LINGER
    await trio.aclose_forcefully(client)


@every_kind
async def test_a_client_that_has_gone(autojump_clock: MockClock, make: Callable[[], Pair]) -> None:
    """There is nothing to tell a client that broke off."""
    ours, theirs = make()
    await ours.aclose()
    await fail(theirs, contexts()[1])
    assert trio.current_time() == 0


class Reset(PassingStream):
    """A stream that was reset."""

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Fail."""
        raise trio.BrokenResourceError


async def test_a_reset(autojump_clock: MockClock) -> None:
    """Where the stream breaks there is no alert, and nothing is sent."""
    ours, theirs = memory_stream_pair()
    await fail(Reset(theirs), contexts()[1])
    assert await ours.receive_some() == b""


@every_kind
async def test_a_handshake(make: Callable[[], Pair]) -> None:
    """A client that can be served is."""
    client_side, server_side = tls_contexts()
    ours, theirs = make()
    client = trio.SSLStream(ours, client_side, server_hostname="testserver")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.do_handshake)
        secure = await accept_tls(theirs, server_side)
    await client.send_all(b"x")
    assert await secure.receive_some() == b"x"
    for stream in (client, secure):
        await trio.aclose_forcefully(stream)
