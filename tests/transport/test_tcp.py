"""`trio_ws._transport.tcp`: connecting to a name or an address, and one port to listen on."""

from __future__ import annotations

import errno
import socket
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trio_ws._transport import tcp
from trio_ws._transport.address_order import current_address_order
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


class Factory(trio.abc.SocketFactory):
    """Makes one socket, and remembers it."""

    def __init__(self) -> None:
        self.made: list[trio.socket.SocketType] = []
        trio.socket.set_custom_socket_factory(self)

    def socket(self, *args: int) -> trio.socket.SocketType:
        """Make the socket."""
        trio.socket.set_custom_socket_factory(None)
        self.made.append(trio.socket.socket(*args))
        return self.made[-1]


async def test_cancelled() -> None:
    """A cancelled attempt leaves no socket behind."""
    factory = Factory()
    with trio.CancelScope() as scope:
        scope.cancel()
        await connect_tcp("127.0.0.1", 9)
    assert scope.cancelled_caught
    assert factory.made[0].fileno() == -1


async def test_refused_without_a_trace() -> None:
    """Nor does one that is refused."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    factory = Factory()
    with pytest.raises(ConnectionRefusedError):
        await connect_tcp("127.0.0.1", port)
    assert factory.made[0].fileno() == -1


class Many(Resolver):
    """Knows these addresses."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def getaddrinfo(self, host: object, port: object, *rest: object, **more: object) -> Any:
        kind = socket.SOCK_STREAM
        return [(socket.AF_INET, kind, 0, "", (each, port)) for each in self.addresses]


TWO = ("127.0.0.1", "127.0.0.2")


async def test_begin_with_another_address() -> None:
    """After a failure behind TCP the other address of the name is tried first (hazard F2.11)."""
    trio.socket.set_custom_hostname_resolver(Many(*TWO))
    (listener,) = await trio.open_tcp_listeners(0, host="0.0.0.0")
    port = listener.socket.getsockname()[1]
    seen = []
    for failed in (None, *TWO, None):
        if failed:
            current_address_order().failed("h", port, failed, trio.current_time())
        async with await connect_tcp("h", port) as stream:
            seen.append(stream.socket.getpeername()[0])
    assert seen == [TWO[0], TWO[1], TWO[0], TWO[0]]
    await listener.aclose()


async def test_no_other_address_will_do() -> None:
    """The one that failed is still better than those where nothing listens."""
    trio.socket.set_custom_hostname_resolver(Many(*TWO))
    (listener,) = await trio.open_tcp_listeners(0, host=TWO[0])
    port = listener.socket.getsockname()[1]
    current_address_order().failed("h", port, TWO[0], trio.current_time())
    async with await connect_tcp("h", port) as stream:
        assert stream.socket.getpeername()[0] == TWO[0]
    await listener.aclose()
    with pytest.raises(OSError, match="no address of this name") as caught:
        await connect_tcp("h", port)
    group = caught.value.__cause__
    assert isinstance(group, ExceptionGroup)
    assert [error.errno for error in group.exceptions if isinstance(error, OSError)] == [
        errno.ECONNREFUSED
    ] * 2


class Slow:
    """Connects after some seconds, which depend on the address; notes what was begun and made."""

    def __init__(self, **seconds: float) -> None:
        self.seconds = seconds
        self.begun: list[tuple[str, float]] = []
        self.made: dict[str, trio.SocketStream] = {}

    async def connect(self, family: int, address: tuple[Any, ...]) -> trio.SocketStream:
        """Take the place of connecting."""
        self.begun.append((address[0], trio.current_time()))
        too_late_to_cancel = address[0] != "a"
        with trio.CancelScope(shield=too_late_to_cancel):
            await trio.sleep(self.seconds[address[0]])
        ours, theirs = trio.socket.socketpair()
        theirs.close()
        self.made[address[0]] = trio.SocketStream(ours)
        return self.made[address[0]]


@pytest.fixture
async def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    """Three addresses, the first of which does not answer."""
    slow = Slow(a=1000, b=10, c=10)
    monkeypatch.setattr(tcp, "_connect", slow.connect)
    trio.socket.set_custom_hostname_resolver(Many("a", "b", "c"))
    current_address_order().failed("h", 80, "z", 0)
    return slow


async def test_the_next_one_beside(autojump_clock: MockClock, slow: Slow) -> None:
    """An address that takes long is not waited for; of two that answer the first wins."""
    slow.seconds["c"] = 9.75
    async with await connect_tcp("h", 80) as stream:
        assert stream in slow.made.values()
        assert slow.begun == [("a", 0), ("b", 0.25), ("c", 0.5)]
        assert trio.current_time() == 10.25
        assert set(slow.made) == {"b", "c"}
        assert [each.socket.fileno() != -1 for each in slow.made.values()].count(True) == 1


async def test_cancelled_while_trying(autojump_clock: MockClock, slow: Slow) -> None:
    """A cancellation leaves nothing open, not even one that has just been connected."""
    with trio.move_on_after(1) as scope:
        await connect_tcp("h", 80)
    assert scope.cancelled_caught
    assert set(slow.made) == {"b", "c"}
    assert all(stream.socket.fileno() == -1 for stream in slow.made.values())


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


@pytest.mark.parametrize("host", ["192.0.2.1", "2001:db8::1"])
async def test_no_such_address(host: str) -> None:
    """An address that is not ours cannot be listened on; the error names it."""
    with pytest.raises(OSError, match=r"cannot listen on .*(192\.0\.2\.1|\[2001:db8::1\]):0: "):
        await listen_tcp(host, 0)


async def test_no_such_name() -> None:
    """A name that has no address is named."""

    class Ignorant(Resolver):
        async def getaddrinfo(self, host: object, port: object, *rest: object) -> Any:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    trio.socket.set_custom_hostname_resolver(Ignorant(""))
    with pytest.raises(socket.gaierror, match=r"cannot listen on 'some\.name': Name or service"):
        await listen_tcp("some.name", 0)


class TwoAddresses(Resolver):
    """Knows two addresses, of which the second is not this machine's."""

    async def getaddrinfo(self, host: object, port: object, *rest: object) -> Any:
        return [
            *await super().getaddrinfo(host, port, *rest),
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 0, 0, 1)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0)),
        ]


async def test_a_name_with_an_address_that_is_not_here() -> None:
    """A name is served on those of its addresses that exist (HAZARDS F4.7)."""
    trio.socket.set_custom_hostname_resolver(TwoAddresses("127.0.0.1"))
    (listener,) = await listen_tcp("some.name", 0)
    assert listener.socket.getsockname()[0] == "127.0.0.1"
    close([listener])


async def test_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does it matter whether it is the address or all of its family that is missing."""
    open_listeners = trio.open_tcp_listeners

    async def only_ipv4(port: int, *, host: str, **rest: Any) -> list[trio.SocketListener]:
        if ":" in host:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        return await open_listeners(port, host=host, **rest)

    monkeypatch.setattr(trio, "open_tcp_listeners", only_ipv4)
    listeners = await listen_tcp(None, 0)
    assert [each.socket.family for each in listeners] == [socket.AF_INET]
    close(listeners)


async def test_a_port_that_is_taken() -> None:
    """A port that is taken on one address is not left out: clients would be lost. None stays."""
    (taken,) = await listen_tcp("::1", 0)
    port = port_of(taken)
    assert port is not None
    with pytest.raises(OSError, match=f"cannot listen on .*:{port}: Address already in use") as got:
        await listen_tcp(None, port)
    assert got.value.errno == errno.EADDRINUSE
    close([taken])
    close(await listen_tcp(None, port))


# A port that several share


async def test_a_shared_port() -> None:
    """Sockets that say so share a port on all addresses, each with its own queue."""
    ours = await listen_tcp(None, 0, 7, reuse_port=True)
    port = port_of(ours[0])
    assert port is not None
    theirs = await listen_tcp(None, port, reuse_port=True)
    for listeners in (ours, theirs):
        assert {port_of(listener) for listener in listeners} == {port}
        for listener in listeners:
            sock = listener.socket
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1
            if sock.family == socket.AF_INET6:
                assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1
            await listener.aclose()


async def test_a_port_that_is_kept() -> None:
    """A port whose owner does not share it is taken; the socket that was made is closed."""
    (owner,) = await listen_tcp("127.0.0.1", 0)
    port = port_of(owner)
    assert port is not None
    with pytest.raises(OSError, match=rf"cannot listen on 127\.0\.0\.1:{port}: ") as caught:
        await listen_tcp("127.0.0.1", port, reuse_port=True)
    assert caught.value.errno == errno.EADDRINUSE
    await owner.aclose()
