"""`trio_ws._transport.socket`: a socket that the poller watches."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

import pytest
import trio
from trio.testing import open_stream_to_socket_listener, wait_all_tasks_blocked

from trio_ws._concurrency.slim import SlimParkingLot
from trio_ws._connection.bell import Bell
from trio_ws._transport.adapter import transport_on
from trio_ws._transport.base import Transport
from trio_ws._transport.lent import lend
from trio_ws._transport.poller import current_poller
from trio_ws._transport.socket import SocketTransport

from ..streams import socket_pair


async def tcp_streams() -> tuple[trio.SocketStream, trio.SocketStream]:
    """Connect two streams over the loopback."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    async with listener:
        theirs = await open_stream_to_socket_listener(listener)
        return await listener.accept(), theirs


@pytest.fixture
def bell() -> Bell:
    """A bell at which no task waits."""
    return Bell(SlimParkingLot())


async def watched_by(bell: Bell) -> tuple[Transport, trio.SocketStream]:
    """Connect a transport over TCP that rings this bell."""
    ours, theirs = await tcp_streams()
    transport = transport_on(ours)
    if not transport.watch(bell):
        pytest.skip("this system has no poller")
    return transport, theirs


async def test_reading(bell: Bell) -> None:
    """A bell that has rung is quiet again when all is read."""
    transport, theirs = await watched_by(bell)
    assert transport.read_now(b"") is None
    await theirs.send_all(b"hello")
    await wait_all_tasks_blocked(0.01)
    assert bell.is_rung
    assert bytes(transport.read_now(b"tail") or b"") == b"tailhello"
    assert transport.bytes_received == 5
    assert not bell.is_rung
    transport.unwatch()
    transport.unwatch()
    await theirs.send_all(b"hello")
    await wait_all_tasks_blocked(0.01)
    assert not bell.is_rung
    await transport.aclose()
    await theirs.aclose()


async def test_the_number_is_known_while_it_is_watched(bell: Bell) -> None:
    """What is sent goes to this socket alone: its number may be another's behind the watch."""
    transport, theirs = await watched_by(bell)
    assert transport.send_bytes_now(b"watched") == 7
    transport.unwatch()
    assert transport.send_bytes_now(b"unwatched") == 9
    assert await theirs.receive_some() == b"watchedunwatched"
    assert isinstance(transport, SocketTransport)
    number = transport._socket.fileno()
    transport._socket.close()
    [reused, other] = socket.socketpair()
    assert reused.fileno() == number
    other.setblocking(False)
    assert transport.send_bytes_now(b"to another") == 0
    with pytest.raises(BlockingIOError):
        other.recv(100)
    reused.close()
    other.close()
    await theirs.aclose()


@pytest.mark.parametrize("unwatched_first", [True, False])
async def test_a_closed_socket_is_not_written(bell: Bell, unwatched_first: bool) -> None:
    """Who closes a socket forgets its number as well, watched or not."""
    transport, theirs = await watched_by(bell)
    if unwatched_first:
        transport.unwatch()
    assert transport.close_now()
    assert transport.send_bytes_now(b"late") == 0
    assert await theirs.receive_some() == b""
    transport.unwatch()
    await theirs.aclose()


async def test_the_end(bell: Bell) -> None:
    """The end stays to be read, behind what came before it."""
    transport, theirs = await watched_by(bell)
    await theirs.send_all(b"last")
    await theirs.aclose()
    await wait_all_tasks_blocked(0.01)
    assert bytes(transport.read_now(b"") or b"") == b"last"
    assert bell.is_rung
    for _ in range(2):
        data = transport.read_now(b"tail")
        assert data is not None
        assert not data
        assert bell.is_rung
    transport.unwatch()
    await transport.aclose()


async def test_reading_on(bell: Bell) -> None:
    """What is there goes where it belongs; a read that is filled may have left something."""
    transport, theirs = await watched_by(bell)
    buffer = bytearray(8)
    assert transport.receive_into_now(memoryview(buffer)) == 0
    await theirs.send_all(b"abcdefghijk")
    await wait_all_tasks_blocked(0.01)
    assert transport.receive_into_now(memoryview(buffer)) == 8
    assert bell.is_rung
    assert transport.receive_into_now(memoryview(buffer)) == 3
    assert not bell.is_rung
    assert bytes(buffer) == b"ijkdefgh"
    assert transport.bytes_received == 11
    await theirs.aclose()
    await wait_all_tasks_blocked(0.01)
    assert transport.receive_into_now(memoryview(buffer)) == 0
    assert bell.is_rung
    transport.unwatch()
    await transport.aclose()


async def test_urgent_data(bell: Bell) -> None:
    """A read that stops short at urgent data does not pass for one that has left nothing."""
    transport, theirs = await watched_by(bell)
    await theirs.send_all(b"before")
    await theirs.socket.send(b"!", socket.MSG_OOB)
    await theirs.send_all(b"behind")
    await wait_all_tasks_blocked(0.01)
    got = b""
    while bell.is_rung:
        got += bytes(transport.read_now(b"") or b"")
    assert got == b"beforebehind"
    transport.unwatch()
    await transport.aclose()
    await theirs.aclose()


@pytest.mark.parametrize(
    "read", [lambda t: t.read_now(b""), lambda t: t.receive_into_now(memoryview(bytearray(8)))]
)
async def test_a_broken_connection(bell: Bell, read: Callable[[Transport], object]) -> None:
    """A reset is a `BrokenResourceError` here, too."""
    transport, theirs = await watched_by(bell)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await theirs.aclose()
    await wait_all_tasks_blocked(0.01)
    assert bell.is_rung
    with pytest.raises(trio.BrokenResourceError, match="reset"):
        read(transport)
    transport.unwatch()
    await transport.aclose()


async def test_set_aside(bell: Bell) -> None:
    """While the socket is set aside nothing rings; what is there then rings when it is over."""
    transport, theirs = await watched_by(bell)
    for _ in range(2):
        transport.set_aside()
        transport.set_aside()
        await theirs.send_all(b"hello")
        await wait_all_tasks_blocked(0.01)
        assert not bell.is_rung
        transport.take_back()
        await wait_all_tasks_blocked(0.01)
        assert bell.is_rung
        assert bytes(transport.read_now(b"") or b"") == b"hello"
        transport.take_back()
        await wait_all_tasks_blocked(0.01)
        assert not bell.is_rung
    transport.set_aside()
    transport.unwatch()
    transport.take_back()
    transport.set_aside()
    assert transport.set_aside_if_alone() is None
    await transport.aclose()
    await theirs.aclose()


async def test_the_only_socket(bell: Bell) -> None:
    """The only socket that is watched is waited for by itself; of two none is."""
    transport, theirs = await watched_by(bell)
    lone = transport.set_aside_if_alone()
    assert lone is not None
    await theirs.send_all(b"hello")
    await lone.wait()
    lone.release()
    assert not bell.is_rung
    transport.take_back()
    await wait_all_tasks_blocked(0.01)
    assert bell.is_rung
    other, their_other = await watched_by(Bell(SlimParkingLot()))
    assert transport.set_aside_if_alone() is None
    bell.note_nothing()
    await theirs.send_all(b"more")
    await wait_all_tasks_blocked(0.01)
    assert bell.is_rung  # it was not set aside
    for each in (transport, other):
        each.unwatch()
        await each.aclose()
    await theirs.aclose()
    await their_other.aclose()


async def test_a_unix_socket(bell: Bell) -> None:
    """A Unix socket is not watched: a read of it may be short for reasons of its own."""
    ours, theirs = map(transport_on, socket_pair())
    assert not ours.watch(bell)
    await ours.aclose()
    await theirs.aclose()


async def test_another_protocol(bell: Bell) -> None:
    """A stream socket over IP that is not TCP is not watched either."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number = socket.create_connection(listener.getsockname()).detach()
    sctp = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132, fileno=number)
    with trio.socket.from_stdlib_socket(sctp) as ours:
        assert ours.proto == 132
        assert not SocketTransport(ours).watch(bell)


async def test_lent(bell: Bell) -> None:
    """A stream of the application's own is not watched: nothing would tell when it closes it."""
    ours, theirs = await tcp_streams()
    lend(ours)
    assert not transport_on(ours).watch(bell)
    await ours.aclose()
    await theirs.aclose()


async def test_without_a_poller(bell: Bell) -> None:
    """Where there is no poller, or the socket is closed already, nothing is watched."""
    ours, theirs = await tcp_streams()
    transport = transport_on(ours)
    with current_poller.replaced_by(None):
        assert not transport.watch(bell)
        transport.unwatch()
    await ours.aclose()
    assert not transport.watch(bell)
    await theirs.aclose()


async def test_what_is_not_watched_makes_no_poller() -> None:
    """A lent stream begins no poller, neither at its beginning nor at its end."""
    ours, theirs = await tcp_streams()
    lend(ours)
    transport = transport_on(ours)
    before = {task.name for task in system_tasks()}
    assert not transport.watch(Bell(SlimParkingLot()))
    transport.unwatch()
    assert {task.name for task in system_tasks()} == before
    await ours.aclose()
    await theirs.aclose()


def system_tasks() -> list[trio.lowlevel.Task]:
    """The tasks that live as long as the run."""
    root = trio.lowlevel.current_root_task()
    assert root is not None
    return [task for nursery in root.child_nurseries for task in nursery.child_tasks]
