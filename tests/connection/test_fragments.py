"""`trio_ws._connection.fragments`: messages that are sent from iterators."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import ConnectionClosed, ConnectionLost, Limits, LocalProtocolError, WebSocket
from trio_ws._connection.block import ConnectionBlock
from trio_ws._connection.writer import COALESCE_LIMIT
from trio_ws._options import ConnectionOptions
from trio_ws.testing._peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT

from ..wires import (
    TwoWayWire,
    both_roles,
    closed_by,
    frames_of,
    goodbye_of,
    open_wired,
    opening,
    settled,
)

Story = list[tuple[int, bytes, bool]]

LAST = (CONTINUATION, b"", True)
BROKEN_OFF = "a message was broken off"


def story(wire: TwoWayWire) -> Story:
    """Tell what went over a wire: opcode, payload and FIN of each frame, without the Close."""
    frames = frames_of(wire.written)
    return [(f.opcode, f.payload, f.fin) for f in frames if f.opcode != CLOSE]


class Generated:
    """An async generator of fragments that notes when it was closed; it raises exceptions."""

    def __init__(self, *items: object) -> None:
        self.items = items
        self.closed = False

    async def fragments(self) -> AsyncGenerator[Any, None]:  # noqa: ASYNC900
        try:
            for item in self.items:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            self.closed = True


class Source:
    """An async iterable that is no generator, and that others must not close."""

    def __init__(self, *items: str) -> None:
        self._items = iter(items)

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        for item in self._items:
            return item
        raise StopAsyncIteration

    async def aclose(self) -> None:
        raise AssertionError("this belongs to somebody else")


@both_roles
@pytest.mark.parametrize(
    ("make", "sent"),
    [
        (lambda: ["a"], [(TEXT, b"a", False)]),
        (
            lambda: ("ä", "", "b"),
            [(TEXT, b"\xc3\xa4", False), (CONTINUATION, b"", False), (CONTINUATION, b"b", False)],
        ),
        (
            lambda: iter([bytearray(b"a"), memoryview(b"b")]),
            [(BINARY, b"a", False), (CONTINUATION, b"b", False)],
        ),
        (lambda: [b""], [(BINARY, b"", False)]),
        (Generated("a", "b").fragments, [(TEXT, b"a", False), (CONTINUATION, b"b", False)]),
        (lambda: Source("a", "b"), [(TEXT, b"a", False), (CONTINUATION, b"b", False)]),
    ],
    ids=["list", "tuple", "bytes-like", "empty", "async generator", "async iterable"],
)
async def test_send(
    make: Callable[[], Any], sent: Story, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Each fragment is a frame, and an empty last frame ends the message (RFC 6455 §5.4)."""
    async with open_wired(client) as (ws, _, wire):
        await ws.send(make())
        await ws.flush()
        assert story(wire) == [*sent, LAST]
        assert ws.statistics().messages_sent == 1


@both_roles
async def test_each_fragment_is_flushed(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """The next fragment is asked for when the stream has taken the one before."""
    asked: list[str] = []

    def fragments() -> Any:
        for text in ("a", "b", "c"):
            asked.append(text)
            yield text

    async with open_wired(client) as (ws, _, wire), trio.open_nursery() as nursery:
        wire.stop_taking()
        nursery.start_soon(ws.send, fragments())
        for count in (1, 2, 3):
            await settled()
            assert asked == ["a", "b", "c"][:count]
            wire.take_piece()


@both_roles
async def test_messages_do_not_mix(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """While a message is sent in fragments others wait in order of arrival; control frames not."""
    async with open_wired(client) as (ws, peer, wire), trio.open_nursery() as nursery:
        send, receive = trio.open_memory_channel[str](0)
        nursery.start_soon(ws.send, receive)
        await send.send("a")
        nursery.start_soon(ws.send, "second")
        await settled()
        nursery.start_soon(ws.send, ["third"])
        await settled()
        nursery.start_soon(ws.send, b"fourth")
        await settled()
        assert ws.statistics().tasks_sending == 3
        await peer.send_frame(PING, b"between")
        await settled()
        await send.send("b")
        await settled()
        await send.aclose()
        await settled()
        assert story(wire) == [
            (TEXT, b"a", False),
            (PONG, b"between", True),
            (CONTINUATION, b"b", False),
            LAST,
            (TEXT, b"second", True),
            (TEXT, b"third", False),
            LAST,
            (BINARY, b"fourth", True),
        ]


@both_roles
@pytest.mark.parametrize("fragments", [[], (), iter(()), "generator"])
async def test_nothing_to_send(
    fragments: Any, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """An iterable without a fragment is neither text nor binary: refused, and nothing was sent."""
    if fragments == "generator":
        fragments = Generated().fragments()
    async with open_wired(client) as (ws, _, wire):
        with pytest.raises(LocalProtocolError):
            await ws.send(fragments)
        await ws.send("still open")
        await settled()
        assert story(wire) == [(TEXT, b"still open", True)]


@both_roles
@pytest.mark.parametrize(
    ("first", "error"),
    [
        (None, TypeError),
        (1, TypeError),
        (["a"], TypeError),
        ("\ud800", LocalProtocolError),
        (ValueError("its own"), ValueError),
    ],
    ids=repr,
)
async def test_failure_before_the_first_fragment(
    first: object,
    error: type[Exception],
    client: bool,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """As long as no fragment is out a failure leaves the connection as it was."""
    source = Generated(first)
    async with open_wired(client) as (ws, _, wire):
        with pytest.raises(error):
            await ws.send(source.fragments())
        assert source.closed
        await ws.send("still open")
        await settled()
        assert story(wire) == [(TEXT, b"still open", True)]
        assert ws.statistics().messages_sent == 1


@both_roles
@pytest.mark.parametrize(
    ("second", "error"),
    [
        (1, TypeError),
        (b"b", LocalProtocolError),
        ("\ud800", LocalProtocolError),
        (ValueError("its own"), ValueError),
    ],
    ids=repr,
)
async def test_failure_half_way(
    second: object,
    error: type[Exception],
    client: bool,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Once a fragment is out a failure closes the connection: the rest will never come."""
    source = Generated("a", second)
    async with open_wired(client) as (ws, _, wire):
        with pytest.raises(error):
            await ws.send(source.fragments())
        assert source.closed
        assert (await closed_by(lambda: ws.send("too late"))).ending.sent is not None
    assert story(wire) == [(TEXT, b"a", False)]
    assert goodbye_of(wire.written) == (1011, BROKEN_OFF)


@both_roles
async def test_a_peer_has_time_to_answer_for_half_a_message(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """The close for a message that failed is a polite one, bounded by `Timeouts.close`."""
    async with open_wired(client) as (ws, peer, _), trio.open_nursery() as nursery:

        async def answer_late() -> None:
            await peer.expect_frame(TEXT, b"half")
            assert await peer.expect_close(1011) == BROKEN_OFF
            await trio.sleep(5)
            await peer.send_close(1011)

        nursery.start_soon(answer_late)
        with pytest.raises(KeyError):
            await ws.send(Generated("half", KeyError("the other half")).fragments())
        assert (await ws.wait_closed()).clean


@both_roles
async def test_cancelled_before_the_first_fragment(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Cancelled while it waits for its turn, its first fragment, or room, nothing has happened."""
    async with open_wired(client, limits=Limits(send_buffer=1)) as (ws, _, wire):
        send, receive = trio.open_memory_channel[str](0)
        with trio.move_on_after(1) as waiting_for_the_first:
            await ws.send(receive)
        wire.stop_taking()
        await ws.send("in hand")
        await settled()
        await ws.send("queued")
        with trio.move_on_after(1) as waiting_for_room:
            await ws.send(["no room"])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.send, "first in line")
            await settled()
            with trio.move_on_after(1) as waiting_for_its_turn:
                await ws.send(["not my turn"])
            wire.take_again()
        await ws.send("last")
        await settled()
        texts = [b"in hand", b"queued", b"first in line", b"last"]
        assert story(wire) == [(TEXT, text, True) for text in texts]
    assert waiting_for_the_first.cancelled_caught
    assert waiting_for_room.cancelled_caught
    assert waiting_for_its_turn.cancelled_caught
    await send.aclose()


@both_roles
@pytest.mark.parametrize("wait", ["for a fragment", "for the stream", "for room"])
async def test_cancelled_half_way(
    wait: str, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Cancelled once a fragment is out, the connection closes in a hurry, whole frames only."""
    async with open_wired(client, limits=Limits(send_buffer=1)) as (ws, _, wire):
        send, receive = trio.open_memory_channel[str](9)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.send, receive)
            await send.send("a")
            await settled()
            if wait != "for a fragment":
                wire.stop_taking()
                await send.send("b")
                await settled()
            if wait == "for room":
                wire.take_piece()
                await send.send("c")
                await settled()
            nursery.cancel_scope.cancel()
        wire.take_again()
        assert (await ws.wait_closed()).sent is not None
        assert trio.current_time() == 0.5
    assert story(wire)[0] == (TEXT, b"a", False)
    assert LAST not in story(wire)
    assert goodbye_of(wire.written) == (1001, BROKEN_OFF)


@both_roles
async def test_closing_half_way(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A close by another task breaks off a message, and says that this is not normal (F3.7)."""

    async def fragments() -> AsyncGenerator[str, None]:  # noqa: ASYNC900
        yield "a"
        nursery.start_soon(ws.close)
        await settled()
        yield "b"

    async with open_wired(client) as (ws, peer, wire), trio.open_nursery() as nursery:
        nursery.start_soon(peer.close_politely)
        assert (await closed_by(lambda: ws.send(fragments()))).ending.clean
    assert story(wire) == [(TEXT, b"a", False)]
    assert goodbye_of(wire.written) == (1011, BROKEN_OFF)


@both_roles
@pytest.mark.parametrize("leaving", [True, False], ids=["leave", "close"])
async def test_a_code_of_the_applications_half_way(
    leaving: bool, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Only 1000 is not said behind half a message: any other code is what the peer hears."""

    async def fragments() -> AsyncGenerator[str, None]:  # noqa: ASYNC900
        yield "a"
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        async with open_wired(client) as (ws, _, wire):

            async def send() -> None:
                with suppress(ConnectionClosed):
                    await ws.send(fragments())

            nursery.start_soon(send)
            await settled()
            if not leaving:
                nursery.start_soon(ws.close, 4000, "enough")
                await settled()
        nursery.cancel_scope.cancel()
    assert goodbye_of(wire.written) == ((1011, BROKEN_OFF) if leaving else (4000, "enough"))


@both_roles
@pytest.mark.parametrize("mode", ["r", "rb"])
async def test_files(
    mode: str, client: bool, tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    """A file is refused, with the ways to send one: it would be iterated by lines (F3.4)."""
    path = tmp_path / "file"
    path.write_text("a\nb\n")
    async with open_wired(client) as (ws, _, wire):
        with path.open(mode) as file:
            for each in (file, trio.wrap_file(file)):
                with pytest.raises(TypeError, match=r"no file .* send\(file.read\(\)\)"):
                    await ws.send(each)
        assert wire.written == b""


@both_roles
async def test_an_iterator_that_takes_long(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Others have their turn behind each fragment that took milliseconds to make (P11, F3.11).

    Large fragments are written at once over a socket, so that nothing else is waited for.
    """
    turns: list[float] = []
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)

    def work() -> Iterator[bytes]:
        for _ in range(50):
            autojump_clock.jump(0.006)
            with suppress(BlockingIOError):
                theirs.recv(1 << 20)
            yield bytes(COALESCE_LIMIT + 1)

    async def tick() -> None:
        while True:
            turns.append(trio.current_time())
            await trio.lowlevel.checkpoint()

    stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
    rules = ConnectionOptions(heartbeat=None)
    ws = WebSocket(stream, opening(), client=client, options=rules, name="tested")
    with theirs:
        async with ConnectionBlock(ws), trio.open_nursery() as nursery:
            nursery.start_soon(tick)
            await ws.send(work())
            nursery.cancel_scope.cancel()
    # Both tasks have one turn in each round, in any order: two fragments at most between two.
    assert max(later - earlier for earlier, later in pairwise(turns)) < 0.013


@both_roles
async def test_lost_half_way(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """When the connection is lost half-way the iterator is closed, and the loss is what leaves."""
    source = Generated("a", "b")
    with pytest.raises(ConnectionLost):
        async with open_wired(client) as (ws, peer, wire):
            wire.stop_taking()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(ws.send, source.fragments())
                await settled()
                await peer.send_eof()
    assert source.closed


@both_roles
async def test_message_of_another_connection(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Sending the messages of another connection as one leaves that other one open."""
    async with open_wired(client) as (ws, _, wire), open_wired(client) as (source, peer, _):
        with trio.move_on_after(1):
            await peer.send_text("a")
            await ws.send(source)
        assert source.ending is None
        assert (await ws.wait_closed()).sent is not None
        assert story(wire) == [(TEXT, b"a", False)]
        with pytest.raises(ConnectionClosed):
            await ws.send(Source("b"))


@pytest.mark.parametrize("wrong", [None, 5, {"a": 1}])
async def test_what_is_no_iterable(wrong: object, autojump_clock: trio.testing.MockClock) -> None:
    """What is neither a message nor an iterable of fragments is refused; so is a mapping."""
    async with open_wired(True) as (ws, peer, _):
        with pytest.raises(TypeError, match="for other values use send_json"):
            await ws.send(wrong)  # type: ignore[arg-type]
        await peer.send_close()
