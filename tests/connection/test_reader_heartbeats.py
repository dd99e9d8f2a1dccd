"""`trio_ws._connection.reader`: what the reader does with what the heartbeats want to know."""

from __future__ import annotations

import random

import pytest
import trio
import trio.testing

from trio_ws import Heartbeat, MessageHeartbeat, MessageReply, Timeouts
from trio_ws.testing import RawPeer
from trio_ws.testing._peer import CONTINUATION, PING, PONG, TEXT

from ..wires import both_roles, frames_of, goodbye_of, open_wired, settled
from .cores import break_lease_of

Clock = trio.testing.MockClock

REPLY = MessageReply(is_ping=lambda message: message == "ping", reply="pong")


@pytest.fixture(autouse=True)
def no_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first question comes at the end of the first interval."""
    monkeypatch.setattr(random, "random", lambda: 1.0)


@both_roles
async def test_pongs_find_their_pings(autojump_clock: Clock, client: bool) -> None:
    """A pong is no message, in whatever company it arrives."""
    async with open_wired(client) as (ws, peer, _):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.ping, b"x")
            assert (await peer.receive_frame()).opcode == PING
            await peer.send_text("before")
            await peer.send_frame(PONG, b"x")
            await peer.send_text("behind")
        assert [await ws.receive(), await ws.receive()] == ["before", "behind"]
        await peer.send_close()


@both_roles
async def test_heartbeat_messages_are_taken_out(autojump_clock: Clock, client: bool) -> None:
    """A heartbeat among the messages is answered, and the others are in order."""
    async with open_wired(client, heartbeat=REPLY) as (ws, peer, wire):
        for text in ("a", "ping", "b"):
            await peer.send_text(text)
        assert [await ws.receive(), await ws.receive()] == ["a", "b"]
        await settled()
        assert [frame.payload for frame in frames_of(wire.written)] == [b"pong"]
        await peer.send_close()


@both_roles
async def test_a_heartbeat_in_place_of_the_stream(autojump_clock: Clock, client: bool) -> None:
    """A heartbeat that comes while a message is awaited in chunks leaves the next one to it."""
    async with open_wired(client, heartbeat=REPLY) as (ws, peer, _):
        async with ws.receive_stream() as chunks, trio.open_nursery() as nursery:

            async def talk() -> None:
                await settled()
                await peer.send_text("ping")
                await settled()
                await peer.send_frame(TEXT, bytes(2000), fin=False)
                await peer.send_frame(CONTINUATION, b"end")

            nursery.start_soon(talk)
            assert [chunk async for chunk in chunks] == ["\0" * 2000, "end"]
        await peer.send_close()


@both_roles
@pytest.mark.parametrize("streamed", [True, False])
async def test_a_function_that_raises(autojump_clock: Clock, client: bool, streamed: bool) -> None:
    """What a function of the policies raises ends the connection with 1011 and leaves the block."""

    def is_ping(_: str | bytes) -> bool:
        raise ZeroDivisionError

    policy = MessageReply(is_ping=is_ping, reply="pong")
    with pytest.raises(ZeroDivisionError):
        async with open_wired(client, heartbeat=policy) as (ws, peer, wire):
            await peer.send_text("x")
            if streamed:
                async with ws.receive_stream() as chunks:
                    await anext(chunks)
            await trio.sleep_forever()
    assert goodbye_of(wire.written)[0] == 1011


@both_roles
async def test_messages_keep_a_connection_from_idling(autojump_clock: Clock, client: bool) -> None:
    """Each message that arrives puts off the end of an idle connection, each chunk too."""
    async with open_wired(client, timeouts=Timeouts(idle=5, close=1)) as (ws, peer, _):
        for _ in range(3):
            await trio.sleep(4)
            await peer.send_text("x")
            await ws.receive()
        async with ws.receive_stream() as chunks:
            for number in range(3):
                await trio.sleep(4)
                opcode = CONTINUATION if number else TEXT
                await peer.send_frame(opcode, b"x", fin=number == 2)
                await settled()
                if number == 0:
                    await anext(chunks)
        assert ws.ending is None
        close = await peer.receive_frame()
        assert trio.current_time() == 24 + 5
        assert close.payload[:2] == (1001).to_bytes(2, "big")
        await peer.send_close(1001)


@both_roles
@pytest.mark.parametrize("by_message", [True, False])
async def test_one_reader_asks_for_others(
    autojump_clock: Clock, client: bool, by_message: bool
) -> None:
    """Readers whose leases end at the same tick all ask at that tick."""
    policy: Heartbeat | MessageHeartbeat = Heartbeat(interval=8, timeout=4)
    if by_message:
        policy = MessageHeartbeat(message="?", interval=8, timeout=4)
    async with (
        open_wired(client, heartbeat=policy) as (_, first, one),
        open_wired(client, heartbeat=policy) as (_, second, other),
    ):
        await trio.sleep(8)
        await settled()
        for wire in (one, other):
            (frame,) = frames_of(wire.written)
            assert frame.opcode == (TEXT if by_message else PING)
        await say_goodbye(first, second)


async def test_a_reader_hands_the_lead_on(autojump_clock: Clock) -> None:
    """If the reader that would ask for others goes before the tick, the next one wakes for it."""
    beat = Heartbeat(interval=8, timeout=4)
    leaders: list[RawPeer] = []

    async def lead() -> None:
        async with open_wired(True, heartbeat=beat) as (ws, leader, _):
            leaders.append(leader)
            await ws.wait_closed()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lead)
        await settled()
        async with open_wired(True, heartbeat=beat) as (_, peer, wire):
            await trio.sleep(1)
            await say_goodbye(*leaders)
            await leaders[0].send_eof()
            await trio.sleep_until(8)
            await settled()
            assert [frame.opcode for frame in frames_of(wire.written)] == [PING]
            await say_goodbye(peer)


async def say_goodbye(*peers: RawPeer) -> None:
    """Answer the Close that will come."""
    for peer in peers:
        await peer.send_close()


async def test_a_question_that_fails(
    autojump_clock: Clock,
) -> None:
    """What goes wrong while a neighbour asks for it leaves the block of the one it is about."""
    beat = Heartbeat(interval=8, timeout=4)
    async with open_wired(True, heartbeat=beat) as (leader, peer, _):
        await settled()
        with pytest.raises(ZeroDivisionError):
            async with open_wired(True, heartbeat=beat) as (ws, _, _):
                break_lease_of(ws)
                await trio.sleep_forever()
        assert trio.current_time() == 8 + Timeouts().goodbye
        assert leader.ending is None
        await say_goodbye(peer)
