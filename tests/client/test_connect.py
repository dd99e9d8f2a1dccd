"""`trio_ws._client.connect`: from a URL to a connection, and all the ways in which that fails."""

from __future__ import annotations

import contextlib
import errno
import logging
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing
import trustme

from trio_ws import (
    ConnectionClosed,
    HandshakeError,
    HandshakeTimeout,
    InvalidHandshake,
    InvalidURL,
    Limits,
    LocalProtocolError,
    Rejected,
    Timeouts,
    TLSError,
)
from trio_ws._client.attempt import is_transient
from trio_ws._client.connect import open_websocket, open_websocket_on
from trio_ws.testing import RawPeer

Script = Callable[[RawPeer], Awaitable[object]]
CA = trustme.CA()


async def echo_once(peer: RawPeer) -> None:
    """Accept, send one text back, close."""
    await peer.accept()
    frame = await peer.expect_frame(1)
    await peer.send_frame(1, frame.payload)
    await peer.close_politely()


async def accept_and_close(peer: RawPeer) -> None:
    await peer.accept()
    await peer.close_politely()


async def silence(peer: RawPeer) -> None:
    await trio.sleep_forever()


async def quietly(script: Script, peer: RawPeer) -> None:
    """Run a script to the end of its stream."""
    with contextlib.suppress(trio.BrokenResourceError, EOFError):
        await script(peer)


@asynccontextmanager
async def memory(script: Script) -> AsyncGenerator[trio.abc.Stream]:
    """A stream whose other end a script holds."""
    ours, theirs = trio.testing.memory_stream_pair()
    async with RawPeer(theirs, client=False) as peer, trio.open_nursery() as nursery:
        nursery.start_soon(quietly, script, peer)
        yield ours
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def tcp(
    script: Script, host: str = "127.0.0.1", context: ssl.SSLContext | None = None
) -> AsyncGenerator[int]:
    """A port where each connection is handled by a script."""

    async def handle(stream: trio.SocketStream) -> None:
        secure = context and trio.SSLStream(stream, context, server_side=True)
        async with RawPeer(secure or stream, client=False) as peer:
            await quietly(script, peer)

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host=host)
        await nursery.start(trio.serve_listeners, handle, listeners)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


def server_context(*names: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    CA.issue_cert(*names).configure_cert(context)
    return context


def trusting() -> ssl.SSLContext:
    context = ssl.create_default_context()
    CA.configure_trust(context)
    return context


def raw(answer: bytes) -> Script:
    """A script that reads a request, answers with these bytes, and ends the stream."""

    async def script(peer: RawPeer) -> None:
        await peer.receive_head()
        await peer.send_bytes(answer)
        await peer.send_eof()

    return script


class Spy(trio.abc.Stream):
    """A stream that knows whether it was closed."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self.stream = stream
        self.closed = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self.stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self.stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        return await self.stream.receive_some(max_bytes)

    async def aclose(self) -> None:
        self.closed = True
        await self.stream.aclose()


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


# What fails on the way


async def test_refused() -> None:
    """A refused connection is a HandshakeError with the OSError chained."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(HandshakeError, match=f"127.0.0.1:{port}") as caught:
            async with open_websocket(f"ws://me:secret@127.0.0.1:{port}/?token=secret"):
                pass
    assert type(caught.value) is HandshakeError
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    assert caught.value.transient is True
    assert caught.value.request is not None
    assert "secret" not in str(caught.value)


class Resolver(trio.abc.HostnameResolver):
    """Answers every name with an error, or with these addresses."""

    def __init__(self, *addresses: str, error: BaseException | None = None) -> None:
        self.addresses = addresses
        self.error = error

    async def getaddrinfo(
        self,
        host: object,
        port: object,
        *rest: object,
        **more: object,
    ) -> Any:
        if self.error:
            raise self.error
        kind = socket.SOCK_STREAM
        return [(socket.AF_INET, kind, 0, "", (each, port)) for each in self.addresses]

    async def getnameinfo(self, sockaddr: object, flags: int) -> tuple[str, str]:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("code", "transient"), [(socket.EAI_NONAME, None), (socket.EAI_AGAIN, True)]
)
async def test_unknown_host(code: int, transient: bool | None) -> None:
    """A name that cannot be looked up is a HandshakeError with the OSError chained."""
    trio.socket.set_custom_hostname_resolver(Resolver(error=socket.gaierror(code, "no name")))
    with pytest.raises(HandshakeError, match="no name") as caught:
        async with open_websocket("ws://nowhere.example/"):
            pass
    assert isinstance(caught.value.__cause__, socket.gaierror)
    assert caught.value.transient is transient


async def test_several_addresses_refuse() -> None:
    """When all addresses fail, what each of them said is chained."""
    trio.socket.set_custom_hostname_resolver(Resolver("127.0.0.1", "127.0.0.2"))
    with socket.socket() as unused:
        unused.bind(("0.0.0.0", 0))
        with pytest.raises(HandshakeError) as caught:
            async with open_websocket(f"ws://several.example:{unused.getsockname()[1]}/"):
                pass
    assert caught.value.transient is True
    assert isinstance(caught.value.__cause__, OSError)
    assert isinstance(caught.value.__cause__.__cause__, ExceptionGroup)


async def test_strange_failure_leaves_bare() -> None:
    """An exception that is nobody's OSError leaves without a group around it."""
    trio.socket.set_custom_hostname_resolver(Resolver(error=RuntimeError("resolver")))
    with pytest.raises(RuntimeError, match="resolver"):
        async with open_websocket("ws://h/"):
            pass


@pytest.mark.parametrize(
    ("error", "transient"),
    [
        (OSError(errno.ENETUNREACH, "x"), True),
        (OSError(errno.EACCES, "x"), False),
        (OSError("no results"), False),
    ],
)
async def test_transient(error: OSError, transient: bool) -> None:
    """Only what the network may mend by itself is called transient."""
    assert is_transient(error) is transient


async def test_untrusted_certificate() -> None:
    """A certificate that nobody vouches for is a TLSError at once (hazard C4)."""
    async with tcp(accept_and_close, context=server_context("127.0.0.1")) as port:
        with pytest.raises(TLSError, match="certificate") as caught:
            async with open_websocket(f"wss://127.0.0.1:{port}"):
                pass
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    assert caught.value.transient is False


async def test_certificate_of_somebody_else() -> None:
    """A certificate for another name is a TLSError."""
    async with tcp(accept_and_close, context=server_context("other.example")) as port:
        with pytest.raises(TLSError, match=r"127\.0\.0\.1"):
            async with open_websocket(f"wss://127.0.0.1:{port}", ssl_context=trusting()):
                pass


async def test_client_without_a_certificate() -> None:
    """A server that misses the client's certificate after the handshake says so: a TLSError."""
    context = server_context("localhost")
    context.verify_mode = ssl.CERT_REQUIRED

    async def refuse(stream: trio.SocketStream) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()  # Trio's TLS would say nothing
        openssl = context.wrap_bio(incoming, outgoing, server_side=True)
        with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
            while True:
                incoming.write(await stream.receive_some())
                with contextlib.suppress(ssl.SSLWantReadError):
                    openssl.do_handshake()
                await stream.send_all(outgoing.read())
        await stream.send_all(outgoing.read())
        while await stream.receive_some():
            pass

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        await nursery.start(trio.serve_listeners, refuse, listeners)
        port = listeners[0].socket.getsockname()[1]
        with pytest.raises(TLSError, match="alert certificate required") as caught:
            async with open_websocket(f"wss://localhost:{port}", ssl_context=trusting()):
                pass
        assert not caught.value.transient
        nursery.cancel_scope.cancel()


async def test_damaged_tls() -> None:
    """What is no TLS any more, behind the handshake, may be otherwise next time."""

    async def script(peer: RawPeer) -> None:
        await peer.receive_head()
        assert isinstance(peer.stream, trio.SSLStream)
        await peer.stream.transport_stream.send_all(b"no record at all" * 10)
        await trio.sleep_forever()

    async with tcp(script, context=server_context("localhost")) as port:
        with pytest.raises(HandshakeError, match=r"(?i)wrong.version") as caught:
            async with open_websocket(f"wss://localhost:{port}", ssl_context=trusting()):
                pass
    assert not isinstance(caught.value, TLSError)
    assert caught.value.transient


async def test_no_tls_there() -> None:
    """Plain HTTP on the port is a TLSError at once (hazard C4)."""

    async def script(peer: RawPeer) -> None:
        await peer.stream.receive_some()
        await peer.send_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await trio.sleep_forever()

    async with tcp(script) as port:
        with pytest.raises(TLSError) as caught:
            async with open_websocket(f"wss://127.0.0.1:{port}"):
                pass
    assert isinstance(caught.value.__cause__, ssl.SSLError)


async def test_no_close_notify() -> None:
    """A TLS stream that ends without close-notify has ended, and no more (hazard C12)."""

    async def script(peer: RawPeer) -> None:
        await peer.receive_head()
        await peer.send_bytes(b"HTTP/1.1 403 x\r\n\r\nsorry")
        assert isinstance(peer.stream, trio.SSLStream)
        await peer.stream.transport_stream.aclose()

    async with tcp(script, context=server_context("localhost")) as port:
        with pytest.raises(Rejected) as caught:
            async with open_websocket(f"wss://localhost:{port}", ssl_context=trusting()):
                pass
    assert caught.value.response.body == b"sorry"


async def test_eof_in_tls() -> None:
    """A connection that ends within TLS is a TLSError that may pass (hazard C4)."""

    async def script(peer: RawPeer) -> None:
        await peer.stream.receive_some()
        await peer.send_eof()

    async with tcp(script) as port:
        with pytest.raises(TLSError) as caught:
            async with open_websocket(f"wss://127.0.0.1:{port}"):
                pass
    assert caught.value.transient is True


class Broken(Spy):
    """A stream that breaks when it is read, or written."""

    def __init__(self, stream: trio.abc.Stream, *, reading: bool) -> None:
        super().__init__(stream)
        self.reading = reading

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if not self.reading:
            raise trio.BrokenResourceError from ConnectionResetError("reset")
        await super().send_all(data)

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        raise trio.BrokenResourceError from ConnectionResetError("reset")


@pytest.mark.parametrize("scheme", ["ws", "wss"])
@pytest.mark.parametrize("reading", [False, True])
async def test_reset(scheme: str, reading: bool, autojump_clock: object) -> None:
    """A connection that breaks on the way is a HandshakeError, its cause chained."""
    async with memory(silence) as stream:
        spy = Broken(stream, reading=reading)
        with pytest.raises(HandshakeError, match="reset") as caught:
            async with open_websocket_on(spy, f"{scheme}://h"):
                pass
    assert type(caught.value) is HandshakeError
    assert isinstance(caught.value.__cause__, ConnectionResetError)
    assert caught.value.transient is True
    assert spy.closed


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n", InvalidHandshake),
        (b"HTTP/1.1 200 OK\r\n\r\n", Rejected),
        (b"SMTP ready\r\n", InvalidHandshake),
        (b"", HandshakeError),
    ],
)
async def test_bad_answer(answer: bytes, error: type, autojump_clock: object) -> None:
    """A bad answer raises, and the stream is closed (hazard C3)."""
    async with memory(raw(answer)) as stream:
        spy = Spy(stream)
        with pytest.raises(error) as caught:
            async with open_websocket_on(spy, "ws://h"):
                pass
    assert type(caught.value) is error
    assert spy.closed


# Rejections


async def test_rejected(autojump_clock: object) -> None:
    """A rejection with a body that ends with the connection is complete (hazard C2)."""
    async with memory(raw(b"HTTP/1.1 403 x\r\n\r\nsorry")) as stream:
        with pytest.raises(Rejected) as caught:
            async with open_websocket_on(stream, "ws://h"):
                pass
    assert caught.value.response.status == 403
    assert caught.value.response.body == b"sorry"
    assert trio.current_time() == 0


async def dribble(peer: RawPeer) -> None:
    """Reject, with a body that never ends."""
    await peer.receive_head()
    await peer.send_bytes(b"HTTP/1.1 403 x\r\n\r\n")
    while True:
        await peer.send_bytes(b"x")
        await trio.sleep(0.3)


async def test_slow_endless_body(autojump_clock: object) -> None:
    """Nobody waits longer than a second for the body of a rejection (hazard C2)."""
    async with memory(dribble) as stream:
        with pytest.raises(Rejected) as caught:
            async with open_websocket_on(stream, "ws://h"):
                pass
        assert trio.current_time() == 1
    assert caught.value.response.body == b"xxxx"


async def test_rejected_at_the_deadline(autojump_clock: object) -> None:
    """A rejection that is half read at the deadline is a rejection, no timeout."""
    async with memory(dribble) as stream:
        with pytest.raises(Rejected):
            async with open_websocket_on(stream, "ws://h", timeouts=Timeouts(connect=0.5)):
                pass
        assert trio.current_time() == 0.5


async def test_fast_endless_body(autojump_clock: object) -> None:
    """A body is cut at the limit (hazard C2)."""

    async def script(peer: RawPeer) -> None:
        await peer.receive_head()
        await peer.send_bytes(b"HTTP/1.1 403 x\r\n\r\n")
        with contextlib.suppress(trio.BrokenResourceError):
            while True:
                await peer.send_bytes(b"x" * 1000)

    async with memory(script) as stream:
        with pytest.raises(Rejected) as caught:
            async with open_websocket_on(stream, "ws://h", limits=Limits(max_reject_body=2500)):
                pass
    assert caught.value.response.body == b"x" * 2500


async def test_reset_within_a_body(autojump_clock: object) -> None:
    """A rejection whose body breaks off is still a rejection."""

    class Breaking(Spy):
        async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
            data = await super().receive_some(max_bytes)
            if not data:
                raise trio.BrokenResourceError from ConnectionResetError("reset")
            return data

    async with memory(raw(b"HTTP/1.1 403 x\r\n\r\nsor")) as stream:
        with pytest.raises(Rejected) as caught:
            async with open_websocket_on(Breaking(stream), "ws://h"):
                pass
    assert caught.value.response.body == b"sor"


# Time and cancellation


async def drip(peer: RawPeer) -> None:
    """Answer, one byte each second."""
    await peer.receive_head()
    for byte in b"HTTP/1.1 101 Switching Protocols\r\n":
        await peer.send_bytes(bytes([byte]))
        await trio.sleep(1)


@pytest.mark.parametrize(
    ("script", "scheme", "stage"),
    [(silence, "ws", "HTTP"), (drip, "ws", "HTTP"), (silence, "wss", "TLS")],
)
async def test_timeout(script: Script, scheme: str, stage: str, autojump_clock: object) -> None:
    """A silent or dripping server is given up at the deadline; the stage is named (hazard C1)."""
    async with memory(script) as stream:
        spy = Spy(stream)
        with pytest.raises(HandshakeTimeout, match=f"10 s: still .*{stage}") as caught:
            async with open_websocket_on(spy, f"{scheme}://h"):
                pass
        assert trio.current_time() == 10
    assert isinstance(caught.value, TimeoutError)
    assert caught.value.transient is True
    assert spy.closed


async def test_timeout_of_the_name(autojump_clock: object) -> None:
    """A name lookup that hangs ends at the same deadline."""

    class Hanging(Resolver):
        async def getaddrinfo(self, *args: object, **more: object) -> Any:
            await trio.sleep_forever()
            raise AssertionError

    trio.socket.set_custom_hostname_resolver(Hanging())
    with pytest.raises(HandshakeTimeout, match="looking up"):
        async with open_websocket("ws://h", timeouts=Timeouts(connect=3)):
            pass
    assert trio.current_time() == 3


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_cancelled(scheme: str, autojump_clock: object) -> None:
    """Cancelling while it connects closes the stream and is no error of ours."""
    async with memory(silence) as stream:
        spy = Spy(stream)
        with trio.move_on_after(1) as scope:
            async with open_websocket_on(spy, f"{scheme}://h"):
                raise AssertionError
        assert scope.cancelled_caught
        assert spy.closed


class CancelAtStep(trio.abc.Instrument):
    """Cancels a scope when the task that made it takes its n-th step from here."""

    def __init__(self, scope: trio.CancelScope, step: int) -> None:
        self.scope = scope
        self.task = trio.lowlevel.current_task()
        self.left = step

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self.task:
            self.left -= 1
            if self.left == 0:
                self.scope.cancel()


@pytest.mark.parametrize("tls", [False, True])
async def test_cancellation_sweep(tls: bool, autojump_clock: object) -> None:
    """Cancelled at any step of connecting, it closes the stream and raises nothing (hazard B7)."""
    context = server_context("h")
    step, opened = 0, False
    while not opened:
        step += 1
        ours, theirs = trio.testing.memory_stream_pair()
        spy = Spy(ours)
        there = trio.SSLStream(theirs, context, server_side=True) if tls else theirs
        async with RawPeer(there, client=False) as peer, trio.open_nursery() as nursery:
            nursery.start_soon(quietly, accept_and_close, peer)
            with trio.CancelScope() as scope:
                instrument = CancelAtStep(scope, step)
                trio.lowlevel.add_instrument(instrument)
                url = "wss://h" if tls else "ws://h"
                trust = trusting() if tls else None
                async with open_websocket_on(spy, url, ssl_context=trust):
                    opened = True
            trio.lowlevel.remove_instrument(instrument)
            nursery.cancel_scope.cancel()
        assert spy.closed
        assert scope.cancelled_caught or opened
    assert step > 3


async def test_keyboard_interrupt_leaves_bare() -> None:
    """A Ctrl-C while it connects leaves without a group."""

    class Interrupting(Resolver):
        async def getaddrinfo(self, *args: object, **more: object) -> Any:
            raise BaseExceptionGroup("from a nursery", [KeyboardInterrupt()])

    trio.socket.set_custom_hostname_resolver(Interrupting())
    with pytest.raises(KeyboardInterrupt):
        async with open_websocket("ws://h"):
            pass


# The log


async def test_log(autojump_clock: object, caplog: pytest.LogCaptureFixture) -> None:
    """The log tells of connecting and of failing, and keeps secrets."""
    caplog.set_level(logging.DEBUG, "trio_ws.client")
    async with memory(raw(b"HTTP/1.1 403 x\r\n\r\n\x1b[2J")) as stream:
        with pytest.raises(Rejected):
            async with open_websocket_on(stream, "ws://me:secret@h/path?token=secret"):
                pass
    async with (
        memory(accept_and_close) as stream,
        open_websocket_on(stream, "ws://me:secret@h/path?token=secret"),
    ):
        pass
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].endswith("] connecting to ws://***@h/path?***")
    assert "failed: ws://***@h/path?*** rejected the WebSocket with status 403" in lines[1]
    assert any(line.endswith("open, subprotocol None") for line in lines)
    for line in lines:
        assert line.startswith("[client-")
        assert line.isprintable()
        assert "secret" not in line


async def test_lost_in_the_body(autojump_clock: object) -> None:
    """What happens once it is open is the connection's business."""

    async def script(peer: RawPeer) -> None:
        await peer.accept()
        await peer.send_close(1001)

    async with memory(script) as stream:
        with pytest.raises(ConnectionClosed):
            async with open_websocket_on(stream, "ws://h") as ws:
                await ws.receive()
