"""The heartbeats of the documentation: those made by hand, and one of each kind."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext

import pytest
import trio
import trio.testing

from docs.snippets import heartbeat_by_hand, heartbeats, no_pings
from trio_ws import Heartbeat, Limits, WebSocket, open_websocket, serve_websocket
from trio_ws.testing import MemoryNetwork, Pong, RawPeer, ScriptedPeer, Text, open_websocket_to_peer

Work = Callable[[WebSocket], Awaitable[object]]


async def rest(ws: WebSocket) -> None:
    """Work that waits in something which has nothing to do with the connection."""
    await trio.sleep_forever()


async def test_by_hand_finds_a_silent_peer(autojump_clock: trio.testing.MockClock) -> None:
    """The first try works on a dead peer: after 40 s the work is cancelled, and a group leaves."""
    with pytest.RaisesGroup(heartbeat_by_hand.PeerIsSilent):
        async with open_websocket_to_peer(client=True) as (ws, _):
            try:
                await heartbeat_by_hand.with_pings(ws, rest)
            finally:
                assert trio.current_time() == 40


async def talk(ws: WebSocket) -> None:
    """Receive for an hour."""
    with trio.move_on_after(3600):
        while True:
            await ws.receive()


async def trickle(peer: RawPeer) -> None:
    """Send a message every ten seconds, and never a pong."""
    while True:
        await trio.sleep(10)
        await peer.send_text("I am here")


async def test_by_hand_gives_up_a_peer_that_speaks(autojump_clock: trio.testing.MockClock) -> None:
    """The first try wants its pong, whatever else the peer says."""
    async with open_websocket_to_peer(client=True) as (ws, peer), trio.open_nursery() as nursery:
        nursery.start_soon(trickle, peer)
        with pytest.RaisesGroup(heartbeat_by_hand.PeerIsSilent):
            await heartbeat_by_hand.with_pings(ws, talk)
        assert trio.current_time() == 40
        nursery.cancel_scope.cancel()


async def test_by_hand_any_byte_will_do(autojump_clock: trio.testing.MockClock) -> None:
    """The second try asks only into silence, and gives up only a peer that stays silent."""
    async with open_websocket_to_peer(client=True) as (ws, peer), trio.open_nursery() as nursery:
        nursery.start_soon(talk, ws)
        with trio.move_on_after(1005):
            nursery.start_soon(trickle, peer)
            await heartbeat_by_hand.ping_into_silence(ws)
        assert trio.current_time() == 1005
        nursery.cancel_scope.cancel()
    async with open_websocket_to_peer(client=True) as (ws, _):
        began = trio.current_time()
        with pytest.raises(heartbeat_by_hand.PeerIsSilent):
            await heartbeat_by_hand.ping_into_silence(ws)
        assert trio.current_time() - began == 40


async def test_by_hand_gives_up_when_we_do_not_read(autojump_clock: trio.testing.MockClock) -> None:
    """Both tries give up a healthy peer when the application is slow; the lease does not."""
    for beat in (heartbeat_by_hand.ping_for_ever, heartbeat_by_hand.ping_into_silence, rest):
        kept = Heartbeat() if beat is rest else None
        limits = Limits(receive_buffer=1)
        async with open_websocket_to_peer(client=True, heartbeat=kept, limits=limits) as (ws, peer):
            await peer.send_text("unread")
            with (
                trio.move_on_after(1000) as hour,
                nullcontext() if kept else pytest.raises(heartbeat_by_hand.PeerIsSilent),
            ):
                await beat(ws)
            assert hour.cancelled_caught is (kept is not None)
            assert ws.ending is None


# One of each kind


@asynccontextmanager
async def serving(handler: Work) -> AsyncGenerator[str]:
    """Serve on a free port; the URL."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, handler, "127.0.0.1", 0)
        yield f"ws://127.0.0.1:{server.port}/"
        nursery.cancel_scope.cancel()


async def say_something(ws: WebSocket) -> None:
    """What every client here can stand."""
    await ws.send('{"tick": 1}')


@pytest.mark.parametrize(
    "client",
    [
        heartbeats.watch_valve,
        heartbeats.listen_to_ticks,
        heartbeats.listen_to_chosen_ticks,
        heartbeats.ask_the_service,
        heartbeats.answer_the_service,
    ],
)
async def test_clients(
    client: Callable[[str], Awaitable[None]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each client prints what is said, until the server goes."""
    async with serving(say_something) as url:
        await client(url)
    assert capsys.readouterr().out == '{"tick": 1}\n'


async def test_a_page_gets_its_pong() -> None:
    """The page's messages are answered without the handler, others reach it."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(heartbeats.serve_pages, 0)
        async with open_websocket(f"ws://127.0.0.1:{server.port}/") as ws:
            for said, heard in (("ping", "pong"), ("Hello", "Hello"), ("ping", "pong")):
                await ws.send(said)
                assert await ws.receive() == heard
        nursery.cancel_scope.cancel()


async def test_the_service_gets_its_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """The answer carries what the question did, and the client sees neither."""
    answers = []

    async def ask(ws: WebSocket) -> None:
        await ws.send('{"ping": 1492}')
        answers.append(await ws.receive_json())

    async with serving(ask) as url:
        await heartbeats.answer_the_service(url)
    assert answers == [{"pong": 1492}]
    assert capsys.readouterr().out == ""


def test_which_messages_are_beats() -> None:
    """The functions of the how-tos tell messages apart, text from binary too."""
    assert heartbeats.is_tick('{"type": "tick"}')
    assert not heartbeats.is_tick(b'{"type": "tick"}')
    assert heartbeats.is_answer('{"op":"pong"}')
    assert not heartbeats.is_answer('{"op":"trade"}')


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="Linux has it")
async def test_with_user_timeout() -> None:
    """The option can be set on a stream of one's own."""
    async with serving(heartbeats.echo) as url:
        assert (
            await heartbeats.with_user_timeout("127.0.0.1", int(url[:-1].split(":")[2])) == "Hello"
        )


async def test_latency_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Before the first ping there is no latency to tell."""
    async with serving(heartbeats.echo) as url, open_websocket(url) as ws:
        heartbeats.tell_latency(ws)
        await ws.ping()
        heartbeats.tell_latency(ws)
    told = capsys.readouterr().out
    assert re.fullmatch(
        r"silent for \d+\.\d s; reading paused: False\n"
        r"last 0\.\d+ s, smoothed 0\.\d+ s\n"
        r"silent for 0\.0 s; reading paused: False\n",
        told,
    )


# Peers that do not know pings

DEVICE = "ws://device.example/"


@pytest.mark.parametrize(
    ("way", "asks"),
    [
        (no_pings.listen_only, None),
        (no_pings.ask_in_messages, Text("status?")),
        (no_pings.notice_when_sending, None),
    ],
    ids=["listens", "asks", "sends"],
)
async def test_without_pings(
    autojump_clock: trio.testing.MockClock,
    way: Callable[[Work], Awaitable[None]],
    asks: Text | None,
) -> None:
    """None of the three ways sends a ping for half an hour; one asks in messages."""

    async def device(peer: ScriptedPeer) -> None:
        await peer.accept()
        while trio.current_time() < 1800:
            if asks is None:
                await peer.expect_silence(50)
            else:
                await peer.expect(asks)
            await peer.send(Text("fine"))
        await peer.send_close(1000)
        await peer.expect_close(1000)

    async def work(ws: WebSocket) -> None:
        assert {message async for message in ws} == {"fine"}

    async with MemoryNetwork() as network:
        network.peer(DEVICE)(device)
        await way(work)
    assert trio.current_time() >= 1800


async def test_keeping_the_way_open(autojump_clock: trio.testing.MockClock) -> None:
    """Each 20 s there is a pong, which asks for nothing."""
    async with (
        open_websocket_to_peer(client=True, heartbeat=None) as (ws, peer),
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(no_pings.keep_the_way_open, ws)
        for beat in (20, 40, 60):
            frame = await peer.receive_frame()
            assert (frame.opcode, trio.current_time()) == (Pong().frame.opcode, beat)
        nursery.cancel_scope.cancel()
