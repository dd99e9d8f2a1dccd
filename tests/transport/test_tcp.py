"""`trio_ws._transport.tcp`: connecting to a name or an address, and one port to listen on."""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import trio

from trio_ws._transport.addresses import port_of
from trio_ws._transport.tcp import connect_tcp, listen_tcp


@pytest.fixture(params=["127.0.0.1", "::1"])
async def listening(request: pytest.FixtureRequest) -> AsyncGenerator[tuple[str, int]]:
    """An address and the port that somebody listens on there."""
    try:
        (listener,) = await trio.open_tcp_listeners(0, host=request.param)
    except OSError:
        pytest.skip(f"there is no {request.param} here")
    async with listener:
        yield request.param, listener.socket.getsockname()[1]


class Resolver(trio.abc.HostnameResolver):
    """Knows one address for whatever it is asked, and notes what that was."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.asked: list[object] = []

    async def getaddrinfo(self, host: object, port: object, *rest: object) -> Any:
        self.asked.append(host)
        return socket.getaddrinfo(self.address, str(port), type=socket.SOCK_STREAM)

    async def getnameinfo(self, sockaddr: object, flags: int) -> tuple[str, str]:
        raise NotImplementedError


@pytest.mark.parametrize("host", [None, "some.name", "fe80::1%zone", "localhost"])
async def test_connected(listening: tuple[str, int], host: str | None) -> None:
    """An address is taken as it is; whatever is none, or has a zone, is looked up by Trio."""
    address, port = listening
    resolver = Resolver(address)
    trio.socket.set_custom_hostname_resolver(resolver)
    async with await connect_tcp(host or address, port) as stream:
        assert stream.socket.getpeername()[:2] == (address, port)
        assert stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert resolver.asked == ([host.encode()] if host else [])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_refused(host: str) -> None:
    """Where nobody listens an OSError says so, in no group."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        with pytest.raises(OSError) as caught:
            await connect_tcp(host, sock.getsockname()[1])
    cause = caught.value.__cause__ or caught.value
    errors = cause.exceptions if isinstance(cause, BaseExceptionGroup) else [cause]
    assert {error.errno for error in errors if isinstance(error, OSError)} == {errno.ECONNREFUSED}


async def test_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancelled attempt leaves no socket behind."""
    made: list[trio.socket.SocketType] = []

    class Factory(trio.abc.SocketFactory):
        def socket(self, *args: int) -> trio.socket.SocketType:
            trio.socket.set_custom_socket_factory(None)
            made.append(trio.socket.socket(*args))
            return made[-1]

    trio.socket.set_custom_socket_factory(Factory())
    with trio.CancelScope() as scope:
        scope.cancel()
        await connect_tcp("127.0.0.1", 9)
    assert scope.cancelled_caught
    assert made[0].fileno() == -1


# Listening


def close(listeners: list[trio.SocketListener]) -> None:
    for listener in listeners:
        listener.socket.close()


async def test_one_address() -> None:
    """A free port of one address."""
    listeners = await listen_tcp("127.0.0.1", 0)
    (port,) = map(port_of, listeners)
    assert port
    close(listeners)


async def test_one_port_for_all_addresses() -> None:
    """The free port is the same for IPv4 and IPv6."""
    listeners = await listen_tcp(None, 0)
    assert {each.socket.family for each in listeners} == {socket.AF_INET, socket.AF_INET6}
    assert len(set(map(port_of, listeners))) == 1
    close(listeners)


async def test_port_taken_on_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the port found for one address is taken on another, both get a new one."""
    taken: list[int] = []
    open_listeners = trio.open_tcp_listeners

    async def unlucky(port: int, **where: Any) -> list[trio.SocketListener]:
        if port and not taken:
            taken.append(port)
            raise OSError(errno.EADDRINUSE, "taken")
        return await open_listeners(port, **where)

    monkeypatch.setattr(trio, "open_tcp_listeners", unlucky)
    listeners = await listen_tcp(None, 0)
    assert len(set(map(port_of, listeners))) == 1
    assert len(listeners) == 2
    assert len(taken) == 1
    close(listeners)


async def test_no_such_address() -> None:
    """An address that is not ours cannot be listened on."""
    with pytest.raises(OSError):
        await listen_tcp("192.0.2.1", 0)
