"""`trio_ws._client.hop`: what may go wrong on the way from one URL to an open connection."""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import (
    ConnectionClosed,
    HandshakeError,
    HandshakeTimeout,
    InvalidHandshake,
    Limits,
    Rejected,
    Timeouts,
    TLSError,
    WebSocket,
    serve_websocket,
)
from trio_ws._client import dialling, securing
from trio_ws._client.connect import open_websocket, open_websocket_on
from trio_ws._transport import tls_choice
from trio_ws._transport.address_order import current_address_order
from trio_ws._transport.default_context import default_context
from trio_ws._transport.network import TCPNetwork, use_network
from trio_ws.testing import RawPeer

from .places import Heads, noting, redirect, scripted, tunnel
from .servers import (
    Script,
    Spy,
    accept_and_close,
    echo_once,
    memory,
    quietly,
    raw,
    server_context,
    silence,
    tcp,
    trusting,
)

# What fails on the way


async def test_refused() -> None:
    """A refused connection is a HandshakeError with the OSError chained."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(HandshakeError, match=f"127.0.0.1:{port}") as caught:
            async with open_websocket(f"ws://me:hunter2@127.0.0.1:{port}/?token=hunter2"):
                pass
    assert type(caught.value) is HandshakeError
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    assert caught.value.transient is True
    assert caught.value.request is not None
    assert "hunter2" not in str(caught.value)


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


async def busy(peer: RawPeer) -> None:
    """Answer 503."""
    await peer.receive_head()
    await peer.send_bytes(b"HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n")


async def unknown(peer: RawPeer) -> None:
    """Answer 404."""
    await peer.receive_head()
    await peer.send_bytes(b"HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("script", "then"),
    [(busy, "127.0.0.2"), (silence, "127.0.0.2"), (unknown, "127.0.0.1"), (None, "127.0.0.1")],
)
async def test_the_next_attempt_begins_elsewhere(script: Script | None, then: str) -> None:
    """After an address that accepts and then is no good comes the other one (hazard F2.11)."""
    trio.socket.set_custom_hostname_resolver(Resolver("127.0.0.1", "127.0.0.2"))
    connected: list[str] = []

    async def handle(stream: trio.SocketStream) -> None:
        connected.append(stream.socket.getsockname()[0])
        async with RawPeer(stream, client=False) as peer:
            await quietly(accept_and_close if len(connected) > 1 else script or echo_once, peer)

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="0.0.0.0")
        await nursery.start(trio.serve_listeners, handle, listeners)
        url = f"ws://two.example:{listeners[0].socket.getsockname()[1]}/"
        timeouts = Timeouts(connect=1 if script is silence else 20)
        with contextlib.suppress(HandshakeError):
            async with open_websocket(url, timeouts=timeouts) as ws:
                await ws.send("x")
        async with open_websocket(url):
            pass
        nursery.cancel_scope.cancel()
    assert connected == ["127.0.0.1", then]


async def test_an_address_that_works_again() -> None:
    """An address that failed is in order again once a connection to it came about."""
    trio.socket.set_custom_hostname_resolver(Resolver("127.0.0.1"))
    scripts = [busy, accept_and_close]

    async def handle(stream: trio.SocketStream) -> None:
        async with RawPeer(stream, client=False) as peer:
            await quietly(scripts.pop(0), peer)

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        await nursery.start(trio.serve_listeners, handle, listeners)
        port, order = listeners[0].socket.getsockname()[1], current_address_order()
        with pytest.raises(Rejected):
            async with open_websocket(f"ws://one.example:{port}/"):
                pass
        assert order.has_failures("one.example", port, trio.current_time())
        async with open_websocket(f"ws://one.example:{port}/"):
            assert not order.has_failures("one.example", port, trio.current_time())
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("script", "then"),
    [
        (silence, "127.0.0.2"),
        (raw(b"HTTP/1.1 503 x\r\n\r\n"), "127.0.0.2"),
        (raw(b"HTTP/1.1 200 x\r\n\r\n"), "127.0.0.2"),
        (tunnel(busy), "127.0.0.1"),
        (tunnel(raw(b"no HTTP")), "127.0.0.1"),
    ],
    ids=range(5),
)
async def test_the_addresses_of_a_proxy(script: Script, then: str) -> None:
    """What the proxy does counts for its addresses, and what the server behind it does does not."""
    trio.socket.set_custom_hostname_resolver(Resolver("127.0.0.1", "127.0.0.2"))
    connected: list[str] = []

    async def handle(stream: trio.SocketStream) -> None:
        connected.append(stream.socket.getsockname()[0])
        async with RawPeer(stream, client=False) as peer:
            await quietly(tunnel() if len(connected) > 1 else script, peer)

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="0.0.0.0")
        await nursery.start(trio.serve_listeners, handle, listeners)
        proxy = f"http://two.example:{listeners[0].socket.getsockname()[1]}"
        with contextlib.suppress(HandshakeError):
            async with open_websocket("ws://h/", proxy=proxy, timeouts=Timeouts(connect=0.2)):
                pass
        async with open_websocket("ws://h/", proxy=proxy):
            pass
        nursery.cancel_scope.cancel()
    assert connected == ["127.0.0.1", then]


async def test_a_network_without_addresses(autojump_clock: object) -> None:
    """What fails on a stream that has no address is remembered of none."""

    class Memory(TCPNetwork):
        """A network whose streams lead nowhere in particular."""

        async def connect(self, host: str, port: int) -> Any:
            return trio.testing.memory_stream_pair()[0]

    with use_network(Memory()), pytest.raises(HandshakeTimeout):
        async with open_websocket("ws://h/"):
            pass
    assert not current_address_order().has_failures("h", 80, trio.current_time())


async def test_strange_failure_leaves_bare() -> None:
    """An exception that is nobody's OSError leaves without a group around it."""
    trio.socket.set_custom_hostname_resolver(Resolver(error=RuntimeError("resolver")))
    with pytest.raises(RuntimeError, match="resolver"):
        async with open_websocket("ws://h/"):
            pass


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


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(b"\x15\x03\x03\x00\x02\x02\x50", id="internal_error"),
        pytest.param(b"\x15\x03\x03\x00\x02\x01\x00", id="close_notify"),
    ],
)
async def test_a_tls_front_that_restarts(record: bytes) -> None:
    """An alert that tells of the peer's own trouble, or of its leaving, may pass (hazard F2.5)."""

    async def script(peer: RawPeer) -> None:
        await peer.stream.receive_some()
        await peer.send_bytes(record)
        await peer.send_eof()

    async with tcp(script) as port:
        with pytest.raises(TLSError) as caught:
            async with open_websocket(f"wss://127.0.0.1:{port}"):
                pass
    assert caught.value.transient is True


async def nobody(ws: WebSocket) -> None:
    """A handler that is not reached."""
    raise AssertionError


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_our_server_says_what_it_misses(version: ssl.TLSVersion) -> None:
    """A client without the certificate that our server wants is told so, which is final."""
    context = server_context("localhost")
    context.verify_mode = ssl.CERT_REQUIRED
    context.maximum_version = version
    async with trio.open_nursery() as nursery:
        server = await nursery.start(
            partial(serve_websocket, nobody, "127.0.0.1", 0, ssl_context=context)
        )
        with pytest.raises(TLSError, match="alert") as caught:
            async with open_websocket(f"wss://localhost:{server.port}", ssl_context=trusting()):
                pass
        assert caught.value.transient is False
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
        with pytest.raises(TLSError, match="for plain HTTP the URL begins with ws://") as caught:
            async with open_websocket(f"wss://127.0.0.1:{port}"):
                pass
    assert isinstance(caught.value.__cause__, ssl.SSLError)
    assert caught.value.transient is False


async def test_tls_of_ones_own_that_has_not_begun() -> None:
    """A stream of TLS that has not shaken hands does it here, with the same errors (F7.8)."""
    async with tcp(accept_and_close, context=server_context("127.0.0.1")) as port:
        tcp_stream = await trio.open_tcp_stream("127.0.0.1", port)
        untrusting = ssl.create_default_context()
        stream = trio.SSLStream(tcp_stream, untrusting, server_hostname="127.0.0.1")
        with pytest.raises(TLSError, match="certificate") as caught:
            async with open_websocket_on(stream, "wss://127.0.0.1"):
                pass
    assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    assert caught.value.transient is False


async def test_tls_of_ones_own_that_is_closed(autojump_clock: object) -> None:
    """A stream that is closed already is no connection."""
    ours, _ = trio.testing.memory_stream_pair()
    stream = trio.SSLStream(ours, trusting(), server_hostname="h")
    await trio.aclose_forcefully(stream)
    with pytest.raises(HandshakeError, match="no connection to wss://h/"):
        async with open_websocket_on(stream, "wss://h"):
            pass


async def test_one_context_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections that are given no context share that of the process (F5.1)."""
    used: list[ssl.SSLContext] = []
    real = tls_choice.client_tls_on

    def spying(stream: Any, context: ssl.SSLContext, name: str) -> Any:
        used.append(context)
        return real(stream, context, name)

    monkeypatch.setattr(securing, "client_tls_on", spying)
    async with tcp(accept_and_close, context=server_context("127.0.0.1")) as port:
        for _ in range(2):
            with pytest.raises(TLSError):
                async with open_websocket(f"wss://127.0.0.1:{port}"):
                    pass
    assert used == [await default_context()] * 2


async def test_certificates_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of descriptors while the certificates are read: that passes, so it is worth a retry."""

    async def fail() -> ssl.SSLContext:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(dialling, "default_context", fail)
    async with tcp(accept_and_close, context=server_context("127.0.0.1")) as port:
        with pytest.raises(HandshakeError, match=r"certificates .* Too many open files") as caught:
            async with open_websocket(f"wss://127.0.0.1:{port}"):
                pass
    assert caught.value.transient is True
    assert isinstance(caught.value.__cause__, OSError)


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


# Redirects; `test_attempt` has them all


async def test_a_redirect_is_not_heard_out(autojump_clock: object) -> None:
    """Nobody waits for the body of a redirect that is followed."""
    heads = Heads()
    places = {
        ("a.example", 80): redirect("ws://b.example/", 302, "Content-Length: 9"),
        ("b.example", 80): noting(heads),
    }
    async with scripted(places), open_websocket("ws://a.example/"):
        assert trio.current_time() == 0
    assert heads.lines[0] == "GET / HTTP/1.1"


async def test_whose_context_it_is() -> None:
    """Where TLS fails after a redirect, the message tells that the context stayed behind."""

    async def stranger(peer: RawPeer) -> None:
        peer.stream = trio.SSLStream(peer.stream, server_context("b.example"), server_side=True)
        await peer.receive_head()

    async def first(peer: RawPeer) -> None:
        peer.stream = trio.SSLStream(peer.stream, server_context("a.example"), server_side=True)
        await redirect("wss://b.example/")(peer)

    async with scripted({("a.example", 443): first, ("b.example", 443): stranger}):
        with pytest.raises(TLSError, match=r"the ssl_context that was given is for wss://a.exa"):
            async with open_websocket("wss://a.example/", ssl_context=trusting()):
                pass


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
        options: Any = {"ssl_context": trusting()} if scheme == "wss" else {}
        with pytest.raises(HandshakeTimeout, match=f"10 s: still .*{stage}") as caught:
            async with open_websocket_on(spy, f"{scheme}://h", **options):
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


async def test_lost_in_the_body(autojump_clock: object) -> None:
    """What happens once it is open is the connection's business."""

    async def script(peer: RawPeer) -> None:
        await peer.accept()
        await peer.send_close(1001)

    async with memory(script) as stream:
        with pytest.raises(ConnectionClosed):
            async with open_websocket_on(stream, "ws://h") as ws:
                await ws.receive()


async def test_a_stream_without_an_address(autojump_clock: object) -> None:
    """A stream of another network leads to no IP address, and nothing is noted about one."""
    async with memory(accept_and_close) as stream:

        class Network(TCPNetwork):
            async def connect(self, host: str, port: int) -> Any:
                await trio.lowlevel.checkpoint()
                return stream

        with use_network(Network()):
            async with open_websocket("ws://some.name/") as ws:
                assert ws.remote_address is None
