"""`trio_ws._listening`: one port on all addresses."""

from __future__ import annotations

import errno
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trio

from trio_ws._listening import listen, port_of


def close(listeners: list[trio.SocketListener]) -> None:
    for listener in listeners:
        listener.socket.close()


async def test_one_address() -> None:
    """A free port of one address."""
    listeners = await listen("127.0.0.1", 0)
    (port,) = map(port_of, listeners)
    assert port
    close(listeners)


async def test_one_port_for_all_addresses() -> None:
    """The free port is the same for IPv4 and IPv6."""
    listeners = await listen(None, 0)
    assert {each.socket.family for each in listeners} == {socket.AF_INET, socket.AF_INET6}
    assert len(set(map(port_of, listeners))) == 1
    close(listeners)


async def test_port_taken_on_another_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the port found for one address is taken on another, both get a new one."""
    taken: list[int] = []
    open_listeners = trio.open_tcp_listeners

    async def unlucky(port: int, *, host: str | None = None) -> list[trio.SocketListener]:
        if port and not taken:
            taken.append(port)
            raise OSError(errno.EADDRINUSE, "taken")
        return await open_listeners(port, host=host)

    monkeypatch.setattr(trio, "open_tcp_listeners", unlucky)
    listeners = await listen(None, 0)
    assert len(set(map(port_of, listeners))) == 1
    assert len(listeners) == 2
    assert len(taken) == 1
    close(listeners)


async def test_no_such_address() -> None:
    """An address that is not ours cannot be listened on."""
    with pytest.raises(OSError):
        await listen("192.0.2.1", 0)


@pytest.mark.parametrize(
    ("host", "port", "error"),
    [("127.0.0.1", 65536, ValueError), (None, "80", TypeError), (b"127.0.0.1", 0, TypeError)],
)
async def test_no_place(host: Any, port: Any, error: type[Exception]) -> None:
    """What is no host or no port is refused."""
    with pytest.raises(error, match=r"the (host|port) must be"):
        await listen(host, port)


async def test_port_behind_tls() -> None:
    """The port is found behind TLS, too."""
    (tcp,) = await listen("127.0.0.1", 0)
    secure = trio.SSLListener(tcp, ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
    assert port_of(secure) == port_of(tcp)
    close([tcp])


async def test_no_port(tmp_path: Path) -> None:
    """A Unix socket has no port, and something else has none either."""
    sock = trio.socket.socket(socket.AF_UNIX)
    await sock.bind(str(tmp_path / "socket"))
    sock.listen()
    assert port_of(trio.SocketListener(sock)) is None
    assert port_of(object()) is None
    sock.close()
