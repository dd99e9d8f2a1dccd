"""`trio_ws._transport`: what it can do on a bare socket, and the addresses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from trio.testing import (
    assert_checkpoints,
    memory_stream_one_way_pair,
    memory_stream_pair,
    wait_all_tasks_blocked,
)

from trio_ws._transport import Transport, remote_address

from .streams import Pair, pair_without_half_close, socket_pair, tls_pair


async def test_progress_of_a_socket() -> None:
    """A socket takes what it has room for, and says how much that was."""
    ours, theirs = map(Transport, socket_pair())
    data = memoryview(bytes(10_000_000))
    count = await ours.send_some(data)
    assert 0 < count < len(data)
    with trio.move_on_after(0) as full:
        while True:
            await ours.send_some(data)
    assert full.cancelled_caught
    received = 0
    while received < ours.bytes_sent:
        received += len(await theirs.receive_some())
    assert await ours.send_some(data) > 0
    await ours.aclose()
    await theirs.aclose()


async def test_send_now() -> None:
    """What goes without waiting goes at once, and is counted; a full socket takes nothing."""
    ours, theirs = map(Transport, socket_pair())
    assert ours.send_now(b"hello") == 5
    assert await theirs.receive_some() == b"hello"
    while ours.send_now(bytes(1_000_000)):
        pass
    received = 5
    while received < ours.bytes_sent:
        received += len(await theirs.receive_some())
    assert ours.send_now(b"room again") > 0
    await ours.aclose()
    await theirs.aclose()


@pytest.mark.parametrize("make", [memory_stream_pair, pair_without_half_close])
async def test_send_now_on_other_streams(make: Callable[[], Pair]) -> None:
    """A stream that is no bare socket takes nothing without waiting."""
    assert Transport(make()[0]).send_now(b"hello") == 0


async def test_send_now_to_nobody() -> None:
    """An error takes nothing, and `send_some` tells of it."""
    ours, theirs = map(Transport, socket_pair())
    await theirs.aclose()
    assert ours.send_now(b"hello") == 0
    with pytest.raises(trio.BrokenResourceError):
        await ours.send_some(memoryview(b"hello"))
    await ours.aclose()
    assert ours.send_now(b"hello") == 0


async def test_reading_on() -> None:
    """A read that was filled to the brim is followed by one that need not wait to be told."""
    ours, theirs = map(Transport, socket_pair())
    ours.send_now(b"abcdef")
    assert [await theirs.receive_some(4) for _ in range(2)] == [b"abcd", b"ef"]
    await ours.aclose()
    await theirs.aclose()


async def test_reading_on_where_nothing_is_left() -> None:
    """A read that was filled to the brim may also have been the last for a while."""
    ours, theirs = map(Transport, socket_pair())
    ours.send_now(b"abcd")
    assert await theirs.receive_some(4) == b"abcd"
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def send_later() -> None:
            await wait_all_tasks_blocked()
            ours.send_now(b"ef")

        assert await theirs.receive_some(4) == b"ef"
    await ours.aclose()
    await theirs.aclose()


async def test_reading_lets_others_run() -> None:
    """Every read is a checkpoint, whether or not bytes are there."""
    ours, theirs = map(Transport, socket_pair())
    ours.send_now(bytes(10))
    for _ in range(3):
        with assert_checkpoints():
            await theirs.receive_some(3)
        with trio.CancelScope() as scope:
            scope.cancel()
            await theirs.receive_some(1)
        assert scope.cancelled_caught
    await ours.aclose()
    await theirs.aclose()


# Addresses


async def over_tcp(use: Callable[[trio.SocketStream, trio.SocketStream], Any]) -> None:
    """Call with two streams over TCP, the accepted one second."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    client = await trio.testing.open_stream_to_socket_listener(listener)
    server = await listener.accept()
    async with listener, client, server:
        use(client, server)


@pytest.mark.parametrize("tls", [False, True])
async def test_addresses(tls: bool) -> None:
    """Both addresses are those of the socket, also under TLS."""

    def look(client: trio.SocketStream, server: trio.SocketStream) -> None:
        ours, theirs = tls_pair(client, server) if tls else (client, server)
        address = client.socket.getsockname()
        assert Transport(ours).local_address == Transport(theirs).remote_address == address
        assert Transport(ours).remote_address == Transport(theirs).local_address
        assert remote_address(theirs) == address

    await over_tcp(look)


async def test_no_address() -> None:
    """A stream that is no socket has no addresses, nor has a socket that is closed."""
    for stream in (*memory_stream_pair(), *socket_pair()):
        await stream.aclose()
        assert Transport(stream).local_address is None
        assert Transport(stream).remote_address is None
    sender, receiver = memory_stream_one_way_pair()
    assert remote_address(trio.StapledStream(sender, receiver)) is None
