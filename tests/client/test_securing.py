"""`trio_ws._client.securing`: how TLS begins, and what its failure means."""

from __future__ import annotations

import ssl
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws._client.securing import Contexts, shake_hands, with_tls, with_tls_to_proxy
from trio_ws._transport.tls import TLSStandIn
from trio_ws._transport.tls_transport import TLSTransport

from ..streams import socket_pair
from .servers import Spy, server_context, trusting


class StandIn(Spy, TLSStandIn):
    """A stream that plays TLS itself, if it is told so."""

    def __init__(self, expects: bool) -> None:
        super().__init__(trio.testing.memory_stream_pair()[0])
        self.expects = expects

    @property
    def expects_tls(self) -> bool:
        return self.expects

    async def do_handshake(self) -> None:
        await trio.lowlevel.checkpoint()


def giving(context: ssl.SSLContext) -> Contexts:
    """Make the function that returns a context."""

    async def give() -> ssl.SSLContext:
        return context

    return give


async def refusing() -> ssl.SSLContext:
    """Fail: no context is needed."""
    raise AssertionError


async def test_a_stand_in_is_tls() -> None:
    """TLS is not begun on a stream that stands for it, and no certificates are read for it."""
    stream = StandIn(True)
    assert await with_tls(stream, refusing, "h") is stream
    assert await shake_hands(stream) is None
    assert isinstance(await with_tls(StandIn(False), giving(trusting()), "h"), trio.SSLStream)
    assert await with_tls_to_proxy(stream, refusing, "h") is stream
    assert isinstance(
        await with_tls_to_proxy(StandIn(False), giving(trusting()), "h"), trio.SSLStream
    )


async def test_sockets() -> None:
    """On a socket TLS is ours, but for a tunnel that is to stand on it."""
    ours, theirs = socket_pair()
    assert isinstance(await with_tls(ours, giving(trusting()), "h"), TLSTransport)
    assert isinstance(await with_tls_to_proxy(ours, giving(trusting()), "h"), trio.SSLStream)
    for stream in (ours, theirs):
        await stream.aclose()


async def meet(context: ssl.SSLContext, name: str) -> Any:
    """Shake hands with a server; return what went wrong."""
    ours, theirs = trio.testing.memory_stream_pair()
    server = trio.SSLStream(theirs, server_context("localhost"), server_side=True)

    async def serve() -> None:
        try:
            await server.do_handshake()
        except trio.BrokenResourceError:
            await trio.aclose_forcefully(server)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        found = await shake_hands(await with_tls(ours, giving(context), name))
        await trio.aclose_forcefully(ours)
    return found


async def test_it_works() -> None:
    """With the right name and trust, nothing is wrong."""
    assert await meet(trusting(), "localhost") is None


@pytest.mark.parametrize("name", ["localhost", "other"])
async def test_a_certificate_that_does_not_fit(name: str) -> None:
    """What we ourselves find wrong is final, and the connection did not break."""
    context = trusting() if name == "other" else ssl.create_default_context()
    failure = await meet(context, name)
    assert isinstance(failure.cause, ssl.SSLCertVerificationError)
    assert (failure.broke, failure.transient) == (False, False)


async def test_the_end_of_the_stream() -> None:
    """An end within the handshake may pass."""
    ours, theirs = trio.testing.memory_stream_pair()
    await theirs.aclose()
    failure = await shake_hands(await with_tls(ours, giving(trusting()), "h"))
    assert failure is not None
    assert failure.transient is True


async def test_a_closed_stream() -> None:
    """A stream that is closed already is the caller's own affair."""
    ours, _ = trio.testing.memory_stream_pair()
    stream = await with_tls(ours, giving(trusting()), "h")
    await trio.aclose_forcefully(stream)
    failure = await shake_hands(stream)
    assert failure is not None
    assert isinstance(failure.cause, trio.ClosedResourceError)
    assert (failure.broke, failure.transient) == (True, None)
