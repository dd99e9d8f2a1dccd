"""`_transport.tls.tls_info`: what TLS has established, as `WebSocket.tls` tells it."""

from __future__ import annotations

import trio
from trio.testing import memory_stream_pair

from trio_ws import TLSInfo
from trio_ws._transport.adapter import transport_on
from trio_ws._transport.tls import tls_info, tls_on

from ..streams import over_tls, shake_hands, socket_pair, tls_contexts


async def test_after_the_handshake() -> None:
    """Version, cipher and the certificate that was verified; a client that shows none has none."""
    client, server = over_tls(*memory_stream_pair())
    await shake_hands(client, server)
    ours, theirs = transport_on(client).tls, transport_on(server).tls
    assert ours is not None
    assert theirs is not None
    assert ours.version == theirs.version == "TLSv1.3"
    assert ours.cipher == theirs.cipher
    assert ours.cipher is not None
    assert ours.cipher.startswith("TLS_")
    assert ours.alpn is theirs.alpn is None
    assert ours.peer_certificate is not None
    assert ("DNS", "testserver") in ours.peer_certificate["subjectAltName"]
    assert theirs.peer_certificate is None
    assert tls_info(client) == ours
    assert hash(tls_info(client)) == hash(ours)


async def test_alpn() -> None:
    """The protocol that both agree on is told."""
    ours, theirs = memory_stream_pair()
    client_side, server_side = tls_contexts()
    for context in (client_side, server_side):
        context.set_alpn_protocols(["http/1.1"])
    client = tls_on(ours, client_side, server_hostname="testserver")
    server = tls_on(theirs, server_side, server_side=True)
    await shake_hands(client, server)
    assert tls_info(client) == TLSInfo(
        version="TLSv1.3",
        cipher=client.cipher()[0],
        peer_certificate=client.getpeercert(),
        alpn="http/1.1",
    )


async def test_before_the_handshake() -> None:
    """Nothing is established yet, and it is no error to ask."""
    client, _ = over_tls(*memory_stream_pair())
    assert tls_info(client) is None


async def test_without_tls() -> None:
    """Other streams have none."""
    for pair in (socket_pair(), memory_stream_pair()):
        for stream in pair:
            assert tls_info(stream) is None
            assert transport_on(stream).tls is None
            await trio.aclose_forcefully(stream)
