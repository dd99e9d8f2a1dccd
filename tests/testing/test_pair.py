"""`trio_ws.testing._pair`: connections over memory, without an opening handshake."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_ws import ConnectionLost, Heartbeat, HeartbeatTimeout, Limits, Timeouts
from trio_ws.testing import RawPeer, open_websocket_pair, open_websocket_to_peer
from trio_ws.testing._peer import PING, TEXT

from ..wires import both_roles


async def test_pair(autojump_clock: trio.testing.MockClock) -> None:
    """Client and server are connected to each other, and part without a wait."""
    async with open_websocket_pair(subprotocol="chat") as (client, server):
        await client.send("to the server")
        assert await server.receive() == "to the server"
        await server.send(b"to the client")
        assert await client.receive() == b"to the client"
        assert client.subprotocol == server.subprotocol == "chat"
    for ws in (client, server):
        assert ws.ending is not None
        assert ws.ending.normal
    assert not client.ending.received_first  # type: ignore[union-attr]
    assert server.ending.received_first  # type: ignore[union-attr]
    assert trio.current_time() == 0


async def test_pair_of_policies(autojump_clock: trio.testing.MockClock) -> None:
    """Both ends get the policies; with the default heartbeat they live on in silence."""
    limits = Limits(receive_buffer=1)
    async with open_websocket_pair(limits=limits) as pair:
        for ws, other in (pair, pair[::-1]):
            await other.send("unread")
            await trio.testing.wait_all_tasks_blocked()
            assert ws.statistics().reading_paused
            await ws.receive()
        await trio.sleep(1000)
        assert [ws.ending for ws in pair] == [None, None]
        assert all(ws.latency == 0 for ws in pair)


async def test_pair_with_an_exception(autojump_clock: trio.testing.MockClock) -> None:
    """What the block raises leaves it, itself; the server hears 1011."""
    own = ValueError()
    with pytest.raises(ValueError) as caught:
        async with open_websocket_pair() as (_, server):
            raise own
    assert caught.value is own
    assert server.ending is not None
    assert server.ending.code == 1011


@both_roles
async def test_to_peer(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """The tested end has the role asked for, and its peer the other one."""
    async with open_websocket_to_peer(client=client, subprotocol="chat") as (ws, peer):
        assert ws.subprotocol == "chat"
        await ws.send("hello")
        assert (await peer.expect_frame(TEXT, b"hello")).masked is client
        assert peer.client is not client
        await peer.send_text("hello too")
        assert await ws.receive() == "hello too"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.close_politely)
            await ws.close()
    assert trio.current_time() == 0


@both_roles
async def test_to_peer_and_policies(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Nobody is pinged unless asked for; the goodbye that nobody answers has its bound."""
    async with open_websocket_to_peer(client=client, timeouts=Timeouts(close=3)) as (ws, _):
        await trio.sleep(1000)
        assert ws.ending is None
    assert trio.current_time() == 1003
    with pytest.raises(HeartbeatTimeout):
        async with open_websocket_to_peer(client=client, heartbeat=Heartbeat()) as (_, peer):
            await peer.expect_frame(PING)
            await trio.sleep_forever()


@both_roles
async def test_streams_of_ones_own(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """They talk over the streams that are given, which must be both or none."""
    ours, theirs = trio.testing.lockstep_stream_pair()
    async with open_websocket_to_peer(client=client, stream=ours, peer_stream=theirs) as (ws, peer):
        assert isinstance(peer, RawPeer)
        assert peer.stream is theirs
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.send, "hello")
            await peer.expect_frame(TEXT, b"hello")
            nursery.start_soon(peer.close_politely)
            await ws.close()
    for streams in ({"stream": ours}, {"peer_stream": theirs}):
        with pytest.raises(ValueError, match="both"):
            async with open_websocket_to_peer(client=client, **streams):  # type: ignore[arg-type]
                raise AssertionError


async def test_peer_that_leaves(autojump_clock: trio.testing.MockClock) -> None:
    """A peer that is closed is gone, without a word."""
    with pytest.raises(ConnectionLost):
        async with open_websocket_to_peer(client=True) as (ws, peer):
            await peer.aclose()
            await ws.receive()


async def test_what_leaves_is_not_replaced(autojump_clock: trio.testing.MockClock) -> None:
    """A scope around the block that is cancelled does not hide what the block raised."""
    with trio.CancelScope() as scope, pytest.raises(ZeroDivisionError):
        async with open_websocket_to_peer(client=True):
            scope.cancel()
            raise ZeroDivisionError
