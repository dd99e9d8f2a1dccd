"""Through real proxies: tinyproxy, squid, dante, microsocks.

No name is looked up here where the proxy does that: a resolver that fails is in place.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme

from trio_ws import ProxyError, WebSocket, open_websocket, serve_websocket
from trio_ws._client import dialling

from .install import find_program
from .proxies import DANTE, MICRO, SQUIDS, TINY, Program, free_port

pytestmark = [pytest.mark.peer, pytest.mark.slow]

CA = trustme.CA()
MESSAGES: list[str | bytes] = ["", "hello", "ü" * 70_000, b"\x00\xff", bytes(300_000)]


class Deaf(trio.abc.HostnameResolver):
    """Finds no name."""

    async def getaddrinfo(self, *args: Any) -> Any:
        """Fail."""
        raise AssertionError(f"{args[0]} was looked up here")

    async def getnameinfo(self, *args: Any) -> Any:
        """Fail."""
        raise AssertionError


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


@asynccontextmanager
async def server(*, tls: bool) -> AsyncGenerator[int]:
    """Serve an echo on all addresses of localhost."""
    context = None
    if tls:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        CA.issue_cert("localhost").configure_cert(context)
    async with trio.open_nursery() as nursery:
        serve = partial(serve_websocket, echo, "localhost", 0, ssl_context=context)
        found = await nursery.start(serve)
        yield found.port
        nursery.cancel_scope.cancel()


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context


def skip_without(program: str) -> None:
    """Skip the test if the proxy is not installed."""
    if find_program(program) is None:
        pytest.skip(f"{program} is not installed")


@asynccontextmanager
async def running(kind: Program, folder: Path, **more: str) -> AsyncGenerator[int]:
    """Run a proxy."""
    skip_without(kind.program)
    defaults = {"tls": "", "access": "allow all"} if kind is SQUIDS else {}
    async with kind.running(folder, **{**defaults, **more}) as port:
        yield port


KINDS = [
    pytest.param(TINY, "http://me:hunter2@", id="tinyproxy"),
    pytest.param(SQUIDS, "http://", id="squid"),
    pytest.param(DANTE, "socks5h://", id="dante5h"),
    pytest.param(MICRO, "socks5h://me:hunter2@", id="microsocks"),
]


async def converse(ws: WebSocket) -> None:
    """Say all sorts of things, and leave."""
    for message in MESSAGES:
        await ws.send(message)
        assert await ws.receive() == message
    await ws.ping()


@pytest.mark.parametrize("tls", [False, True], ids=["ws", "wss"])
@pytest.mark.parametrize(("kind", "prefix"), KINDS)
async def test_conversation(kind: Program, prefix: str, tls: bool, tmp_path: Path) -> None:
    """A conversation passes, over TLS too; the name is looked up by the proxy."""
    options: Any = {"ssl_context": trusting()} if tls else {}
    async with server(tls=tls) as port, running(kind, tmp_path) as proxy:
        trio.socket.set_custom_hostname_resolver(Deaf())
        url = f"{'wss' if tls else 'ws'}://localhost:{port}/"
        async with open_websocket(url, proxy=f"{prefix}127.0.0.1:{proxy}", **options) as ws:
            await converse(ws)
            assert (ws.tls is not None) == tls
            assert ws.remote_address == ("127.0.0.1", proxy)
        assert ws.ending is not None
        assert ws.ending.clean


@pytest.mark.parametrize("scheme", ["socks5", "socks4"])
async def test_looked_up_here(scheme: str, tmp_path: Path) -> None:
    """Without the letter the name is looked up here; dante knows no version 4 with it."""
    async with server(tls=False) as port, running(DANTE, tmp_path) as proxy:
        url = f"ws://localhost:{port}/"
        async with open_websocket(url, proxy=f"{scheme}://127.0.0.1:{proxy}") as ws:
            await converse(ws)


@pytest.mark.parametrize("tls", [False, True], ids=["ws", "wss"])
async def test_tls_to_the_proxy(tls: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Squid speaks TLS itself; inside it there may be TLS once more."""

    async def context() -> ssl.SSLContext:
        await trio.lowlevel.checkpoint()
        return trusting()

    monkeypatch.setattr(dialling, "default_context", context)
    CA.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "pem")
    (tmp_path / "pem").chmod(0o644)
    secure = free_port()
    line = f"https_port 127.0.0.1:{secure} tls-cert={tmp_path}/pem"
    options: Any = {"ssl_context": trusting()} if tls else {}
    async with server(tls=tls) as port, running(SQUIDS, tmp_path, tls=line):
        trio.socket.set_custom_hostname_resolver(Deaf())
        url = f"{'wss' if tls else 'ws'}://localhost:{port}/"
        async with open_websocket(url, proxy=f"https://127.0.0.1:{secure}", **options) as ws:
            await converse(ws)
            assert (ws.tls is not None) == tls


@pytest.mark.parametrize(("kind", "prefix"), KINDS)
async def test_nothing_listens(kind: Program, prefix: str, tmp_path: Path) -> None:
    """A server that is not there is the proxy's to tell, and may come."""
    async with running(kind, tmp_path) as proxy:
        with pytest.raises(ProxyError) as caught:
            async with open_websocket(
                f"ws://127.0.0.1:{free_port()}/", proxy=f"{prefix}127.0.0.1:{proxy}"
            ):
                pass
    assert caught.value.transient is True
    assert "hunter2" not in str(caught.value)
    assert (caught.value.response is not None) == prefix.startswith("http")


@pytest.mark.parametrize(
    ("kind", "scheme"),
    [pytest.param(TINY, "http", id="tinyproxy"), pytest.param(MICRO, "socks5h", id="microsocks")],
)
@pytest.mark.parametrize("who", ["", "me:wrong@"], ids=["nobody", "wrong"])
async def test_who_are_you(kind: Program, scheme: str, who: str, tmp_path: Path) -> None:
    """Without the right credentials it does not go further, today and tomorrow."""
    async with server(tls=False) as port, running(kind, tmp_path) as proxy:
        with pytest.raises(ProxyError) as caught:
            async with open_websocket(
                f"ws://127.0.0.1:{port}/", proxy=f"{scheme}://{who}127.0.0.1:{proxy}"
            ):
                pass
    assert caught.value.transient is False
    if scheme == "http":
        assert caught.value.response is not None
        assert caught.value.response.status in (401, 407)


async def test_forbidden(tmp_path: Path) -> None:
    """A proxy that forbids says so at length."""
    async with server(tls=False) as port, running(SQUIDS, tmp_path, access="deny all") as proxy:
        with pytest.raises(ProxyError, match=r"it answered 403; it says: ") as caught:
            async with open_websocket(f"ws://127.0.0.1:{port}/", proxy=f"http://127.0.0.1:{proxy}"):
                pass
    assert caught.value.response is not None
    assert b"Access Denied" in caught.value.response.body
    assert caught.value.transient is False


async def test_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment names is used without a word."""
    async with server(tls=False) as port, running(TINY, tmp_path) as proxy:
        monkeypatch.setenv("all_proxy", f"me:hunter2@127.0.0.1:{proxy}")
        async with open_websocket(f"ws://localhost:{port}/") as ws:
            await converse(ws)
            assert ws.remote_address == ("127.0.0.1", proxy)
        monkeypatch.setenv("no_proxy", "localhost")
        async with open_websocket(f"ws://localhost:{port}/") as ws:
            assert ws.remote_address != ("127.0.0.1", proxy)
