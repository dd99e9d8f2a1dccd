"""`trio_ws._transport.addresses`: where a stream begins and ends, and where a listener is."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from trio.testing import (
    memory_stream_one_way_pair,
    memory_stream_pair,
)

from trio_ws._transport.adapter import transport_on
from trio_ws._transport.addresses import (
    MAX_SHARED,
    _shared,
    address,
    local_address,
    named,
    port_of,
    remote_address,
)

from ..streams import Pair, over_tls, socket_pair, tls_pair

SMALL = 4096
"""The size of the kernel's buffers, as far as it can be set."""


async def over_tcp(use: Callable[[trio.SocketStream, trio.SocketStream], Any]) -> None:
    """Call with two streams over TCP, the accepted one second."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    client = await trio.testing.open_stream_to_socket_listener(listener)
    server = await listener.accept()
    async with listener, client, server:
        use(client, server)


@pytest.mark.parametrize("make", [lambda *pair: pair, tls_pair, over_tls])
async def test_addresses(make: Callable[..., Pair]) -> None:
    """Both addresses are those of the socket, also under TLS."""

    def look(client: trio.SocketStream, server: trio.SocketStream) -> None:
        ours, theirs = make(client, server)
        address = client.socket.getsockname()
        assert transport_on(ours).local_address == transport_on(theirs).remote_address == address
        assert transport_on(ours).remote_address == transport_on(theirs).local_address
        assert remote_address(theirs) == address

    await over_tcp(look)


@pytest.mark.parametrize("rest", [(1,), (1, 0, 0)])
def test_the_same_host(rest: tuple[int, ...]) -> None:
    """It is one object for all addresses that have it; other addresses stay as they are."""
    one, other = (address(lambda: (b"192.0.2.1".decode(), *rest)) for _ in range(2))
    assert isinstance(one, tuple)
    assert isinstance(other, tuple)
    assert one == other == ("192.0.2.1", *rest)
    assert one[0] is other[0]
    others: list[object] = [(5, 6), "/run/socket", b""]
    assert [address(partial(next, iter([each]))) for each in others] == others


def test_hosts_are_not_kept_for_ever() -> None:
    """Of the hosts that have ever connected only some are remembered."""
    for number in range(2 * MAX_SHARED):
        address(partial(tuple, (f"2001:db8::{number:x}", 1)))
    assert _shared.cache_info().currsize == MAX_SHARED


async def test_no_address() -> None:
    """A stream that is no socket has no addresses, nor has a socket that is closed."""
    for stream in (*memory_stream_pair(), *socket_pair()):
        await stream.aclose()
        assert transport_on(stream).local_address is None
        assert transport_on(stream).remote_address is None
    sender, receiver = memory_stream_one_way_pair()
    assert remote_address(trio.StapledStream(sender, receiver)) is None


@pytest.mark.parametrize("make", [lambda *pair: pair, tls_pair, over_tls])
def test_addresses_of_a_stream_in_memory(make: Callable[..., Pair]) -> None:
    """A stream without a socket may have addresses as attributes, also under TLS."""
    ours, theirs = memory_stream_pair()
    vars(ours).update(local_address=("client", 1), remote_address=("server", 2))
    client, _ = make(ours, theirs)
    assert local_address(client) == transport_on(client).local_address == ("client", 1)
    assert remote_address(client) == transport_on(client).remote_address == ("server", 2)


async def test_port_behind_tls() -> None:
    """The port of a listener is found behind TLS, too."""
    (tcp,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    secure = trio.SSLListener(tcp, ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
    assert port_of(secure) == port_of(tcp) == tcp.socket.getsockname()[1]
    await tcp.aclose()


async def test_no_port(tmp_path: Path) -> None:
    """A Unix socket has no port; another listener may have one as an attribute, or none."""
    sock = trio.socket.socket(socket.AF_UNIX)
    await sock.bind(str(tmp_path / "socket"))
    sock.listen()
    assert port_of(trio.SocketListener(sock)) is None
    assert port_of(object()) is None
    assert port_of(SimpleNamespace(port=80)) == 80
    assert port_of(SimpleNamespace(port="80")) is None
    sock.close()


async def test_a_listener_in_words(tmp_path: Path) -> None:
    """A listener is named by host and port, or by its path; without a socket by what it is."""
    [four] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    [six] = await trio.open_tcp_listeners(0, host="::1")
    sock = trio.socket.socket(trio.socket.AF_UNIX)
    await sock.bind(str(tmp_path / "a socket"))
    sock.listen()
    unix = trio.SocketListener(sock)
    async with four, six, unix:
        assert named(four) == f"127.0.0.1:{port_of(four)}"
        assert named(six) == f"[::1]:{port_of(six)}"
        over = trio.SSLListener(four, ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
        assert named(over) == named(four)
        assert named(unix) == repr(str(tmp_path / "a socket"))
    assert named(unix) == "None"
    assert named(SimpleNamespace(port=80)) == "port 80"
    assert named(SimpleNamespace()) == "SimpleNamespace"
