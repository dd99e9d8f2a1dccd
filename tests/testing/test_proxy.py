"""`trio_ws.testing.open_fault_proxy`: the same faults on real connections, on loopback."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest
import trio
import trio.testing

from trio_ws.testing import Chaos, Fault, FaultProxy, open_fault_proxy

HOST = "127.0.0.1"


@asynccontextmanager
async def open_pipe(
    *faults: Fault,
) -> AsyncGenerator[tuple[FaultProxy, trio.SocketStream, trio.SocketStream]]:
    """Open a connection through a proxy: the proxy, the client's end, the server's end."""
    (listener,) = await trio.open_tcp_listeners(0, host=HOST)
    port = listener.socket.getsockname()[1]
    async with listener, open_fault_proxy("localhost", port, seed=1) as proxy:
        for fault in faults:
            proxy.inject(fault)
        client = await trio.open_tcp_stream(HOST, proxy.port)
        async with client, await listener.accept() as server:
            yield proxy, client, server


async def read_all(stream: trio.SocketStream) -> bytes:
    """Read to the end."""
    return b"".join([bytes(data) async for data in stream])


async def read_exactly(stream: trio.SocketStream, size: int) -> bytes:
    """Read so many bytes."""
    data = b""
    while len(data) < size:
        data += await stream.receive_some(size - len(data))
    return data


async def timed(send: Callable[[], object], stream: trio.SocketStream, size: int) -> float:
    """Return the seconds until so many bytes have arrived."""
    start = trio.current_time()
    await send()  # type: ignore[misc]
    await read_exactly(stream, size)
    return trio.current_time() - start


async def test_bytes_and_ends_pass() -> None:
    """Without faults a proxy changes nothing, in either direction."""
    async with open_pipe() as (_, client, server):
        data = bytes(range(256)) * 1000
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send_all, data)
            assert await read_exactly(server, len(data)) == data
        await client.send_eof()
        assert await read_all(server) == b""
        await server.send_all(b"answer")
        await server.aclose()
        assert await read_all(client) == b"answer"


@pytest.mark.parametrize("fault", [Fault.latency(0.05), Fault.stall(for_=0.05)])
async def test_bytes_come_later(fault: Fault) -> None:
    """Latency and a stall take their time."""
    async with open_pipe() as (proxy, client, server):
        injection = proxy.inject(fault)
        assert await timed(partial(client.send_all, b"x"), server, 1) >= 0.04
        assert injection.fired


async def test_bytes_come_slowly() -> None:
    """Of 20 kB/s one sees 1 kB after 50 ms; a drip takes its time for each byte."""
    async with open_pipe(Fault.bandwidth(20_000)) as (_, client, server):
        assert await timed(partial(client.send_all, bytes(1000)), server, 1000) >= 0.04
    async with open_pipe(Fault.drip(0.01)) as (_, client, server):
        assert await timed(partial(client.send_all, bytes(5)), server, 5) >= 0.035


async def test_latency_does_not_limit_the_rate() -> None:
    """Pieces are under way at the same time."""
    async with open_pipe(Fault.latency(0.05), Fault.slice(1000)) as (_, client, server):
        assert await timed(partial(client.send_all, bytes(20_000)), server, 20_000) < 0.5


async def test_a_zero_window_is_a_reader_that_does_not_read() -> None:
    """The sender's kernel takes a few MiB, and then nothing, until it is healed."""
    async with open_pipe(Fault.zero_window(toward="server")) as (proxy, client, server):
        data = bytes(32 * 1024 * 1024)
        async with trio.open_nursery() as nursery:
            with trio.move_on_after(0.2) as sending:
                await client.send_all(data)
            assert sending.cancelled_caught
            proxy.heal()
            nursery.start_soon(read_exactly, server, 1000)


async def test_a_stall_is_read_on() -> None:
    """Behind a stall the proxy takes what comes, so the sender sees no difference."""
    async with open_pipe(Fault.stall()) as (_, client, _server):
        with trio.fail_after(5):
            await client.send_all(bytes(10 * 1024 * 1024))


async def test_a_cut() -> None:
    """Both ends read the end, in the middle of what was said if need be."""
    async with open_pipe(Fault.cut(after_bytes=10, toward="client")) as (_, client, server):
        await server.send_all(bytes(100))
        assert await read_all(client) == bytes(10)


async def test_a_reset() -> None:
    """Both ends get a reset, at once."""
    async with open_pipe() as (proxy, client, server):
        proxy.inject(Fault.reset())
        for stream in (client, server):
            with pytest.raises(trio.BrokenResourceError):
                await stream.receive_some()


@pytest.mark.parametrize("toward", ["client", "server"])
async def test_a_half_close(toward: str) -> None:
    """One end reads the end, and is still heard."""
    fault = Fault.half_close() if toward == "client" else Fault.half_close(toward="server")
    async with open_pipe() as (proxy, client, server):
        proxy.inject(fault)
        reader, other = (client, server) if toward == "client" else (server, client)
        assert await read_all(reader) == b""
        await other.send_all(b"lost")
        await reader.send_all(b"still here")
        assert await read_exactly(other, 10) == b"still here"
        await other.aclose()


async def test_a_black_hole() -> None:
    """Nothing arrives, and nobody is told."""
    async with open_pipe(Fault.black_hole(for_=60)) as (_, client, server):
        await client.send_all(b"lost")
        await client.send_eof()
        with trio.move_on_after(0.1) as waiting:
            await server.receive_some()
        assert waiting.cancelled_caught


async def test_corrupt() -> None:
    """One byte comes otherwise."""
    async with open_pipe(Fault.corrupt(after_bytes=3)) as (_, client, server):
        await client.send_all(b"abcdef")
        got = await read_exactly(server, 6)
        assert got[:3] + got[4:] == b"abcef"
        assert got[3:4] != b"d"


@pytest.mark.parametrize("fault", [Fault.refuse(), Fault.unreachable()])
async def test_refusing(fault: Fault) -> None:
    """A proxy cannot but accept, and then resets."""
    async with open_fault_proxy(HOST, 1, seed=1) as proxy:
        injection = proxy.inject(fault)
        async with await trio.open_tcp_stream(HOST, proxy.port) as client:
            with pytest.raises(trio.BrokenResourceError):
                await client.receive_some()
        assert injection.fired == 1


async def test_silence() -> None:
    """A connection is accepted, and nothing more is heard."""
    async with open_fault_proxy(HOST, 1, seed=1) as proxy:
        proxy.inject(Fault.silence())
        async with await trio.open_tcp_stream(HOST, proxy.port) as client:
            await client.send_all(b"x")
            with trio.move_on_after(0.1) as waiting:
                await client.receive_some()
            assert waiting.cancelled_caught


async def test_nobody_behind_the_proxy() -> None:
    """If the target refuses, the client's connection ends."""
    (listener,) = await trio.open_tcp_listeners(0, host=HOST)
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    async with (
        open_fault_proxy(HOST, port, seed=1) as proxy,
        await trio.open_tcp_stream(HOST, proxy.port) as client,
    ):
        assert await client.receive_some() == b""


async def test_a_tls_failure() -> None:
    """A client that begins TLS gets something else; one that does not is spared."""
    fault = Fault.tls_failure()
    async with open_pipe(fault) as (_, client, server):
        await client.send_all(b"GET /")
        assert await read_exactly(server, 5) == b"GET /"
    async with open_pipe(fault) as (_, client, _server):
        secure = trio.SSLStream(client, ssl.create_default_context(), server_hostname="x")
        with pytest.raises(trio.BrokenResourceError) as caught:
            await secure.do_handshake()
    assert isinstance(caught.value.__cause__, ssl.SSLError)
    assert caught.value.__cause__.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}


async def test_a_fault_ends_by_itself() -> None:
    """Who waits for the end of a stall goes on in that moment, or before if it is healed."""
    async with open_pipe(Fault.stall(for_=0.1)) as (proxy, client, server):
        await client.send_all(b"x")
        with trio.fail_after(5):
            assert await read_exactly(server, 1) == b"x"
        proxy.inject(Fault.stall(for_=0.1))
        proxy.heal()
        await client.send_all(b"y")
        assert await read_exactly(server, 1) == b"y"
        await trio.sleep(0.15)
        proxy.inject(Fault.stall(for_=0.01))
        await trio.sleep(0.1)
        assert proxy._injections == []  # a day of chaos has thousands


async def test_chaos() -> None:
    """A profile makes faults as it does in a simulated network."""
    often = replace(Chaos.office(), every=0.001, kinds={"reset": 1})
    async with open_pipe() as (proxy, client, _):
        proxy.chaos(often)
        with pytest.raises(trio.BrokenResourceError):
            await client.receive_some()


async def test_a_profile_without_faults() -> None:
    """Then the line is slow, and nothing more happens."""
    calm = replace(Chaos.office(), latency=0.05, kinds={})
    async with open_pipe() as (proxy, client, server):
        proxy.chaos(calm)
        await trio.testing.wait_all_tasks_blocked()
        assert await timed(partial(client.send_all, b"x"), server, 1) >= 0.04


async def test_a_fault_is_wanted() -> None:
    """Anything else is refused."""
    async with open_fault_proxy(HOST, 1, seed=1) as proxy:
        with pytest.raises(TypeError, match="a Fault is wanted, not str"):
            proxy.inject("reset")  # type: ignore[arg-type]
