"""A conversation ends when it should: in virtual time, over memory."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress

import pytest
import trio
import trio.testing

from trio_ws import Close, ConnectionClosed, WebSocket
from trio_ws._cli.codec import make_codec
from trio_ws._cli.exits import CommandError
from trio_ws._cli.talk import PONG, Talk
from trio_ws.testing import open_websocket_pair, open_websocket_to_peer


class Typed(AsyncIterator[bytes]):
    """Lines, each after so many seconds."""

    def __init__(self, *lines: tuple[float, bytes]) -> None:
        self._lines = iter(lines)

    async def __anext__(self) -> bytes:
        """Return the next."""
        for pause, line in self._lines:
            await trio.sleep(pause)
            return line
        raise StopAsyncIteration


def at_once(*lines: bytes) -> Typed:
    """Return lines without pauses."""
    return Typed(*((0, line) for line in lines))


class Shown:
    """What was shown, and when."""

    def __init__(self) -> None:
        self.lines: list[tuple[float, bytes]] = []

    async def __call__(self, line: bytes) -> None:
        """Keep it."""
        await trio.lowlevel.checkpoint()
        self.lines.append((trio.current_time(), line))


async def echo(ws: WebSocket, delay: float = 0.0) -> None:
    """Send everything back, each after a delay."""
    with suppress(ConnectionClosed):
        async for message in ws:
            await trio.sleep(delay)
            await ws.send(message)


async def send_at(ws: WebSocket, times: Iterable[float]) -> None:
    """Send the time, at each of the times."""
    with suppress(ConnectionClosed):
        for time in times:
            await trio.sleep_until(time)
            await ws.send(f"{time}")


async def test_answers_are_awaited_until_there_is_silence(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Each that comes after the end of the input prolongs the wait."""
    shown = Shown()
    async with open_websocket_pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(send_at, server, [1.0, 2.5, 3.9, 6.5])
        talk = Talk(client, make_codec("text"), shown, wait=2.0)
        await talk.run(Typed((1.5, b"hi")))
        assert trio.current_time() == pytest.approx(5.9)
    assert shown.lines == [(1, b"1.0"), (2.5, b"2.5"), (3.9, b"3.9")]
    assert (talk.received, talk.satisfied) == (3, True)
    assert client.ending is not None
    assert client.ending.sent == Close(1000)


async def test_what_is_expected_ends_it_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """Also long after the end of the input, and while there is more of it."""
    shown = Shown()
    async with open_websocket_pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(echo, server, 100)
        talk = Talk(client, make_codec("text"), shown, expect=2, wait=math.inf)
        await talk.run(at_once(b"a", b"b"))
        assert trio.current_time() == 200
    assert talk.satisfied
    async with open_websocket_pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(echo, server)
        talk = Talk(client, make_codec("text"), shown, expect=1, wait=math.inf)
        await talk.run(Typed((0, b"c"), (1000, b"d")))
        assert trio.current_time() == 200
    assert [line for _, line in shown.lines] == [b"a", b"b", b"c"]


async def test_an_expectation_may_have_a_bound(autojump_clock: trio.testing.MockClock) -> None:
    """Then it is not met."""
    async with open_websocket_pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(server.wait_closed)
        talk = Talk(client, make_codec("text"), Shown(), expect=1, wait=3.0)
        await talk.run(at_once())
        assert trio.current_time() == 3
    assert not talk.satisfied


async def test_the_end_of_the_connection_is_the_end(autojump_clock: trio.testing.MockClock) -> None:
    """While the input goes on, and what came before it is shown."""
    shown = Shown()
    async with open_websocket_pair() as (client, server):
        await server.send("last words")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.close, 4000, "enough")
            await Talk(client, make_codec("text"), shown).run(Typed((1000, b"never")))
    assert [line for _, line in shown.lines] == [b"last words"]
    assert client.ending is not None
    assert client.ending.received == Close(4000, "enough")
    assert trio.current_time() == 0


async def test_a_line_that_meets_the_end_is_no_error(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The receiver still has what came before; then it ends."""
    shown = Shown()

    class Late(Shown):
        async def __call__(self, line: bytes) -> None:
            await trio.sleep(5)
            await super().__call__(line)

    shown = Late()
    async with open_websocket_pair() as (client, server):
        await server.send("a")
        await server.send("b")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(server.close)
            await Talk(client, make_codec("text"), shown).run(Typed((1, b"too late")))
    assert shown.lines == [(5, b"a"), (10, b"b")]


async def test_a_line_that_cannot_be_sent_ends_it(autojump_clock: trio.testing.MockClock) -> None:
    """Politely, and with its number; the peer did nothing wrong."""
    async with open_websocket_pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(echo, server)
        talk = Talk(client, make_codec("json"), Shown())
        with pytest.raises(CommandError, match="line 2 cannot be sent: it is not JSON"):
            await talk.run(at_once(b"1", b"x", b"2"))
    assert server.ending is not None
    assert server.ending.received == Close(1000)


async def test_a_person_is_told_and_may_go_on(autojump_clock: trio.testing.MockClock) -> None:
    """The next line is sent."""
    shown, told = Shown(), list[str]()
    async with open_websocket_pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(echo, server)
        talk = Talk(client, make_codec("json"), shown, wait=1.0)
        await talk.run(at_once(b"x", b"2"), told.append)
    assert told == ["not sent: it is not JSON (Expecting value at character 0)"]
    assert [line for _, line in shown.lines] == [b"2"]


async def test_commands_see_each_line_first(autojump_clock: trio.testing.MockClock) -> None:
    """They may take it, or change it."""
    shown = Shown()

    async def commands(line: bytes) -> bytes | None:
        await trio.lowlevel.checkpoint()
        return None if line == b"take" else line.upper()

    async with open_websocket_pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(echo, server)
        talk = Talk(client, make_codec("text"), shown, wait=1.0)
        await talk.run(at_once(b"take", b"up"), None, commands)
    assert [line for _, line in shown.lines] == [b"UP"]


async def test_what_comes_while_it_closes_is_shown(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A peer may have more to say before it answers the close."""
    shown = Shown()
    connected = open_websocket_to_peer(client=True)
    async with connected as (client, peer), trio.open_nursery() as nursery:
        nursery.start_soon(Talk(client, make_codec("text"), shown).run, at_once())
        await peer.expect_close(1000)
        await peer.send_text("last words")
        await trio.sleep(3)
        await peer.send_close(1000)
        await peer.send_eof()
    assert shown.lines == [(0, b"last words")]


async def test_silence_counts_when_the_peer_has_read_all(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A pong behind everything else tells; a peer that answers no ping is not waited for."""
    shown = Shown()
    connected = open_websocket_to_peer(client=True)
    async with connected as (client, peer), trio.open_nursery() as nursery:
        talk = Talk(client, make_codec("text"), shown, wait=2.0)
        nursery.start_soon(talk.run, at_once(b"question"))
        await peer.expect_frame(1, b"question")
        ping = await peer.expect_frame(9)
        await trio.sleep(5)
        await peer.send_frame(10, ping.payload)
        await trio.sleep(1)
        await peer.send_text("answer")
        await peer.expect_close(1000)
        assert trio.current_time() == 8
        await peer.send_close(1000)
        await peer.send_eof()
    assert shown.lines == [(6, b"answer")]
    connected = open_websocket_to_peer(client=True)
    async with connected as (client, peer), trio.open_nursery() as nursery:
        nursery.start_soon(Talk(client, make_codec("text"), shown, wait=2.0).run, at_once())
        await peer.expect_frame(9)
        await peer.expect_close(1000)
        assert trio.current_time() == 8 + PONG + 2
        await peer.send_close(1000)
        await peer.send_eof()


async def test_a_connection_that_ends_meanwhile_is_the_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The peer need not answer our ping."""
    connected = open_websocket_to_peer(client=True)
    async with connected as (client, peer), trio.open_nursery() as nursery:
        talk = Talk(client, make_codec("text"), Shown(), wait=2.0)
        nursery.start_soon(talk.run, at_once())
        await peer.expect_frame(9)
        await peer.send_close(1001)
        await peer.expect_close(1001)
        await peer.send_eof()
    assert trio.current_time() == 0
