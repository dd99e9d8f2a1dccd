"""`_transport.tls_choice`: which TLS a stream gets."""

from __future__ import annotations

import os

import pytest
import trio
from trio.testing import memory_stream_pair

from trio_ws._transport.adapter import transport_on
from trio_ws._transport.tls_choice import accept_tls, client_tls_on
from trio_ws._transport.tls_transport import TLSTransport
from trio_ws._transport.tunnel import TunnelStream

from ..streams import socket_pair, tls_contexts


async def test_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a socket TLS is ours, where a socket has a descriptor; on all else it is Trio's."""
    context, _ = tls_contexts()
    ours, theirs = socket_pair()
    secure = client_tls_on(ours, context, "testserver")
    assert type(secure) is TLSTransport
    assert transport_on(secure) is secure
    for stream in (memory_stream_pair()[0], TunnelStream(ours)):
        assert isinstance(client_tls_on(stream, context, "testserver"), trio.SSLStream)
    monkeypatch.setattr(os, "name", "nt")
    assert isinstance(client_tls_on(ours, context, "testserver"), trio.SSLStream)
    monkeypatch.undo()
    await ours.aclose()
    await theirs.aclose()


@pytest.mark.parametrize("sockets", [False, True])
async def test_both_sides(sockets: bool) -> None:
    """A server accepts what a client begins, with the name and the protocol that it wants."""
    ours, theirs = socket_pair() if sockets else memory_stream_pair()
    client_side, server_side = tls_contexts()
    names: list[str | None] = []
    server_side.sni_callback = lambda _, name, __: names.append(name)
    for context in (client_side, server_side):
        context.set_alpn_protocols(["http/1.1"])
    client = client_tls_on(ours, client_side, "testserver")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.do_handshake)
        server = await accept_tls(theirs, server_side)
    assert isinstance(server, TLSTransport) == sockets
    assert names == ["testserver"]
    near, far = transport_on(client), transport_on(server)
    assert near.tls is not None
    assert far.tls is not None
    assert near.tls.alpn == far.tls.alpn == "http/1.1"
    assert near.tls.peer_certificate is not None
    assert ("DNS", "testserver") in near.tls.peer_certificate["subjectAltName"]
    await near.send_all(b"hello")
    assert await far.receive_some() == b"hello"
    for stream in (client, server):
        await trio.aclose_forcefully(stream)
