"""`_connection.incoming_message`: a message in chunks, and heartbeats among the messages.

A heartbeat is only ever a whole message, however it arrives, and a message is never torn by one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_ws import HeartbeatTimeout, MessageHeartbeat, MessageReply, Timeouts, Watchdog, WebSocket
from trio_ws._connection.heartbeat import LONGEST_HEARTBEAT
from trio_ws.testing import Frame, RawPeer
from trio_ws.testing._peer import BINARY, CONTINUATION, TEXT, encode

from ..wires import both_roles, frames_of, open_wired, settled

Clock = trio.testing.MockClock
Chunks = list[str | bytes]

REPLY = MessageReply(is_ping=lambda message: message == "ping", reply="pong")
ASK = MessageHeartbeat(message="?", interval=2, timeout=1, is_reply=lambda each: each == "ping")
LONG = "long" * LONGEST_HEARTBEAT


async def stream(ws: WebSocket, into: Chunks) -> None:
    """Take one message in chunks."""
    async with ws.receive_stream() as chunks:
        async for chunk in chunks:
            into.append(chunk)


async def send_slowly(peer: RawPeer, *fragments: str) -> None:
    """Send a text message in fragments, each taken in by itself."""
    for index, fragment in enumerate(fragments, 1):
        opcode = TEXT if index == 1 else CONTINUATION
        await peer.send_frame(opcode, fragment.encode(), fin=index == len(fragments))
        await settled()


async def send_in_two_segments(peer: RawPeer, client: bool, text: str) -> None:
    """Send a text message in one frame that arrives in two pieces."""
    data = encode(Frame(TEXT, text.encode(), masked=client))
    await peer.send_bytes(data[:-2])
    await settled()
    await peer.send_bytes(data[-2:])
    await settled()


@both_roles
@pytest.mark.parametrize("policy", [REPLY, ASK], ids=["reply", "ask"])
@pytest.mark.parametrize("begun", ["x", LONG], ids=["short", "long"])
async def test_the_last_fragment_is_no_heartbeat(
    autojump_clock: Clock, client: bool, policy: MessageReply | MessageHeartbeat, begun: str
) -> None:
    """A message that is claimed when it has begun to arrive is whole, whatever its end says."""
    async with open_wired(client, heartbeat=policy) as (ws, peer, _):
        await peer.send_frame(TEXT, begun.encode(), fin=False)
        await settled()
        chunks: Chunks = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream, ws, chunks)
            await settled()
            await peer.send_frame(CONTINUATION, b"ping")
        assert "".join(map(str, chunks)) == begun + "ping"
        await peer.send_text("next")
        assert await ws.receive() == "next"
        await peer.send_close()


@both_roles
@pytest.mark.parametrize("claimed", [True, False], ids=["claimed before", "claimed after"])
async def test_a_heartbeat_in_pieces(autojump_clock: Clock, client: bool, claimed: bool) -> None:
    """A heartbeat that arrives in two pieces is hidden and answered; the next message is whole."""
    async with open_wired(client, heartbeat=REPLY) as (ws, peer, wire):
        chunks: Chunks = []
        async with trio.open_nursery() as nursery:
            if claimed:
                nursery.start_soon(stream, ws, chunks)
                await settled()
            await send_in_two_segments(peer, not client, "ping")
            if not claimed:
                nursery.start_soon(stream, ws, chunks)
                await settled()
            await send_slowly(peer, "pi", "ng")
            assert chunks == []
            assert [frame.payload for frame in frames_of(wire.written)] == [b"pong"] * 2
            await send_slowly(peer, "a", LONG, "b")
        assert "".join(map(str, chunks)) == f"a{LONG}b"
        await peer.send_close()


@both_roles
async def test_right_behind_a_heartbeat(autojump_clock: Clock, client: bool) -> None:
    """A message that arrives in one read with a heartbeat before it is the one that is streamed."""
    async with open_wired(client, heartbeat=REPLY) as (ws, peer, _):
        chunks: Chunks = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream, ws, chunks)
            await settled()
            frames = [Frame(TEXT, text, masked=not client) for text in (b"ping", b"next", b"last")]
            await peer.send_bytes(b"".join(map(encode, frames)))
        assert chunks == ["next"]
        assert await ws.receive() == "last"
        await peer.send_text("and so on")
        assert await ws.receive() == "and so on"
        await peer.send_close()


@both_roles
@pytest.mark.parametrize("whole", [0, 2], ids=["at once", "behind whole messages"])
async def test_begun_right_behind_a_heartbeat(
    autojump_clock: Clock, client: bool, whole: int
) -> None:
    """A message that only begins in the read that brought a heartbeat loses nothing, nor its place.

    The next message is the one that is streamed, whether it is that one or came whole before it.
    """
    async with open_wired(client, heartbeat=REPLY) as (ws, peer, _):
        chunks: Chunks = []
        between = [f"whole {number}" for number in range(whole)]
        frames = [Frame(TEXT, text.encode(), masked=not client) for text in ("ping", *between)]
        begun = Frame(TEXT, f"begun {LONG}".encode(), fin=False, masked=not client)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream, ws, chunks)
            await settled()
            await peer.send_bytes(b"".join(map(encode, [*frames, begun])))
            await settled()
            await peer.send_frame(CONTINUATION, b", ended")
        taken = ["".join(map(str, chunks)), *[await ws.receive() for _ in between]]
        assert taken == [*between, f"begun {LONG}, ended"]
        await peer.send_close()


@both_roles
async def test_heartbeats_in_a_row(autojump_clock: Clock, client: bool) -> None:
    """Each heartbeat uses a claim up, and the next message comes in chunks all the same."""
    async with open_wired(client, heartbeat=REPLY) as (ws, peer, _):
        chunks: Chunks = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream, ws, chunks)
            for _ in range(3):
                await settled()
                await peer.send_bytes(encode(Frame(TEXT, b"ping", masked=not client)) * 2)
            await settled()
            await peer.send_frame(TEXT, LONG.encode(), fin=False)
            await settled()
            assert chunks == [LONG]
            await peer.send_frame(CONTINUATION, b"end")
        assert chunks == [LONG, "end"]
        await peer.send_close()


@both_roles
async def test_left_while_the_beginning_is_held_back(autojump_clock: Clock, client: bool) -> None:
    """Left before its first chunk was given, a message is not dropped."""
    async with open_wired(client, heartbeat=REPLY) as (ws, peer, _):
        async with ws.receive_stream() as chunks:
            await peer.send_frame(BINARY, b"begun", fin=False)
            with trio.move_on_after(1):
                await anext(chunks)
        await peer.send_frame(CONTINUATION, b", ended")
        assert await ws.receive() == b"begun, ended"
        await peer.send_close()


@both_roles
@pytest.mark.parametrize("send", [send_slowly, None], ids=["fragments", "segments"])
async def test_a_reply_in_pieces_keeps_the_peer_alive(
    autojump_clock: Clock, client: bool, send: Callable[..., object] | None
) -> None:
    """A reply that comes in pieces while the application streams is recognised."""
    async with open_wired(client, heartbeat=ASK) as (ws, peer, _):

        async def answer() -> None:
            while True:
                await peer.expect_frame(TEXT, b"?")
                if send is None:
                    await send_in_two_segments(peer, not client, "ping")
                else:
                    await send_slowly(peer, "pi", "ng")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer)
            with trio.move_on_after(20):
                await stream(ws, [])
            assert ws.ending is None
            nursery.cancel_scope.cancel()
        await peer.send_close()


async def test_a_beat_in_pieces(autojump_clock: Clock) -> None:
    """A watchdog for chosen messages sees them in pieces too, and misses them when they stop."""
    watchdog = Watchdog(timeout=5, is_beat=lambda message: message == "beat")
    chunks: Chunks = []
    with pytest.raises(HeartbeatTimeout):
        async with open_wired(True, heartbeat=watchdog) as (ws, peer, _):
            for _ in range(4):
                await trio.sleep(4)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(stream, ws, chunks)
                    await settled()
                    await send_slowly(peer, "be", "at")
            await trio.sleep_forever()
    assert chunks == ["beat"] * 4
    assert trio.current_time() == 4 * 4 + 5 + Timeouts().goodbye


# In any order

SIZES = [0, LONGEST_HEARTBEAT, 3 * LONGEST_HEARTBEAT, 3 * LONGEST_HEARTBEAT]

arrivals = st.lists(
    st.tuples(st.sampled_from(["ping", "ping", "text", "text", "binary"]), st.sampled_from(SIZES)),
    min_size=1,
    max_size=8,
)


ways_to_receive = st.lists(st.sampled_from([True, True, False]), min_size=1, max_size=4)


def wire_of(kind: str, content: bytes, client: bool, pieces: int) -> bytes:
    """Write a message in one frame, or in several."""
    opcode = BINARY if kind == "binary" else TEXT
    size = len(content) // pieces + 1
    parts = [content[at : at + size] for at in range(0, len(content), size)] or [b""]
    return b"".join(
        encode(
            Frame(
                CONTINUATION if index else opcode,
                part,
                fin=index == len(parts) - 1,
                masked=not client,
            )
        )
        for index, part in enumerate(parts)
    )


async def take_all(ws: WebSocket, ways: list[bool], count: int) -> Chunks:
    """Receive so many messages, some of them in chunks."""
    taken: Chunks = []
    for number in range(count):
        if ways[number % len(ways)]:
            chunks: Chunks = []
            await stream(ws, chunks)
            taken.append(chunks[0][:0].join(chunks))  # type: ignore[arg-type]
        else:
            taken.append(await ws.receive())
    return taken


async def run_in_any_order(
    client: bool, messages: list[tuple[str, int]], ways: list[bool], data: st.DataObject
) -> None:
    """Let messages and heartbeats arrive in pieces of any size; each comes once, in order."""
    sent: Chunks = []
    wire = b""
    for number, (kind, size) in enumerate(messages):
        text = "ping" if kind == "ping" else f"{number} " + "x" * size
        wire += wire_of(kind, text.encode(), client, data.draw(st.integers(1, 3)))
        if kind != "ping":
            sent.append(text if kind == "text" else text.encode())
    cuts = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=6)))
    early = data.draw(st.sampled_from([True, True, False]))
    with trio.fail_after(60):
        taken = await taken_of(client, wire, cuts, ways, len(sent), early)
    assert taken == [sent]


async def taken_of(
    client: bool, wire: bytes, cuts: list[int], ways: list[bool], count: int, early: bool
) -> list[Chunks]:
    """Let bytes arrive in pieces; receive before the first, or behind the last."""
    taken: list[Chunks] = []
    async with open_wired(client, heartbeat=REPLY) as (ws, peer, _):

        async def receive() -> None:
            taken.append(await take_all(ws, ways, count))

        async with trio.open_nursery() as nursery:
            if early:
                nursery.start_soon(receive)
                await settled()
            for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
                await peer.send_bytes(wire[start:end])
                await settled()
            if not early:
                nursery.start_soon(receive)
        await peer.send_close()
    return taken


@settings(max_examples=300)
@given(st.booleans(), arrivals, ways_to_receive, st.data())
def test_in_any_order(
    client: bool, messages: list[tuple[str, int]], ways: list[bool], data: st.DataObject
) -> None:
    """Whole or in chunks, beside heartbeats whole or in pieces: nothing is lost, torn or moved."""
    clock = trio.testing.MockClock(autojump_threshold=0)
    trio.run(partial(run_in_any_order, client, messages, ways, data), clock=clock)
