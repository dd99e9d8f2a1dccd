"""`_connection.incoming_message`: messages that are received in chunks, in bounded memory."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from trio_ws import (
    ConnectionClosed,
    ConnectionLost,
    Limits,
    MessageReply,
    MessageTooBig,
    WebSocket,
)
from trio_ws._connection.heartbeat import LONGEST_HEARTBEAT
from trio_ws.testing import Frame, RawPeer, open_websocket_pair
from trio_ws.testing._peer import BINARY, CONTINUATION, PING, PONG, TEXT, encode

from ..wires import both_roles, closed_by, open_wired, settled

Chunks = list[str | bytes]


async def stream(ws: WebSocket) -> Chunks:
    """Take one message in chunks."""
    async with ws.receive_stream() as chunks:
        return [chunk async for chunk in chunks]


@asynccontextmanager
async def streamed_from(
    client: bool, data: bytes, place: int
) -> AsyncGenerator[tuple[WebSocket, Chunks]]:
    """Begin to stream a message when so many bytes are there; the rest comes, and is taken."""
    async with open_wired(client) as (ws, peer, _), trio.open_nursery() as nursery:
        taken: list[Chunks] = []

        async def take() -> None:
            taken.append(await stream(ws))

        await peer.send_bytes(data[:place])
        await settled()
        nursery.start_soon(take)
        await settled()
        await peer.send_bytes(data[place:])
        await settled()
        yield ws, taken[0]


@both_roles
async def test_behind_a_long_frame(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A long frame that is buffered is one chunk, and what follows it is not taken with it."""
    long = bytes(100_000)
    data = encode(Frame(BINARY, long, masked=not client)) + encode(
        Frame(TEXT, b"next", masked=not client)
    )
    async with streamed_from(client, data, 50_000) as (ws, taken):
        assert taken == [long]
        with trio.fail_after(1):
            assert await ws.receive() == "next"


@both_roles
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
async def test_a_frame_that_waits_for_its_rest(
    opcode: int, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A short frame that is half there is taken once, by a stream that begins meanwhile."""
    data = encode(Frame(opcode, b"abcdef" * 10, masked=not client))
    async with streamed_from(client, data, 30) as (_, taken):
        empty = "" if opcode == TEXT else b""
        assert empty.join(taken) == ("abcdef" if opcode == TEXT else b"abcdef") * 10  # type: ignore[arg-type]


async def send_parts(peer: RawPeer, opcode: int, *parts: bytes) -> None:
    """Send a message in fragments, each taken in by itself."""
    for index, part in enumerate(parts, 1):
        await peer.send_frame(opcode, part, fin=index == len(parts))
        opcode = CONTINUATION
        await settled()


async def begin(peer: RawPeer, *parts: bytes) -> None:
    """Send the beginning of a text message."""
    for index, part in enumerate(parts):
        await peer.send_frame(CONTINUATION if index else TEXT, part, fin=False)
        await settled()


@both_roles
async def test_chunks(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Somebody who waits gets each piece as it arrives; an empty last fragment is no chunk."""
    async with open_wired(client) as (ws, peer, _):
        async with ws.receive_stream() as chunks:
            assert aiter(chunks) is chunks
            taken: Chunks = []

            async def take() -> None:
                async for chunk in chunks:
                    taken.append(chunk)

            async with trio.open_nursery() as nursery:
                nursery.start_soon(take)
                await settled()
                for number in range(3):
                    await peer.send_frame(CONTINUATION if number else TEXT, b"x", fin=False)
                    await settled()
                    assert taken == ["x"] * (number + 1)
                await peer.send_frame(PING, b"between")
                await peer.expect_frame(PONG, b"between")
                await peer.send_frame(CONTINUATION)
            assert taken == ["x"] * 3
            with pytest.raises(StopAsyncIteration):
                await anext(chunks)
        await peer.send_text("whole again")
        assert await ws.receive() == "whole again"


@both_roles
@pytest.mark.parametrize("fragments", [(b"a",), (b"a", b"b"), (b"", b"a", b"", b"b", b"")])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("when", ["before", "while it waits", "half-way"])
async def test_whenever_it_arrives(
    when: str,
    opcode: int,
    fragments: tuple[bytes, ...],
    client: bool,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The chunks are the whole message, whether it came before, after, or half-way."""
    taken: list[Chunks] = []

    async def take() -> None:
        taken.append(await stream(ws))

    async with open_wired(client) as (ws, peer, _), trio.open_nursery() as nursery:
        if when == "while it waits":
            nursery.start_soon(take)
            await settled()
        first, *rest = fragments
        await peer.send_frame(opcode, first, fin=not rest)
        await settled()
        if when == "half-way":
            nursery.start_soon(take)
            await settled()
        for index, fragment in enumerate(rest, 1):
            await peer.send_frame(CONTINUATION, fragment, fin=index == len(rest))
        await settled()
        if when == "before":
            nursery.start_soon(take)
    message = b"".join(fragments)
    assert len(taken) == 1
    assert all(taken[0])
    if opcode == TEXT:
        assert "".join(map(str, taken[0])) == message.decode()
    else:
        assert b"".join(chunk for chunk in taken[0] if isinstance(chunk, bytes)) == message


@both_roles
@pytest.mark.parametrize("fragments", [1, 2])
@pytest.mark.parametrize(("opcode", "chunk"), [(TEXT, ""), (BINARY, b"")])
async def test_empty_message(
    opcode: int,
    chunk: str | bytes,
    fragments: int,
    client: bool,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A message without any content is one empty chunk of its kind."""
    taken: list[Chunks] = []

    async def take() -> None:
        taken.append(await stream(ws))

    async with open_wired(client) as (ws, peer, _):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(take)
            await settled()
            await peer.send_frame(opcode, fin=fragments == 1)
            if fragments == 2:
                await peer.send_frame(CONTINUATION)
        assert taken == [[chunk]]


@both_roles
async def test_split_characters(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Chunks of text are whole characters, wherever the frames were cut."""
    async with open_wired(client) as (ws, peer, _), trio.open_nursery() as nursery:
        data = "aä€😀".encode()
        nursery.start_soon(send_parts, peer, TEXT, *[bytes([byte]) for byte in data])
        assert await stream(ws) == ["a", "ä", "€", "😀"]


@both_roles
async def test_bounded_memory(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """While the chunks are not taken at most `Limits.receive_buffer` bytes of them wait."""
    limits = Limits(receive_buffer=10_000, max_message_size=1 << 20)
    async with open_wired(client, limits=limits) as (ws, peer, _), trio.open_nursery() as nursery:
        size = 0
        async with ws.receive_stream() as chunks:
            nursery.start_soon(send_parts, peer, BINARY, *[bytes(1000)] * 200)
            async for chunk in chunks:
                size += len(chunk)
                await settled()
                assert ws.statistics().receive_queue <= 10_000 + 1000 + 64
        assert size == 200_000


@both_roles
async def test_size_limit(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """`Limits.max_message_size` holds for a message that is streamed too (P7)."""
    with pytest.raises(MessageTooBig, match=r"Limits\.max_message_size is 100") as caught:
        async with (
            open_wired(client, limits=Limits(max_message_size=100)) as (ws, peer, _),
            ws.receive_stream() as chunks,
        ):
            await begin(peer, b"x" * 60)
            assert await anext(chunks) == "x" * 60
            await peer.send_frame(CONTINUATION, b"x" * 60)
            await anext(chunks)
    assert caught.value.code == 1009


@both_roles
@pytest.mark.parametrize("rest", ["", "one more", "many more"])
@pytest.mark.parametrize("taken", [0, 1])
async def test_left_early(
    taken: int, rest: str, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Left early, the rest of the message is dropped as it arrives; the next one is whole."""
    async with open_wired(client, limits=Limits(receive_buffer=500)) as (ws, peer, _):
        async with ws.receive_stream() as chunks:
            for number in range(1 + taken):
                await peer.send_frame(CONTINUATION if number else TEXT, b"a", fin=False)
                assert await anext(chunks) == "a"
            await peer.send_frame(CONTINUATION, b"b", fin=False)
            await settled()
        assert ws.statistics().receive_queue == 0
        for _ in range({"": 0, "one more": 1, "many more": 50}[rest]):
            await peer.send_frame(CONTINUATION, b"x" * 50, fin=False)
            await settled()
        assert ws.statistics().receive_queue == 0
        await peer.send_frame(CONTINUATION, b"the end")
        await peer.send_text("next")
        assert await ws.receive() == "next"


@both_roles
async def test_left_early_and_streamed_again(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Whoever streams next gets the next message, not the rest of the one that was dropped."""
    async with open_wired(client) as (ws, peer, _), trio.open_nursery() as nursery:
        async with ws.receive_stream() as chunks:
            await begin(peer, b"dropped")
            await anext(chunks)
        nursery.start_soon(begin, peer)
        async with ws.receive_stream() as chunks:
            await peer.send_frame(CONTINUATION, b"dropped too", fin=False)
            await peer.send_frame(CONTINUATION, b"dropped as well")
            await peer.send_text("next")
            assert [chunk async for chunk in chunks] == ["next"]


@both_roles
async def test_left_early_and_a_heartbeat_message(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """After a message that was left early, heartbeat messages are still kept from who streams."""
    policy = MessageReply(is_ping=lambda message: message == "ping", reply="pong")
    async with open_wired(client, heartbeat=policy) as (ws, peer, _):
        async with ws.receive_stream() as chunks:
            await begin(peer, bytes(LONGEST_HEARTBEAT + 1))
            await anext(chunks)
        await peer.send_frame(CONTINUATION)
        async with ws.receive_stream() as chunks, trio.open_nursery() as nursery:
            nursery.start_soon(send_parts, peer, TEXT, b"ping")
            nursery.start_soon(peer.expect_frame, TEXT, b"pong")
            with trio.move_on_after(1) as patience:
                await anext(chunks)
            assert patience.cancelled_caught
            nursery.start_soon(send_parts, peer, TEXT, b"next")
            assert await anext(chunks) == "next"


@both_roles
async def test_left_without_taking(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Left before anything was asked for, or before anything came, no message is dropped."""
    async with open_wired(client) as (ws, peer, _):
        async with ws.receive_stream():
            await peer.send_text("first")
        assert await ws.receive() == "first"
        with trio.move_on_after(1):
            await stream(ws)
        await peer.send_text("second")
        assert await ws.receive() == "second"


@both_roles
async def test_left_after_the_last_chunk(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Left with the whole message there but not taken, the next message is whole."""
    async with open_wired(client) as (ws, peer, _):
        async with ws.receive_stream() as chunks:
            await begin(peer, b"a")
            assert await anext(chunks) == "a"
            await peer.send_frame(CONTINUATION, b"b", fin=False)
            await peer.send_frame(CONTINUATION, b"c")
            await peer.send_text("next")
            await settled()
        assert await ws.receive() == "next"


@both_roles
async def test_cancelled(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A chunk is not lost when the wait for it is cancelled."""
    async with open_wired(client) as (ws, peer, _), ws.receive_stream() as chunks:
        taken: Chunks = []
        for part in (b"a", b"b", b"c"):
            with trio.move_on_after(1) as patience:
                await anext(chunks)
            assert patience.cancelled_caught
            await peer.send_frame(CONTINUATION if taken else TEXT, part, fin=part == b"c")
            await settled()
            with trio.CancelScope() as scope:
                scope.cancel()
                await anext(chunks)
            assert scope.cancelled_caught
            taken.append(await anext(chunks))
        assert taken == ["a", "b", "c"]
        with pytest.raises(StopAsyncIteration):
            await anext(chunks)


@both_roles
async def test_one_after_the_other(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """One task streams at a time, the others wait in order of arrival."""
    taken: list[tuple[int, Chunks]] = []

    async def take(number: int) -> None:
        taken.append((number, await stream(ws)))

    async with open_wired(client) as (ws, peer, _):
        async with trio.open_nursery() as nursery:
            for number in range(3):
                nursery.start_soon(take, number)
                await settled()
            for number in range(3):
                await send_parts(peer, TEXT, b"%d" % number, b"x")
        assert taken == [(number, [f"{number}", "x"]) for number in range(3)]


@both_roles
async def test_beside_receive(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Each message goes to one taker, in chunks or whole, and none is torn between them."""
    whole: Chunks = []
    streamed: Chunks = []

    async def take_whole() -> None:
        async for message in ws:
            whole.append(message)

    async def take_chunks() -> None:
        with pytest.raises(ConnectionClosed):
            while True:
                streamed.append("".join(map(str, await stream(ws))))

    async with open_wired(client) as (ws, peer, _), trio.open_nursery() as nursery:
        nursery.start_soon(take_whole)
        nursery.start_soon(take_chunks)
        for number in range(100):
            await send_parts(peer, TEXT, b"%d" % number, b"x", b"y")
        await peer.send_close()
    assert sorted(map(str, whole + streamed)) == sorted(f"{number}xy" for number in range(100))
    assert streamed


@both_roles
@pytest.mark.parametrize("code", [1000, 1011, None])
async def test_end_half_way(
    code: int | None, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """When the connection ends before the message does, what came is given, then it raises."""
    with pytest.raises(ConnectionLost) if code is None else trio.CancelScope():
        async with open_wired(client) as (ws, peer, _), ws.receive_stream() as chunks:
            await begin(peer, b"a")
            assert await anext(chunks) == "a"
            await begin(peer)
            await peer.send_frame(CONTINUATION, b"b", fin=False)
            await (peer.send_close(code) if code else peer.send_eof())
            await settled()
            assert await anext(chunks) == "b"
            ending = (await closed_by(chunks.__anext__)).ending
            assert ending is ws.ending
            assert (await closed_by(chunks.__anext__)).ending is ending


@both_roles
async def test_end_instead_of_a_message(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Whoever waits to stream is woken by the end, and so is whoever waits for the turn."""
    async with open_wired(client) as (ws, peer, _):
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(closed_by, lambda: stream(ws))
            await settled()
            await peer.send_close()
        await closed_by(lambda: stream(ws))


@both_roles
async def test_no_holes_while_closing(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A message of which a part found no room while we close never seems to be whole."""
    async with (
        open_wired(client, limits=Limits(receive_buffer=200)) as (ws, peer, _),
        trio.open_nursery() as nursery,
        ws.receive_stream() as chunks,
    ):
        await begin(peer, b"a")
        assert await anext(chunks) == "a"
        nursery.start_soon(ws.close)
        await settled()
        for _ in range(6):
            await peer.send_frame(CONTINUATION, b"b", fin=False)
            await settled()
        taken = [await anext(chunks) for _ in range(4)]
        assert taken == ["b"] * 4
        await peer.send_frame(CONTINUATION, b"c")
        await peer.send_close()
        await peer.send_eof()
        await closed_by(chunks.__anext__)


async def test_outside_of_its_block() -> None:
    """Chunks can be taken inside of the block only."""
    async with open_websocket_pair() as (client, _):
        message = client.receive_stream()
        with pytest.raises(RuntimeError, match="async with"):
            await anext(message)
        async with message:
            pass
        with pytest.raises(RuntimeError, match="async with"):
            await anext(message)


async def test_large_message(autojump_clock: trio.testing.MockClock) -> None:
    """A large message in one frame can be streamed too, and be left early."""
    data = bytes(range(256)) * 3000
    async with open_websocket_pair() as (client, server):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send, data)
            chunks = await stream(server)
        assert b"".join(chunk for chunk in chunks if isinstance(chunk, bytes)) == data
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send, data)
            await settled()
            nursery.start_soon(client.send, "next")
            async with server.receive_stream() as message:
                await anext(message)
            assert await server.receive() == "next"


@both_roles
async def test_a_streamer_in_turn_is_woken_by_the_end(
    autojump_clock: trio.testing.MockClock, client: bool
) -> None:
    """A task that waits for its turn to stream raises when the connection is over.

    The task whose turn it is may go on with what has arrived.
    """
    async with open_wired(client) as (ws, peer, _):
        async with ws.receive_stream() as chunks:
            await peer.send_text("whole")

            async def stream() -> None:
                with pytest.raises(ConnectionClosed):
                    async with ws.receive_stream():
                        pass
                assert trio.current_time() == 1

            async with trio.open_nursery() as nursery:
                nursery.start_soon(stream)
                await trio.sleep(1)
                await peer.send_close()
                await peer.send_eof()
                await settled()
                nursery.start_soon(stream)
            assert [chunk async for chunk in chunks] == ["whole"]
        async with ws.receive_stream() as chunks:
            with pytest.raises(ConnectionClosed):
                await anext(chunks)


@pytest.mark.parametrize("iterate", [True, False])
async def test_a_stream_is_entered_once(
    autojump_clock: trio.testing.MockClock, iterate: bool
) -> None:
    """A `receive_stream()` that was left, early or not, or not yet, cannot be entered again."""
    async with open_wired(True) as (ws, peer, _):
        message = ws.receive_stream()
        await peer.send_frame(TEXT, b"begun", fin=False)
        async with message:
            if iterate:
                assert await anext(message) == "begun"
            with pytest.raises(RuntimeError, match=r"call receive_stream\(\) for each"):
                await message.__aenter__()
        with pytest.raises(RuntimeError, match=r"call receive_stream\(\) for each"):
            async with message:
                pass
        await peer.send_close()
