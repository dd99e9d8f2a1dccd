"""`trio_ws._client.dialling`: the way to a URL, and proxies of every kind of manners."""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import (
    HandshakeError,
    HandshakeTimeout,
    InvalidHandshake,
    Limits,
    ProxyError,
    Rejected,
    Timeouts,
    TLSError,
)
from trio_ws._client import dialling
from trio_ws._client.connect import open_websocket
from trio_ws.testing import MemoryNetwork, RawPeer

from ..halls import echo
from .places import PROXY, Heads, noting, scripted, tunnel
from .servers import (
    Script,
    accept_and_close,
    echo_once,
    quietly,
    raw,
    server_context,
    silence,
    tcp,
    trusting,
)

HTTP = "http://me:hunter2@proxy.example:3128"
HTTPS = "https://me:hunter2@proxy.example:3128"


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the context of the process trust the servers of these tests."""

    async def context() -> ssl.SSLContext:
        await trio.lowlevel.checkpoint()
        return trusting()

    monkeypatch.setattr(dialling, "default_context", context)


# What works


async def test_http(autojump_clock: object) -> None:
    """For ws, too, an HTTP proxy is asked for a tunnel; the server's name is looked up there."""
    heads = Heads()
    async with (
        scripted({PROXY: tunnel(echo_once, heads)}) as network,
        open_websocket("ws://unknown.example:8080/path", proxy=HTTP) as ws,
    ):
        await ws.send("hello")
        assert await ws.receive() == "hello"
        assert ws.request.headers["Host"] == "unknown.example:8080"
        assert "Proxy-Authorization" not in ws.request.headers
    assert network.connected == [PROXY]
    assert heads.lines == [
        "CONNECT unknown.example:8080 HTTP/1.1",
        "Host: unknown.example:8080",
        "Proxy-Authorization: Basic bWU6aHVudGVyMg==",
        "User-Agent: trio_ws",
    ]


async def test_http_for_wss() -> None:
    """TLS is with the server: the proxy sees a name, a port, and no more."""
    heads = Heads()
    script = tunnel(echo_once, heads, server_context("unknown.example"))
    async with (
        scripted({PROXY: script}) as network,
        open_websocket("wss://unknown.example/", proxy=HTTP, ssl_context=trusting()) as ws,
    ):
        await ws.send("hello")
        assert await ws.receive() == "hello"
        assert ws.tls is not None
        assert ws.tls.peer_certificate is not None
        assert ("DNS", "unknown.example") in ws.tls.peer_certificate["subjectAltName"]
    assert network.connected == [PROXY]
    assert heads.lines[0] == "CONNECT unknown.example:443 HTTP/1.1"


def over_tls(script: Script) -> Script:
    """A proxy that speaks TLS itself."""

    async def secure(peer: RawPeer) -> None:
        stream = trio.SSLStream(peer.stream, server_context("proxy.example"), server_side=True)
        await quietly(script, RawPeer(stream, client=False))

    return secure


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_https(scheme: str, trusted: None) -> None:
    """TLS to the proxy is no TLS with the server; both may be there."""
    context = server_context("unknown.example") if scheme == "wss" else None
    options: Any = {"ssl_context": trusting()} if context else {}
    async with (
        scripted({PROXY: over_tls(tunnel(echo_once, None, context))}),
        open_websocket(f"{scheme}://unknown.example/", proxy=HTTPS, **options) as ws,
    ):
        await ws.send("hello")
        assert await ws.receive() == "hello"
        assert (ws.tls is not None) == (scheme == "wss")


async def test_over_tcp() -> None:
    """Through a proxy without TLS the socket itself is what the connection has."""
    async with (
        tcp(tunnel(echo_once)) as port,
        open_websocket("ws://unknown.example/", proxy=f"http://127.0.0.1:{port}") as ws,
    ):
        await ws.send("hello")
        assert await ws.receive() == "hello"
        assert ws.remote_address == ("127.0.0.1", port)


async def test_ipv6(autojump_clock: object) -> None:
    """A proxy is told an IPv6 address in brackets, without a zone, which holds here only."""
    heads = Heads()
    async with (
        scripted({PROXY: tunnel(heads=heads)}),
        open_websocket("ws://[fe80::1%25eth0]:80/", proxy=HTTP, user_agent=None),
    ):
        pass
    assert heads.lines[0] == "CONNECT [fe80::1]:80 HTTP/1.1"
    assert not [line for line in heads.lines if line.startswith("User-Agent")]


async def test_in_a_simulated_network(autojump_clock: object) -> None:
    """A proxy may be a host of a `MemoryNetwork`, and takes as long as it is away."""
    async with MemoryNetwork() as network, trio.open_nursery() as nursery:
        (listener,) = await network.listen("proxy.example", 3128)
        network.link("proxy.example", latency=0.25)

        async def proxy() -> None:
            async with listener, RawPeer(await listener.accept(), client=False) as peer:
                await tunnel(accept_and_close)(peer)

        nursery.start_soon(proxy)
        async with open_websocket("ws://h/", proxy=HTTP) as ws:
            assert ws.request.headers["Host"] == "h"
            assert trio.current_time() == 1.5


async def test_socks(autojump_clock: object) -> None:
    """A SOCKS proxy is asked in its own way, and then there is a stream like any other."""

    async def script(peer: RawPeer) -> None:
        assert await peer.stream.receive_some() == b"\x05\x01\x00"
        await peer.send_bytes(b"\x05\x00")
        assert await peer.stream.receive_some() == b"\x05\x01\x00\x03\x01h\x00\x50"
        await peer.send_bytes(b"\x05\x00\x00\x01" + bytes(6))
        await accept_and_close(peer)

    async with (
        scripted({PROXY: script}) as network,
        open_websocket("ws://h/", proxy="socks5h://proxy.example:3128"),
    ):
        assert network.connected == [PROXY]


# The environment


async def test_environment(autojump_clock: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """By default the environment decides; None, and what it exempts, is without a proxy."""
    monkeypatch.setenv("http_proxy", HTTP)
    monkeypatch.setenv("no_proxy", "direct.example")
    places = {PROXY: tunnel(), ("direct.example", 80): accept_and_close, ("h", 80): echo_once}
    async with scripted(places) as network:
        async with open_websocket("ws://other.example/"):
            pass
        async with open_websocket("ws://direct.example/"):
            pass
        async with open_websocket("ws://h/", proxy=None) as ws:
            await ws.send("x")
    assert network.connected == [PROXY, ("direct.example", 80), ("h", 80)]


async def test_bad_environment(autojump_clock: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that names no proxy is an error, and nothing is connected to."""
    monkeypatch.setenv("http_proxy", "gopher://me:hunter2@p")
    async with scripted({}) as network:
        with pytest.raises(
            ProxyError, match=r"environment's http_proxy: .* its scheme is 'gopher'"
        ):
            async with open_websocket("ws://h/"):
                pass
    assert network.connected == []


async def test_a_simulated_network_has_no_environment(
    autojump_clock: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a `MemoryNetwork` the environment of the test run means nothing."""
    monkeypatch.setenv("all_proxy", "http://proxy.example:3128")
    async with MemoryNetwork() as network:
        await network.serve("ws://h/", echo)
        async with open_websocket("ws://h/") as ws:
            await ws.send("hello")
            assert await ws.receive() == "hello"


async def test_connect_to(autojump_clock: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another address is dialled; all that is said and checked is about the URL."""
    monkeypatch.setenv("http_proxy", HTTP)
    heads = Heads()
    async with (
        scripted({("10.0.0.1", 8080): noting(heads)}) as network,
        open_websocket("ws://h.example/path", connect_to=("10.0.0.1", 8080)) as ws,
    ):
        assert ws.request.headers["Host"] == "h.example"
    assert network.connected == [("10.0.0.1", 8080)]
    assert "Host: h.example" in heads.lines


async def test_connect_to_with_tls() -> None:
    """SNI and the certificate follow the URL, too."""
    async with (
        tcp(accept_and_close, context=server_context("h.example")) as port,
        open_websocket(
            "wss://h.example", connect_to=("127.0.0.1", port), ssl_context=trusting()
        ) as ws,
    ):
        assert ws.tls is not None


async def test_connect_to_through_a_proxy(autojump_clock: object) -> None:
    """A proxy that is given is asked to connect there."""
    heads = Heads()
    async with (
        scripted({PROXY: tunnel(heads=heads)}),
        open_websocket("ws://h.example", proxy=HTTP, connect_to=("::1", 8080)),
    ):
        pass
    assert heads.lines[0] == "CONNECT [::1]:8080 HTTP/1.1"


async def test_connect_to_fails(autojump_clock: object) -> None:
    """The message tells both places."""
    async with scripted({}):
        with pytest.raises(HandshakeError, match=r"to ws://h/ at \[::1\]:8080: .*no such name"):
            async with open_websocket("ws://h", connect_to=("::1", 8080)):
                pass


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="there are no Unix sockets")
async def test_unix(tmp_path: Path) -> None:
    """A path is that of a Unix socket; a missing one may come, a folder is no socket yet."""
    path = tmp_path / "socket"
    with trio.socket.socket(trio.socket.AF_UNIX) as listener:
        await listener.bind(os.fspath(path))
        listener.listen()

        async def serve() -> None:
            connection, _ = await listener.accept()
            await echo_once(RawPeer(trio.SocketStream(connection), client=False))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            async with open_websocket("ws://h.example/", connect_to=path) as ws:
                await ws.send("hello")
                assert await ws.receive() == "hello"
                assert ws.request.headers["Host"] == "h.example"
    with pytest.raises(HandshakeError, match=f"at the Unix socket {tmp_path}/none: ") as caught:
        async with open_websocket("ws://h", connect_to=f"{tmp_path}/none"):
            pass
    assert isinstance(caught.value.__cause__, FileNotFoundError)
    assert caught.value.transient is True


async def test_no_unix_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without Unix sockets says so."""

    async def none(path: object) -> Any:
        await trio.lowlevel.checkpoint()
        raise RuntimeError("Unix sockets are not supported on this platform")

    monkeypatch.setattr(trio, "open_unix_socket", none)
    with pytest.raises(HandshakeError, match="are not supported") as caught:
        async with open_websocket("ws://h", connect_to="/socket"):
            pass
    assert caught.value.transient is False


# What goes wrong at the proxy


async def refused_by(script: Script | None, url: str = "ws://h/", **options: Any) -> Any:
    """Connect through a proxy with this script, in vain; return the error, and look after all."""
    places = {PROXY: script} if script else {}
    async with scripted(places) as network:
        with pytest.raises(HandshakeError) as caught:
            async with open_websocket(url, **{"proxy": HTTP, **options}):
                pass
        await trio.testing.wait_all_tasks_blocked()
        assert network.all_closed
    assert "hunter2" not in str(caught.value)
    assert caught.value.request is not None
    return caught.value


async def test_unknown_proxy(autojump_clock: object) -> None:
    """Of a proxy that cannot be found it is not known whether that passes."""
    error = await refused_by(None)
    assert isinstance(error, ProxyError)
    assert isinstance(error.__cause__, socket.gaierror)
    assert error.transient is None
    assert "to ws://h/ through the proxy http://***@proxy.example:3128: " in str(error)


async def test_refused_proxy() -> None:
    """A proxy that is not there now may come back."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(ProxyError) as caught:
            async with open_websocket("ws://h/", proxy=f"http://127.0.0.1:{port}"):
                pass
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    assert caught.value.transient is True


@pytest.mark.parametrize("status", [302, 403, 407, 503])
async def test_refusal(status: int, autojump_clock: object) -> None:
    """What the proxy answers is there: status, headers and body; a redirect is not followed."""
    answer = b"HTTP/1.1 %d No\r\nLocation: /x\r\nContent-Length: 5\r\n\r\nsorry" % status
    error = await refused_by(raw(answer))
    assert isinstance(error, ProxyError)
    assert error.response is not None
    assert error.response.status == status
    assert error.response.body == b"sorry"
    assert error.response.headers["Location"] == "/x"
    assert trio.current_time() == 0


def dribbling(head: bytes, every: float = 0.3) -> Script:
    """A proxy that sends a head, and then a byte now and then, for ever."""

    async def script(peer: RawPeer) -> None:
        await peer.receive_head()
        await peer.send_bytes(head)
        while True:
            await peer.send_bytes(b"x")
            await trio.sleep(every)

    return script


async def test_endless_refusal(autojump_clock: object) -> None:
    """A refusal is waited for no longer than a second."""
    error = await refused_by(dribbling(b"HTTP/1.1 403 No\r\n\r\n"))
    assert isinstance(error, ProxyError)
    assert error.response is not None
    assert error.response.body == b"xxxx"
    assert trio.current_time() == 1


async def test_refusal_at_the_deadline(autojump_clock: object) -> None:
    """A refusal that is half read at the deadline is a refusal, no timeout."""
    script = dribbling(b"HTTP/1.1 403 No\r\n\r\n")
    error = await refused_by(script, timeouts=Timeouts(connect=0.5))
    assert isinstance(error, ProxyError)
    assert trio.current_time() == 0.5


async def test_fast_endless_refusal(autojump_clock: object) -> None:
    """A body is cut at the limit."""

    async def script(peer: RawPeer) -> None:
        await peer.receive_head()
        await peer.send_bytes(b"HTTP/1.1 403 No\r\n\r\n")
        while True:
            await peer.send_bytes(b"x" * 1000)

    error = await refused_by(script, limits=Limits(max_reject_body=2500))
    assert error.response.body == b"x" * 2500
    assert trio.current_time() == 0


async def drip(peer: RawPeer) -> None:
    """Answer, one byte each second."""
    await peer.receive_head()
    for byte in b"HTTP/1.1 200 Connection established\r\n\r\n":
        await peer.send_bytes(bytes([byte]))
        await trio.sleep(1)


async def open_and_be_silent(peer: RawPeer) -> None:
    """Open a tunnel that leads nowhere."""
    await peer.receive_head()
    await peer.send_bytes(b"HTTP/1.1 200 x\r\n\r\n")
    await trio.sleep_forever()


THROUGH = ", through the proxy http://***@proxy.example:3128"


@pytest.mark.parametrize(
    ("script", "url", "proxy", "stage"),
    [
        (silence, "ws://h/", HTTP, "for the answer of the proxy http://***@proxy.example:3128"),
        (drip, "ws://h/", HTTP, "for the answer of the proxy http://***@proxy.example:3128"),
        (silence, "ws://h/", HTTPS, "proxy https://***@proxy.example:3128 secure with TLS"),
        (open_and_be_silent, "ws://h/", HTTP, f"the answer to the HTTP upgrade{THROUGH}"),
        (open_and_be_silent, "wss://h/", HTTP, f"the connection secure with TLS{THROUGH}"),
    ],
    ids=range(5),
)
async def test_timeout(
    script: Script, url: str, proxy: str, stage: str, autojump_clock: object
) -> None:
    """A proxy that stalls or drips is given up at the deadline, and the stage is named."""
    options: Any = {"ssl_context": trusting()} if url.startswith("wss") else {}
    error = await refused_by(script, url, proxy=proxy, **options)
    assert isinstance(error, HandshakeTimeout)
    assert " within 10 s: still " in str(error)
    assert str(error).endswith(stage)
    assert trio.current_time() == 10


async def test_silent_network(autojump_clock: object) -> None:
    """A proxy that does not even take connections is given up, too."""
    async with scripted({}) as network:

        async def connect(host: str, port: int) -> Any:
            await trio.sleep_forever()

        network.connect = connect  # type: ignore[method-assign]
        with pytest.raises(HandshakeTimeout, match="still connecting to the proxy http"):
            async with open_websocket("ws://h/", proxy=HTTP):
                pass
    assert trio.current_time() == 10


async def open_and_end(peer: RawPeer) -> None:
    """Open a tunnel, and close it."""
    await peer.receive_head()
    await peer.send_bytes(b"HTTP/1.1 200 x\r\n\r\n")
    await peer.send_eof()


async def open_listen_and_end(peer: RawPeer) -> None:
    """Open a tunnel, take what comes, and close."""
    await peer.receive_head()
    await peer.send_bytes(b"HTTP/1.1 200 x\r\n\r\n")
    await peer.stream.receive_some()
    await peer.send_eof()
    await trio.sleep_forever()


async def listen_and_end(peer: RawPeer) -> None:
    """Close, without a word."""
    await peer.receive_head()
    await peer.aclose()


async def end(peer: RawPeer) -> None:
    """Close at once."""
    await peer.aclose()


@pytest.mark.parametrize(
    ("script", "url", "proxy"),
    [
        (open_and_end, "ws://h/", HTTP),
        (open_and_end, "wss://h/", HTTP),
        (open_listen_and_end, "ws://h/", HTTP),
        (open_listen_and_end, "wss://h/", HTTP),
        (listen_and_end, "ws://h/", HTTP),
        (listen_and_end, "wss://h/", HTTP),
        (end, "ws://h/", HTTP),
        (end, "wss://h/", HTTPS),
        (raw(b"HTTP/1.1 200"), "ws://h/", HTTP),
    ],
)
async def test_end(script: Script, url: str, proxy: str, autojump_clock: object) -> None:
    """A proxy that closes, sooner or later, is at fault, and may work later."""
    options: Any = {"ssl_context": trusting()} if url.startswith("wss") else {}
    error = await refused_by(script, url, proxy=proxy, **options)
    assert isinstance(error, ProxyError)
    assert error.transient is True
    assert trio.current_time() == 0


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n", "more than its ans"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "101 to a CONNECT"),
        (b"\x05\xff", "does not speak HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x46", "begin with https://"),
        (b"HTTP/1.1 200 OK\r\nA: \x00\r\n\r\n", "its answer is invalid"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n", "header lines"),
    ],
)
async def test_lies(answer: bytes, why: str, autojump_clock: object) -> None:
    """A proxy that answers nonsense is a `ProxyError`, and final."""
    error = await refused_by(raw(answer))
    assert isinstance(error, ProxyError)
    assert re.search(why, str(error))
    assert error.transient is False
    assert trio.current_time() == 0


@pytest.mark.parametrize(
    ("scheme", "said", "kind"),
    [
        ("ws", b"nonsense\r\n", InvalidHandshake),
        ("ws", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", Rejected),
        ("wss", b"HTTP/1.1 200 OK\r\n\r\n<html>", TLSError),
        ("wss", b"\x15\x03\x03\x00\x02\x02\x50", TLSError),
    ],
)
async def test_lies_in_the_tunnel(
    scheme: str, said: bytes, kind: type[HandshakeError], autojump_clock: object
) -> None:
    """What comes out of an open tunnel is taken for the server's word, and judged at once."""

    async def lie(peer: RawPeer) -> None:
        await peer.stream.receive_some()
        await peer.send_bytes(said)
        await trio.sleep_forever()

    options: Any = {"ssl_context": trusting()} if scheme == "wss" else {}
    error = await refused_by(tunnel(lie), f"{scheme}://h/", **options)
    assert type(error) is kind
    assert trio.current_time() == 0


async def test_a_proxy_that_breaks(autojump_clock: object) -> None:
    """A reset is a `ProxyError`, its cause chained; a refusal that breaks off is a refusal."""
    for before in (b"", b"HTTP/1.1 403 No\r\n\r\nso"):
        async with scripted({PROXY: raw(before)}) as network:
            connect = network.connect

            async def breaking(host: str, port: int, connect: Any = connect) -> Any:
                stream = await connect(host, port)
                receive_some = stream.receive_some

                async def receive(max_bytes: int | None = None) -> bytes:
                    data: bytes = await receive_some(max_bytes)
                    if not data:
                        raise trio.BrokenResourceError from ConnectionResetError("reset")
                    return data

                stream.receive_some = receive
                return stream

            network.connect = breaking  # type: ignore[method-assign]
            with pytest.raises(ProxyError) as caught:
                async with open_websocket("ws://h/", proxy=HTTP):
                    pass
        assert isinstance(caught.value.__cause__, ConnectionResetError)
        assert (caught.value.response is not None) == bool(before)
        assert ("reset" in str(caught.value)) == (not before)


async def test_no_tls_with_the_proxy() -> None:
    """A proxy whose certificate is not trusted is final."""
    error = await refused_by(over_tls(tunnel()), proxy=HTTPS)
    assert isinstance(error, ProxyError)
    assert isinstance(error.__cause__, ssl.SSLCertVerificationError)
    assert "no TLS with the proxy: " in str(error)
    assert error.transient is False


async def test_cancelled(autojump_clock: object) -> None:
    """Cancelling while a proxy is asked closes the stream to it."""
    async with scripted({PROXY: silence}) as network:
        with trio.move_on_after(1) as scope:
            async with open_websocket("ws://h/", proxy=HTTP):
                raise AssertionError
        assert scope.cancelled_caught
        assert network.all_closed


async def test_no_such_server(autojump_clock: object) -> None:
    """Without a proxy it is the server that cannot be found."""
    async with scripted({}):
        with pytest.raises(HandshakeError, match=r"^no connection to ws://h/: .*no such name") as e:
            async with open_websocket("ws://h/"):
                pass
    assert type(e.value) is HandshakeError


async def test_certificates_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of descriptors while the certificates are read: that passes, also before a proxy."""

    async def fail() -> ssl.SSLContext:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(dialling, "default_context", fail)
    error = await refused_by(silence, proxy=HTTPS)
    assert isinstance(error, ProxyError)
    assert "the certificates that the system trusts cannot be read: " in str(error)
    assert error.transient is True
