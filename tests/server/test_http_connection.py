"""`trio_ws._server.http_connection`: requests and answers, one after the other."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from trio_ws import Request, Response, Timeouts
from trio_ws._handshake.server import Refusal
from trio_ws._server.admission import Admission, HandshakeSlot, Phase
from trio_ws._server.http_connection import LINGER, HttpConnection
from trio_ws._server.options import ServerConfig

from ..streams import socket_pair

PLAIN = b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n"


@asynccontextmanager
async def opened(
    stream: trio.abc.Stream, timeouts: Timeouts = Timeouts(), *, acquire: bool = True
) -> AsyncGenerator[tuple[HttpConnection, HandshakeSlot]]:
    """A connection and its slot, acquired or not."""
    door = Admission(
        max_handshakes=1,
        max_connections=None,
        connect=timeouts.connect,
        keep_alive=timeouts.keep_alive,
    )
    with door.handshake_slot() as slot:
        if acquire:
            slot.acquire()
        yield HttpConnection(stream, ServerConfig(timeouts=timeouts), slot, "x"), slot


async def answer(http: HttpConnection, response: Response, *, close: bool = False) -> bool:
    """Answer the request in hand."""
    return await http.answer(http.encode(response, close=close))


async def test_request_after_request(autojump_clock: object) -> None:
    """The slot is told what is waited for; another request may follow for `keep_alive`."""
    ours, theirs = trio.testing.memory_stream_pair()
    async with opened(ours, Timeouts(connect=5, keep_alive=20)) as (http, slot):
        assert slot.phase is Phase.NEW
        await theirs.send_all(PLAIN[:5])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(http.next_request)
            await trio.sleep(1)
            assert str(slot.phase) == "Phase.BUSY"
            assert slot.deadline == 5
            await theirs.send_all(PLAIN[5:])
        assert await answer(http, Response(200))
        assert b"\r\nKeep-Alive: timeout=20\r\n" in await theirs.receive_some()
        assert str(slot.phase) == "Phase.IDLE"
        assert slot.deadline == 1 + 20
        await theirs.send_all(PLAIN)
        request = await http.next_request()
        assert isinstance(request, Request)
        assert slot.deadline == 1 + 5
        await theirs.aclose()
        assert await answer_ignored(http)


async def answer_ignored(http: HttpConnection) -> bool:
    """Answer a peer that has gone."""
    with pytest.raises(trio.BrokenResourceError):
        await answer(http, Response(200))
    return True


async def test_two_requests_at_once(autojump_clock: object) -> None:
    """A request that came together with the last one is in hand at once."""
    ours, theirs = trio.testing.memory_stream_pair()
    async with opened(ours) as (http, slot):
        await theirs.send_all(PLAIN + PLAIN)
        await http.next_request()
        await answer(http, Response(200))
        assert await http.next_request() is not None
        assert slot.phase is Phase.BUSY


async def test_what_is_there() -> None:
    """From a socket the first request is read without waiting."""
    ours, theirs = socket_pair()
    await theirs.send_all(PLAIN)
    async with opened(ours) as (http, slot), ours, theirs:
        http.take_what_is_there()
        assert slot.phase is Phase.BUSY
        assert http.handshake.next_request() is not None


async def test_at_once() -> None:
    """A request that has come, and an answer that the kernel takes, need no slot."""
    ours, theirs = socket_pair()
    await theirs.send_all(PLAIN)
    async with opened(ours, Timeouts(connect=0.01), acquire=False) as (http, slot), ours, theirs:
        http.take_what_is_there()
        await http.next_request()
        await http.send(b"answer")
        await trio.sleep(0.02)
        assert await theirs.receive_some() == b"answer"
    assert not slot.lost


@pytest.mark.parametrize("wait", ["next_request", "send", "answer"])
async def test_what_waits_has_a_deadline(wait: str, autojump_clock: object) -> None:
    """To wait for a request, or for the peer to take an answer, takes the slot."""
    ours, theirs = trio.testing.lockstep_stream_pair()
    async with opened(ours, Timeouts(connect=5), acquire=False) as (http, slot), theirs:
        arguments: tuple[bytes, ...] = () if wait == "next_request" else (b"answer",)
        await getattr(http, wait)(*arguments)
    assert slot.lost
    assert trio.current_time() == 5


async def test_nothing_is_there() -> None:
    """Where nothing can be read without waiting the slot is new."""
    async with opened(trio.testing.memory_stream_pair()[0]) as (http, slot):
        http.take_what_is_there()
        assert slot.phase is Phase.NEW


async def test_ends(autojump_clock: object) -> None:
    """The end of the peer is no request, and what is none is refused."""
    ours, theirs = trio.testing.memory_stream_pair()
    async with opened(ours) as (http, _):
        await theirs.send_all(b"\xff")
        with pytest.raises(Refusal):
            await http.next_request()
    ours, theirs = trio.testing.memory_stream_pair()
    await theirs.aclose()
    async with opened(ours) as (http, _):
        assert await http.next_request() is None


async def test_the_last_answer(autojump_clock: object) -> None:
    """After an answer that ends the connection we read on for a moment, and no more (law 10)."""
    ours, theirs = trio.testing.memory_stream_pair()
    async with opened(ours) as (http, slot):
        await theirs.send_all(PLAIN)
        await http.next_request()
        await theirs.send_all(b"more")
        assert not await answer(http, Response(200, {"Date": "today"}), close=True)
        assert trio.current_time() == LINGER
        assert slot.phase is Phase.BUSY
    head = bytes(await theirs.receive_some())
    assert b"\r\nConnection: close\r\n" in head
    assert b"Keep-Alive" not in head
    assert head.count(b"Date: ") == 1
