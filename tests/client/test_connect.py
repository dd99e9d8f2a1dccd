"""`trio_ws._client.connect`: the door, and what it opens."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import (
    InvalidURL,
    LocalProtocolError,
)
from trio_ws._client.connect import open_websocket, open_websocket_on
from trio_ws.testing import RawPeer

from .servers import (
    Spy,
    accept_and_close,
    echo_once,
    memory,
    server_context,
    tcp,
    trusting,
)

# What works


async def test_conversation() -> None:
    """Over TCP: connect, say something, hear it back, leave."""
    async with (
        tcp(echo_once) as port,
        open_websocket(f"ws://127.0.0.1:{port}/path?query") as ws,
    ):
        await ws.send("hello")
        assert await ws.receive() == "hello"
        assert ws.request.target == "/path?query"
        assert ws.request.headers["Host"] == f"127.0.0.1:{port}"
        assert ws.request.headers["User-Agent"] == "trio_ws"
        assert ws.response.status == 101
        assert ws.remote_address == ("127.0.0.1", port)
    assert ws.ending is not None
    assert ws.ending.clean


async def test_what_tls_has_established() -> None:
    """What TLS has established can be asked while the connection is open, and after it."""
    async with (
        tcp(echo_once, context=server_context("localhost")) as port,
        open_websocket(f"wss://localhost:{port}", ssl_context=trusting()) as ws,
    ):
        assert ws.tls is not None
        assert ws.tls.version == "TLSv1.3"
        assert ws.tls.peer_certificate is not None
        assert ("DNS", "localhost") in ws.tls.peer_certificate["subjectAltName"]
        assert ws.name.startswith("client-")
        await ws.send("hello")
    assert ws.tls.version == "TLSv1.3"


async def test_options(autojump_clock: object) -> None:
    """Options reach the request, and the answer reaches the connection."""

    async def script(peer: RawPeer) -> None:
        head = await peer.accept("Sec-WebSocket-Protocol: b", "X-Answer: yes")
        for line in (
            b"Host: example.com\r\n",
            b"Sec-WebSocket-Protocol: a, b\r\n",
            b"X-Ask: why\r\n",
            b"User-Agent: me\r\n",
            b"Origin: https://example.com\r\n",
            b"Authorization: Basic dTpw\r\n",
        ):
            assert line in head
        await peer.close_politely()

    async with (
        memory(script) as stream,
        open_websocket_on(
            stream,
            "ws://u:p@example.com/",
            subprotocols=["a", "b"],
            headers={"X-Ask": "why"},
            origin="https://example.com",
            user_agent="me",
        ) as ws,
    ):
        assert ws.subprotocol == "b"
        assert ws.response.headers["X-Answer"] == "yes"


async def test_no_user_agent(autojump_clock: object) -> None:
    """The User-Agent can be left out."""
    async with (
        memory(accept_and_close) as stream,
        open_websocket_on(stream, "ws://h", user_agent=None) as ws,
    ):
        assert "User-Agent" not in ws.request.headers


async def test_first_frame_with_the_answer(autojump_clock: object) -> None:
    """A frame that arrives together with the 101 is not lost."""

    async def script(peer: RawPeer) -> None:
        sent = bytearray()

        class Together(Spy):
            async def send_all(self, data: bytes | bytearray | memoryview) -> None:
                sent.extend(data)

        stream, peer.stream = peer.stream, Together(peer.stream)
        await peer.accept()
        await peer.send_text("first")
        await stream.send_all(sent)
        peer.stream = stream
        await peer.close_politely()

    async with memory(script) as stream, open_websocket_on(stream, "ws://h") as ws:
        assert await ws.receive() == "first"


async def test_ipv6() -> None:
    """An IPv6 literal is connected to, and stands in brackets in Host (hazard C5)."""
    async with (
        tcp(accept_and_close, host="::1") as port,
        open_websocket(f"ws://[::1]:{port}") as ws,
    ):
        assert ws.request.headers["Host"] == f"[::1]:{port}"
        assert ws.remote_address == ("::1", port, 0, 0)


async def test_unix_socket(tmp_path: object) -> None:
    """A Unix socket is a stream like any other, and addresses work (hazard C6)."""
    path = f"{tmp_path}/socket"
    with trio.socket.socket(socket.AF_UNIX) as listening:
        await listening.bind(path)
        listening.listen()

        async def serve() -> None:
            sock, _ = await listening.accept()
            async with RawPeer(trio.SocketStream(sock), client=False) as peer:
                await accept_and_close(peer)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            stream = await trio.open_unix_socket(path)
            async with open_websocket_on(stream, "ws://localhost/") as ws:
                assert ws.remote_address == path


async def test_happy_eyeballs() -> None:
    """A name with several addresses is tried until one answers."""
    async with tcp(accept_and_close) as port, open_websocket(f"ws://localhost:{port}/") as ws:
        assert ws.remote_address == ("127.0.0.1", port)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_tls(host: str) -> None:
    """A certificate that the context trusts and that names the host is accepted."""
    async with (
        tcp(echo_once, context=server_context("localhost", "127.0.0.1")) as port,
        open_websocket(f"wss://{host}:{port}", ssl_context=trusting()) as ws,
    ):
        await ws.send("secret")
        assert await ws.receive() == "secret"
        assert ws.remote_address == ("127.0.0.1", port)


@pytest.mark.parametrize("already", [False, True])
async def test_tls_on_a_stream(already: bool, autojump_clock: object) -> None:
    """On a stream of one's own TLS is begun for wss, unless the stream has it already."""
    ours, theirs = trio.testing.memory_stream_pair()
    secure = trio.SSLStream(theirs, server_context("h"), server_side=True)
    stream: trio.abc.Stream = ours
    if already:
        stream = trio.SSLStream(ours, trusting(), server_hostname="h", https_compatible=True)
    async with RawPeer(secure, client=False) as peer, trio.open_nursery() as nursery:
        nursery.start_soon(accept_and_close, peer)
        async with open_websocket_on(stream, "wss://h", ssl_context=trusting()) as ws:
            assert ws.request.headers["Host"] == "h"


async def test_only_once() -> None:
    """One call of `open_websocket` opens one connection."""
    async with tcp(accept_and_close) as port:
        opening = open_websocket(f"ws://127.0.0.1:{port}")
        async with opening:
            pass
        with pytest.raises(RuntimeError, match="entered before"):
            async with opening:
                pass


async def test_addresses_stay() -> None:
    """The addresses are known when the connection is over, too."""
    async with tcp(accept_and_close) as port, open_websocket(f"ws://127.0.0.1:{port}") as ws:
        ours = ws.local_address
        await ws.close()
        assert ws.remote_address == ("127.0.0.1", port)
        assert ws.local_address == ours
        assert ours


# What fails before anything is opened


@pytest.mark.parametrize(
    ("url", "options", "error"),
    [
        ("http://h", {}, InvalidURL),
        ("ws://h", {"headers": {"Host": "x"}}, LocalProtocolError),
        ("ws://h", {"headers": {"X": "a\r\nb"}}, LocalProtocolError),
        ("ws://h", {"subprotocols": ["a b"]}, LocalProtocolError),
        ("ws://h", {"heartbeat": 3}, TypeError),
        ("ws://h", {"timeouts": 3}, TypeError),
        ("ws://h", {"limits": 3}, TypeError),
        ("ws://h", {"headers": 3}, TypeError),
        ("ws://h", {"headers": "X: 1"}, TypeError),
        ("ws://h", {"headers": ["X: 1"]}, TypeError),
        ("ws://h", {"headers": {"X": 1}}, TypeError),
        ("ws://h", {"ssl_context": ssl.create_default_context()}, ValueError),
        ("wss://h", {"ssl_context": ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)}, ValueError),
        ("wss://h", {"ssl_context": True}, TypeError),
        (None, {}, TypeError),
        (b"ws://h", {}, TypeError),
    ],
)
async def test_wrong_arguments(url: Any, options: dict[str, object], error: type) -> None:
    """What cannot be sent is refused before anything is opened."""
    with pytest.raises(error):
        open_websocket(url, **options)  # type: ignore[arg-type]
