"""`trio_ws._transport.tunnel`: the stream behind a proxy to which there is TLS."""

from __future__ import annotations

import trio
from trio.testing import memory_stream_pair

from trio_ws._transport.adapter import transport_on
from trio_ws._transport.addresses import bottom, layers, socket_below
from trio_ws._transport.stream import StreamTransport
from trio_ws._transport.tunnel import TunnelStream

from ..streams import below, over_tls, shake_hands, socket_pair


async def test_passes_on() -> None:
    """Bytes pass, in both directions, and so does the end."""
    ours, theirs = memory_stream_pair()
    tunnel = TunnelStream(ours)
    await tunnel.wait_send_all_might_not_block()
    await tunnel.send_all(b"there")
    assert await theirs.receive_some() == b"there"
    await theirs.send_all(b"back")
    assert await tunnel.receive_some(2) == b"ba"
    await tunnel.aclose()
    assert await theirs.receive_some() == b""


async def test_tls_to_the_proxy_is_not_ours() -> None:
    """TLS below a tunnel says nothing of the server; TLS inside it does."""
    outer_client, outer_server = over_tls(*socket_pair())
    await shake_hands(outer_client, outer_server)
    assert transport_on(TunnelStream(outer_client)).tls is None
    inner_client, inner_server = over_tls(TunnelStream(outer_client), outer_server)
    await shake_hands(inner_client, inner_server)
    assert transport_on(inner_client).tls is not None
    for stream in (outer_client, outer_server):
        await trio.aclose_forcefully(stream)


async def test_what_is_below() -> None:
    """Addresses and the kernel's counters are those of the socket; bytes are counted above it."""
    ours, theirs = socket_pair()
    outer_client, outer_server = over_tls(ours, theirs)
    tunnel = TunnelStream(outer_client)
    inner_client, _ = over_tls(tunnel, outer_server)
    assert isinstance(ours, trio.SocketStream)
    assert bottom(inner_client) is bottom(tunnel) is ours
    assert socket_below(tunnel) is ours.socket
    assert list(layers(inner_client)) == [
        inner_client,
        below(inner_client),
        tunnel,
        outer_client,
        below(outer_client),
        ours,
    ]
    await shake_hands(outer_client, outer_server)
    for stream in (inner_client, tunnel):
        transport = StreamTransport(stream)
        assert transport.outgoing()[0] == below(outer_client).bytes_sent > 0
    for end in (ours, theirs):
        await trio.aclose_forcefully(end)
