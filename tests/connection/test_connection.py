"""`trio_ws._connection.connection`: how the tasks of a connection start and end."""

from __future__ import annotations

import logging
import random
import socket

import pytest
import trio
import trio.testing

from trio_ws import ConnectionLost, Deflate, Heartbeat, Loss, Timeouts
from trio_ws._connection.connection import Connection
from trio_ws._connection.core import ConnectionCore
from trio_ws._connection.idle_compressors import current_idle_compressors
from trio_ws._connection.writer import Phase, Writer
from trio_ws._options import ConnectionOptions
from trio_ws.testing import RawPeer, open_websocket_pair
from trio_ws.testing._peer import PING, TEXT

from ..streams import socket_pair
from ..wires import (
    BadEnd,
    Own,
    TwoWayWire,
    Wire,
    both_roles,
    frames_of,
    goodbye_of,
    open_wired,
    opening,
    settled,
)

Clock = trio.testing.MockClock

TIMES = Timeouts(close=8, goodbye=2)


class Stand:
    """A connection without a block, over a wire to a raw peer."""

    def __init__(
        self, client: bool, wire_type: type[Wire] = TwoWayWire, heartbeat: Heartbeat | None = None
    ) -> None:
        ours, theirs = trio.testing.memory_stream_pair()
        self.wire = wire_type(ours)
        options = ConnectionOptions(heartbeat=heartbeat, timeouts=TIMES)
        self.tested = Connection(
            self.wire, opening(), client=client, options=options, name="tested"
        )
        self.core = self.tested.core
        self.peer = RawPeer(theirs, client=not client)


@both_roles
async def test_a_polite_end(autojump_clock: Clock, client: bool) -> None:
    """Both closed: the transport is closed, the tasks are gone, and all at once."""
    stand = Stand(client)
    async with trio.open_nursery() as nursery:
        stand.tested.start(nursery)
        await settled()
        assert [task.name for task in nursery.child_tasks] == ["trio_ws reader tested"]
        stand.tested.close_gracefully(1000, "bye")
        await settled()
        assert goodbye_of(stand.wire.written) == (1000, "bye")
        await stand.peer.send_close(1000)
        await stand.peer.send_eof()
    assert trio.current_time() == 0
    assert stand.core.finished.is_set()
    assert stand.wire.closed
    assert stand.core.lifetime.error is None


@both_roles
async def test_a_polite_end_on_a_socket(client: bool) -> None:
    """Where nothing has to wait, the socket is closed as soon as the peer has ended."""
    ours, theirs = socket_pair()
    assert isinstance(ours, trio.SocketStream)
    options = ConnectionOptions(heartbeat=None, timeouts=TIMES)
    tested = Connection(ours, opening(), client=client, options=options, name="tested")
    peer = RawPeer(theirs, client=not client)
    async with trio.open_nursery() as nursery, theirs:
        tested.start(nursery)
        await peer.send_close(1000)
        await tested.core.over.wait()
        assert not tested.core.finished.is_set()
        assert ours.socket.fileno() >= 0
        await peer.send_eof()
        await tested.core.finished.wait()
        assert ours.socket.fileno() == -1
    assert tested.core.lifetime.error is None


@both_roles
@pytest.mark.parametrize("stuck", [True, False], ids=["a stuck writer", "an idle writer"])
@pytest.mark.parametrize("quickly", [True, False])
async def test_a_peer_that_does_not_answer(
    autojump_clock: Clock, client: bool, stuck: bool, quickly: bool
) -> None:
    """Without an answer everything ends by force, when the time is up."""
    stand = Stand(client)
    async with trio.open_nursery() as nursery:
        stand.tested.start(nursery)
        if stuck:
            stand.wire.stop_taking()
        (stand.tested.close_quickly if quickly else stand.tested.close_gracefully)(1001)
        await settled()
        assert len(nursery.child_tasks) == 2
    assert trio.current_time() == (2 if quickly else 8)
    assert stand.wire.closed
    assert stand.core.protocol.ending is not None
    assert stand.core.protocol.ending.loss is Loss.UNANSWERED
    assert stand.core.lifetime.error is None


@both_roles
@pytest.mark.parametrize("politely", [True, False])
async def test_a_stream_that_cannot_be_closed(
    autojump_clock: Clock, client: bool, politely: bool
) -> None:
    """What closing the stream raises is kept for the block, and leaves no task."""
    stand = Stand(client, BadEnd)
    async with trio.open_nursery() as nursery:
        stand.tested.start(nursery)
        stand.tested.close_gracefully(1000)
        if politely:
            await stand.peer.send_close(1000)
            await stand.peer.send_eof()
    assert isinstance(stand.core.lifetime.error, ZeroDivisionError)
    assert stand.core.finished.is_set()


class Interrupted(TwoWayWire):
    """A stream in whose closing a Ctrl-C lands."""

    async def aclose(self) -> None:
        """Close, and be interrupted."""
        with trio.CancelScope(shield=True):
            await super().aclose()
        raise KeyboardInterrupt


@both_roles
async def test_a_ctrl_c_in_the_last_step(autojump_clock: Clock, client: bool) -> None:
    """It leaves the task, and what waits for the last step is told all the same."""
    stand = Stand(client, Interrupted)
    with pytest.raises(BaseExceptionGroup) as caught:  # noqa: ASYNC401 - beside cancellations
        async with trio.open_nursery() as nursery:
            stand.tested.start(nursery)
            stand.tested.close_quickly(1001)
    assert caught.group_contains(KeyboardInterrupt)
    assert stand.core.finished.is_set()


@both_roles
async def test_a_failure_in_the_last_step(
    autojump_clock: Clock, client: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes wrong while the end is told is kept for the block, too."""
    stand = Stand(client)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(ConnectionCore, "_bound_body", fail)
    async with trio.open_nursery() as nursery:
        stand.tested.start(nursery)
        stand.tested.close_gracefully(1000)
    assert isinstance(stand.core.lifetime.error, ZeroDivisionError)
    assert stand.wire.closed


@both_roles
async def test_a_failure_in_the_goodbye(
    autojump_clock: Clock, client: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of our own while a block is left leaves it, bare, and in the time of a goodbye."""

    def fail(writer: Writer) -> None:
        raise Own

    with pytest.raises(Own):
        async with open_wired(client) as (_, _, wire):
            monkeypatch.setattr(Writer, "after_change", fail)
    assert trio.current_time() == 0.5
    assert wire.closed


@both_roles
@pytest.mark.parametrize("shared", [False, True], ids=["own nursery", "shared nursery"])
async def test_a_log_that_fails(shared: bool, client: bool, autojump_clock: Clock) -> None:
    """A filter of the log that raises ends no connection, and keeps no block from being left."""

    def refuse(record: logging.LogRecord) -> bool:
        raise ZeroDivisionError

    logger = logging.getLogger("trio_ws.client" if client else "trio_ws.server")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addFilter(refuse)
    try:
        async with trio.open_nursery() as nursery:
            room = nursery if shared else None
            async with open_wired(client, nursery=room) as (ws, peer, wire):
                await ws.send("work")
                nursery.start_soon(peer.close_politely)
            assert ws.ending is not None
            assert ws.ending.clean
            assert wire.closed
            assert trio.current_time() <= 20.5
            assert not nursery.child_tasks
    finally:
        logger.removeFilter(refuse)
        logger.setLevel(level)


@both_roles
async def test_a_stream_that_cannot_be_closed_by_force(autojump_clock: Clock, client: bool) -> None:
    """What closing the stream raises when the time is up is kept for the block, too."""
    stand = Stand(client, BadEnd)
    async with trio.open_nursery() as nursery:
        stand.tested.start(nursery)
        stand.wire.stop_taking()
        stand.tested.close_quickly(1001)
    assert trio.current_time() == 2
    assert isinstance(stand.core.lifetime.error, ZeroDivisionError)


@both_roles
async def test_a_reader_that_fails(autojump_clock: Clock, client: bool) -> None:
    """When the reader fails, a stuck writer has the time of a goodbye, and is waited for."""
    stand = Stand(client)
    async with trio.open_nursery() as nursery:
        stand.tested.start(nursery)
        await settled()
        stand.wire.stop_taking()
        stand.core.protocol.send(b"stuck")
        stand.tested.writer.flush()
        await settled()
        stand.wire.break_receiving(ZeroDivisionError())
    assert trio.current_time() == 2
    assert isinstance(stand.core.lifetime.error, ZeroDivisionError)
    assert stand.tested.writer.phase is Phase.ENDED


async def test_on_a_socket(autojump_clock: Clock) -> None:
    """A socket is closed without a wait when the time is up."""
    ours, theirs = socket.socketpair()
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
    options = ConnectionOptions(heartbeat=None, timeouts=TIMES)
    tested = Connection(stream, opening(), client=False, options=options, name="tested")
    with theirs:
        async with trio.open_nursery() as nursery:
            tested.start(nursery)
            tested.close_gracefully(1000)
            assert tested.writer.phase is Phase.NO_TASK
        assert trio.current_time() == 8
        assert theirs.recv(100)[:2] == b"\x88\x02"
        assert theirs.recv(100) == b""


@both_roles
async def test_a_writer_that_never_started(autojump_clock: Clock, client: bool) -> None:
    """A stream that ends at once leaves a task that read, and one for the end of our direction."""
    stand = Stand(client)
    await stand.peer.send_eof()
    async with trio.open_nursery() as nursery:
        stand.tested.start(nursery)
    assert stand.core.protocol.ending is not None
    assert stand.core.protocol.ending.loss is Loss.EOF
    assert stand.tested.writer.phase is Phase.ENDED
    with pytest.raises(ConnectionLost):
        await stand.core.check_open()


@both_roles
async def test_pings(autojump_clock: Clock, client: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ping that is sent gets its pong; after a suspension of the machine one is sent at once."""
    # The first ping comes at a random point of the interval; here, at its end.
    monkeypatch.setattr(random, "random", lambda: 1.0)
    stand = Stand(client, heartbeat=Heartbeat(interval=100, timeout=100))
    async with trio.open_nursery() as nursery:
        stand.tested.start(nursery)
        await trio.sleep(1)
        ping = stand.tested.send_ping(b"payload")
        assert (await stand.peer.receive_frame()).payload == b"payload"
        await stand.peer.send_frame(10, b"payload")
        await ping.wait()
        assert ping.rtt == 0
        stand.tested.probe(60)
        await settled()
        assert [frame.opcode for frame in frames_of(stand.wire.written)] == [PING, PING]
        await stand.peer.send_frame(TEXT, b"x")
        stand.tested.close_quickly(1001)


async def test_an_idle_compressor(autojump_clock: Clock) -> None:
    """The compressor of a connection is looked after from its beginning to its end."""
    idle = current_idle_compressors()
    async with open_websocket_pair(compression=Deflate()):
        await trio.testing.wait_all_tasks_blocked()
        assert len(idle._watched) == 2
    assert idle._watched == {}
