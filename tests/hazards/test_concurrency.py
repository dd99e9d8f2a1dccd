"""What goes wrong in this field between tasks (HAZARDS B4, B4a, B8 to B15, C8), in virtual time.

The lines that need a real socket are in `test_sockets`,
the sweeps and the thousand exits in files of their own.
"""

from __future__ import annotations

import signal
from contextlib import suppress

import pytest
import trio
import trio.testing

from trio_ws import ConnectionClosed, ConnectionLost, Heartbeat, Limits, WebSocket
from trio_ws.testing import open_websocket_pair
from trio_ws.testing._peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT

from ..wires import both_roles, closed_by, frames_of, goodbye_of, open_wired, settled

BEAT = Heartbeat(interval=1, timeout=1)


@both_roles
async def test_b4_slow_application(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """An application that stops reading for ten times the timeout kills no healthy peer.

    Pings are answered until the buffer is full, unsolicited pongs are sent after that.
    """
    limits = Limits(receive_buffer=500)
    async with open_wired(client, heartbeat=BEAT, limits=limits) as (ws, peer, wire):
        for number in range(5):
            await peer.send_frame(PING, b"%d" % number)
            await peer.send_text("x" * 86)
            await settled()
        await trio.sleep(20)
        assert ws.ending is None
        frames = frames_of(wire.written)
        assert {(PONG, b"%d" % number) for number in range(4)} <= {
            (frame.opcode, frame.payload) for frame in frames
        }
        assert [frame.payload for frame in frames].count(b"") == 20
        for _ in range(5):
            await ws.receive()
        assert ws.ending is None
        await peer.send_close()
        await peer.send_eof()


@pytest.mark.parametrize("bulk", [False, True])
async def test_b4_slow_application_at_both_ends(
    bulk: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Two of ours with short heartbeats kill each other neither in silence nor under load."""
    limits = Limits(receive_buffer=500, send_buffer=500)
    async with (
        open_websocket_pair(heartbeat=BEAT, limits=limits) as (client, server),
        trio.open_nursery() as nursery,
    ):

        async def send_bulk(ws: WebSocket) -> None:
            for _ in range(100):
                await ws.send("x" * 100)

        if bulk:
            nursery.start_soon(send_bulk, client)
            nursery.start_soon(send_bulk, server)
        await trio.sleep(20)
        assert client.ending is server.ending is None
        for _ in range(100 * bulk):
            await client.receive()
            await server.receive()


@both_roles
async def test_b4a_slow_link_in(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A large message that crawls in for many times the timeout kills nobody."""
    async with open_wired(client, heartbeat=BEAT) as (ws, peer, _):
        for number in range(100):
            await peer.send_frame(CONTINUATION if number else BINARY, bytes(1000), fin=number == 99)
            await trio.sleep(0.9)
        assert await ws.receive() == bytes(100_000)


@both_roles
async def test_b4a_slow_link_out(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A large message that crawls out for many times the timeout kills nobody.

    The peer, which gets no whole message and sends nothing, cannot even answer a ping.
    """
    async with open_wired(client, heartbeat=BEAT) as (ws, peer, wire):
        wire.stop_taking()
        await ws.send(bytes(1_000_000))
        for _ in range(55):
            await trio.sleep(0.9)
            wire.take_piece()
        assert ws.ending is None
        wire.take_again()
        assert (await peer.receive_frame()).payload == bytes(1_000_000)
        await peer.send_close()
        await peer.send_eof()


@both_roles
async def test_b8_close_instead_of_pong(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """When the peer closes instead of ponging, `ping` raises at once."""
    async with open_wired(client) as (ws, peer, _), trio.open_nursery() as nursery:

        async def close() -> None:
            await peer.expect_frame(PING)
            await peer.send_close(1000)
            await peer.send_eof()

        nursery.start_soon(close)
        assert (await closed_by(ws.ping)).ending.code == 1000
        assert trio.current_time() == 0


@both_roles
async def test_b9_cancelled_pings(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A thousand cancelled pings leave no entry behind."""
    async with open_wired(client) as (ws, _, _):
        for _ in range(1000):
            with trio.move_on_after(0.001):
                await ws.ping()
        assert len(ws._connection.core.pings) == 0


@both_roles
async def test_b10_pings_during_our_close(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Pings that arrive while we close do no harm."""
    async with open_wired(client) as (ws, peer, wire), trio.open_nursery() as nursery:
        nursery.start_soon(ws.close)
        await peer.expect_close(1000)
        for _ in range(100):
            await peer.send_frame(PING)
        await peer.send_close()
        await peer.send_eof()
        assert (await ws.wait_closed()).clean
    assert [frame.opcode for frame in frames_of(wire.written)] == [CLOSE]


@both_roles
async def test_b11_outer_scope_cancelled(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """When an outer scope is cancelled the peer receives a Close within the goodbye."""
    got: list[float] = []

    async def note() -> None:
        with trio.CancelScope(shield=True):
            await peer.expect_close(1001)
            got.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        with trio.move_on_after(3) as scope:
            async with open_wired(client) as (_, peer, _):
                nursery.start_soon(note)
                await trio.sleep_forever()
        assert scope.cancelled_caught
        assert trio.current_time() == 3.5
    assert got == [3]


@both_roles
@pytest.mark.parametrize("error", [trio.BrokenResourceError(), trio.ClosedResourceError()])
async def test_b12_goodbye_fails(
    error: Exception, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """When the body raises and the goodbye fails, the body's exception leaves."""
    own = ValueError()
    with pytest.raises(ValueError) as caught:
        async with open_wired(client) as (_, _, wire):
            wire.break_sending(error)
            raise own
    assert caught.value is own
    assert trio.current_time() <= 0.5


@both_roles
@pytest.mark.parametrize("code", [1000, 1011, None])
async def test_b13_two_receivers_one_end(
    code: int | None, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """When the connection ends every task that receives is woken."""
    with pytest.raises(ConnectionLost) if code is None else trio.CancelScope():
        async with open_wired(client) as (ws, peer, _):
            with pytest.RaisesGroup(ConnectionClosed, ConnectionClosed, ConnectionClosed):
                async with trio.open_nursery() as nursery:
                    for _ in range(3):
                        nursery.start_soon(shielded_receive, ws)
                    await settled()
                    with trio.CancelScope(shield=True):
                        await (peer.send_eof() if code is None else peer.send_close(code))
            await trio.lowlevel.checkpoint()


async def shielded_receive(ws: WebSocket) -> None:
    """Receive, whatever happens to the others."""
    with trio.CancelScope(shield=True):
        await ws.receive()


@both_roles
@pytest.mark.parametrize("way", ["break", "raise", "cancel"])
async def test_b14_stream_left_early(
    way: str, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A message left half-way does not brick the connection, by whichever way it was left."""
    async with open_wired(client, limits=Limits(receive_buffer=100)) as (ws, peer, _):
        await peer.send_frame(TEXT, b"x" * 50, fin=False)
        with trio.CancelScope() as scope, suppress(UnicodeDecodeError):
            async with ws.receive_stream() as chunks:
                async for _ in chunks:
                    if way == "break":
                        break
                    if way == "raise":
                        b"\xff".decode()
                    scope.cancel()
        for number in range(100):
            await peer.send_frame(CONTINUATION, b"x" * 50, fin=number == 99)
        await peer.send_text("next")
        assert await ws.receive() == "next"
        await peer.send_frame(PING)
        await peer.expect_frame(PONG)


@both_roles
def test_b15_keyboard_interrupt(client: bool) -> None:
    """A Ctrl-C in the body leaves bare, and the peer has been told."""
    wires = []

    async def main() -> None:
        async with open_wired(client) as (_, _, wire):
            wires.append(wire)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
    assert goodbye_of(wires[0].written)[0] == 1001


@both_roles
async def test_c8_unsolicited_pong(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A pong that nobody asked for is ignored, whatever it carries."""
    async with open_wired(client) as (ws, peer, wire):
        for payload in (b"", b"x", b"x" * 125):
            await peer.send_frame(PONG, payload)
        await peer.send_text("still open")
        assert await ws.receive() == "still open"
        assert wire.written == b""
