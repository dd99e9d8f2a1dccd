"""Making connections in a simulated network, and how that fails."""

from __future__ import annotations

import errno
import socket

import pytest
import trio
import trio.testing

from trio_ws import HandshakeError, HandshakeTimeout, Timeouts, TLSError, WebSocket, open_websocket
from trio_ws.testing import Fault, MemoryNetwork, ScriptedPeer, ScriptMismatch, Text

from ..halls import echo

Clock = trio.testing.MockClock


async def why_not(url: str, **options: object) -> HandshakeError:
    """Return what an attempt to connect raises."""
    with pytest.raises(HandshakeError) as caught:
        async with open_websocket(url, **options):  # type: ignore[arg-type]
            pass
    return caught.value


async def test_a_connection_takes_a_round_trip(autojump_clock: Clock) -> None:
    """One for TCP, one for HTTP, and one for TLS before that."""
    async with MemoryNetwork(seed=1) as network:
        await network.serve("ws://api.example/", echo)
        await network.serve("wss://api.example/", echo)
        network.link("api.example", latency=0.5, way="to")
        network.link("client", latency=0.25, way="to")
        start = trio.current_time()
        async with open_websocket("ws://api.example/"):
            assert trio.current_time() == start + 2 * 0.75
        start = trio.current_time()
        async with open_websocket("wss://api.example/"):
            assert trio.current_time() == start + 3 * 0.75


async def test_no_such_host(autojump_clock: Clock) -> None:
    """A name that is not served is a name that does not exist."""
    async with MemoryNetwork(seed=1):
        error = await why_not("ws://api.example/")
    assert isinstance(error.__cause__, socket.gaierror)
    assert error.__cause__.errno == socket.EAI_NONAME
    assert error.transient is None


async def test_nothing_listens_on_the_port(autojump_clock: Clock) -> None:
    """Another port of a host that is there refuses."""
    async with MemoryNetwork(seed=1) as network:
        await network.serve("ws://api.example/", echo)
        error = await why_not("ws://api.example:81/")
    assert isinstance(error.__cause__, ConnectionRefusedError)
    assert error.transient is True


@pytest.mark.parametrize("host", ["api.example", "client"])
@pytest.mark.parametrize(
    ("fault", "number"),
    [(Fault.refuse(), errno.ECONNREFUSED), (Fault.unreachable(), errno.EHOSTUNREACH)],
)
async def test_faults_that_refuse(
    fault: Fault, number: int, host: str, autojump_clock: Clock
) -> None:
    """They may lie at either end."""
    async with MemoryNetwork(seed=1) as network, network_on(network):
        injection = network.inject(host, fault)
        error = await why_not("ws://api.example/")
        assert isinstance(error.__cause__, OSError)
        assert error.__cause__.errno == number
        assert injection.fired == 1
        network.heal(host)
        async with open_websocket("ws://api.example/"):
            pass


def network_on(network: MemoryNetwork) -> ServedHost:
    """Serve ``ws://api.example/``, and let there be a host ``client``."""
    return ServedHost(network)


class ServedHost:
    """See `network_on`."""

    def __init__(self, network: MemoryNetwork) -> None:
        self.network = network

    async def __aenter__(self) -> None:
        await self.network.serve("ws://api.example/", echo)
        with self.network.on("client"):
            pass

    async def __aexit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("fault", [Fault.black_hole(for_=60), Fault.silence()])
async def test_faults_that_say_nothing(fault: Fault, autojump_clock: Clock) -> None:
    """The attempt waits for as long as it may."""
    async with MemoryNetwork(seed=1, strict=False) as network, network_on(network):
        network.inject("api.example", fault)
        start = trio.current_time()
        error = await why_not("ws://api.example/", timeouts=Timeouts(connect=5))
        assert isinstance(error, HandshakeTimeout)
        assert trio.current_time() == start + 5


async def test_a_black_hole_that_ends(autojump_clock: Clock) -> None:
    """An attempt that waits in front of it goes on then."""
    async with MemoryNetwork(seed=1) as network, network_on(network):
        network.inject("api.example", Fault.black_hole(for_=5))
        start = trio.current_time()
        async with open_websocket("ws://api.example/"):
            assert trio.current_time() == start + 5


async def test_healing_lets_an_attempt_through(autojump_clock: Clock) -> None:
    """Who waits for the end of a partition is told."""
    async with MemoryNetwork(seed=1) as network, network_on(network):
        network.partition("client", "api.example")
        start = trio.current_time()

        async def heal() -> None:
            await trio.sleep(3)
            network.heal("client")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(heal)
            async with open_websocket("ws://api.example/"):
                assert trio.current_time() == start + 3


# TLS


async def test_a_tls_failure(autojump_clock: Clock) -> None:
    """With the stand-in it is a certificate that is not trusted; others are spared."""
    async with MemoryNetwork(seed=1) as network, network_on(network):
        await network.serve("wss://api.example/", echo)
        network.inject("api.example", Fault.tls_failure())
        error = await why_not("wss://api.example/")
        assert isinstance(error, TLSError)
        assert "certificate verify failed" in str(error)
        async with open_websocket("ws://api.example/"):
            pass


async def test_tls_with_a_server_that_speaks_none(autojump_clock: Clock) -> None:
    """A client gets what OpenSSL makes of an answer in plain text; so does a script."""
    async with MemoryNetwork(seed=1) as network:
        await network.serve("ws://api.example:443/", echo)
        assert isinstance(await why_not("wss://api.example/"), TLSError)
        with pytest.raises(trio.BrokenResourceError):
            async with network.open_peer("wss://api.example/"):
                pass


async def test_a_client_without_tls(autojump_clock: Clock) -> None:
    """A server that expects TLS hangs up, with the stand-in as with real TLS; the hint is there."""
    async with MemoryNetwork(seed=1) as network:
        real, _ = network.tls_contexts("real.example")
        await network.serve("wss://api.example:80/", echo)
        await network.serve("wss://real.example:80/", echo, ssl_context=real)
        for host in ("api.example", "real.example"):
            error = await why_not(f"ws://{host}/")
            assert "if it expects TLS, the URL must begin with wss://" in str(error)
            assert error.transient is True
        with pytest.raises(ScriptMismatch) as caught:
            async with network.open_peer("ws://api.example:80/") as peer:
                await peer.request()
    assert caught.value.got == "the end of the stream"


async def test_a_client_that_gives_up_during_tls(autojump_clock: Clock) -> None:
    """Its connection is over: no server has heard of it, so none is left with it."""
    async with MemoryNetwork(seed=1) as network:
        await network.serve("wss://api.example/", echo)
        network.link("api.example", latency=5)
        start = trio.current_time()
        error = await why_not("wss://api.example/", timeouts=Timeouts(connect=12))
        assert isinstance(error, HandshakeTimeout)
        assert trio.current_time() == start + 12
        assert network.left() == []


async def test_scripts_speak_the_stand_in_too(autojump_clock: Clock) -> None:
    """In both roles."""
    async with MemoryNetwork(seed=1) as network:

        @network.peer("wss://script.example/")
        async def script(peer: ScriptedPeer) -> None:
            await peer.accept()
            await peer.send(Text("hello"))
            await peer.expect_close(1000)
            await peer.send_close()

        async with open_websocket("wss://script.example/") as ws:
            assert await ws.receive() == "hello"

        async def greet(ws: WebSocket) -> None:
            await ws.send("hello")

        await network.serve("wss://api.example/", greet)
        async with network.open_peer("wss://api.example/") as peer:
            await peer.request()
            await peer.expect(Text("hello"))
            await peer.expect_close(1000)
            await peer.send_close()
            await peer.expect_end()


# What is there


async def test_a_port_that_is_taken(autojump_clock: Clock) -> None:
    """As the system says it; port 0 is always free."""
    async with MemoryNetwork(seed=1) as network:
        await network.listen("api.example", 7)
        with pytest.raises(OSError, match=r"Address already in use: api.example:7"):
            await network.listen("api.example", 7)
        first, second = await network.listen("x", 0), await network.listen("x", 0)
        assert first[0] is not second[0]


async def test_real_tls_that_fails(autojump_clock: Clock) -> None:
    """A `Fault.tls_failure` answers OpenSSL with something else."""
    async with MemoryNetwork(seed=1) as network:
        server, client = network.tls_contexts("api.example")
        await network.serve("wss://api.example/", echo, ssl_context=server)
        network.inject("api.example", Fault.tls_failure())
        with pytest.raises(TLSError):
            async with open_websocket("wss://api.example/", ssl_context=client):
                pass


async def test_faults_meet_what_is_open(autojump_clock: Clock) -> None:
    """In their moment; those that are over are forgotten, and heal ends those that are not."""
    async with MemoryNetwork(seed=1) as network, network_on(network):
        network.inject("api.example", Fault.latency(0.1, for_=5))
        network.inject("api.example", Fault.latency(0.1, for_=9))
        async with open_websocket("ws://api.example/") as ws:
            await trio.sleep(6)
            host = network._exchange.hosts.get("api.example")
            assert [str(each.fault) for each in host.injections] == ["Fault.latency(0.1, for_=9)"]
            network.heal("api.example")
            assert host.injections == []
            await trio.sleep(9)
            network.move("api.example")
            assert network._exchange.of_host(host)
            assert network._stream_of(ws) is not None
            async with open_websocket("ws://api.example/") as other:
                assert network._stream_of(other) is not network._stream_of(ws)
        await trio.sleep(60)  # the server's heartbeat finds out
        assert network._stream_of(ws) is None
