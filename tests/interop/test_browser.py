"""What only a browser can show of opening, of pings, and of being a server itself."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio

from trio_ws import Heartbeat, Limits, Request, Response, WebSocket, open_websocket, serve_websocket

from .browser import Page
from .converse import Papers, Setup, Talk, serve_one, serve_page
from .wire import PING, PONG, Wire

pytestmark = [pytest.mark.peer, pytest.mark.slow]

QUIET_SECONDS = 25
"""How long a page is watched for a ping of its own: more than the heartbeats of most libraries."""

MIB = 1024 * 1024


# The opening ----------------------------------------------------------------------------------


@asynccontextmanager
async def a_server(**options: Any) -> AsyncGenerator[tuple[str, list[WebSocket]]]:
    """A server that serves the page and holds every connection; its address, and they."""
    held: list[WebSocket] = []

    async def handler(ws: WebSocket) -> None:
        held.append(ws)
        await ws.wait_closed()

    async with trio.open_nursery() as nursery:
        options.setdefault("on_request", serve_page)
        serve = partial(serve_websocket, handler, "127.0.0.1", 0, **options)
        server = await nursery.start(serve)
        yield f"127.0.0.1:{server.port}", held
        nursery.cancel_scope.cancel()


async def test_a_page_of_another_origin_is_refused(page: Page) -> None:
    """By default a page can reach the server it came from, and no other one."""
    async with a_server() as (home, held), a_server() as (elsewhere, held_elsewhere):
        await page.open(f"http://{home}/page")
        await page.do("connect", url=f"ws://{elsewhere}/")
        assert (await page.saw("close"))["code"] == 1006
        assert held_elsewhere == []
        await page.do("connect", url=f"ws://{home}/")
        await page.saw("open")
        assert held[0].request.headers["Origin"] == f"http://{home}"


async def test_a_listed_origin_is_let_in(page: Page) -> None:
    """A page of an origin that is listed gets in from elsewhere."""
    async with a_server() as (home, _), a_server(origins=[f"http://{home}"]) as (elsewhere, held):
        await page.open(f"http://{home}/page")
        await page.do("connect", url=f"ws://{elsewhere}/")
        await page.saw("open")
        assert held[0].request.headers["Origin"] == f"http://{home}"


async def test_a_cookie_of_the_page_comes_with_the_upgrade(page: Page) -> None:
    """A cookie set with the page by `on_request` is in the headers of the upgrade."""

    def set_cookie(request: Request) -> Response | None:
        response = serve_page(request)
        if response is None:
            return None
        lines = [*response.headers.multi_items(), ("Set-Cookie", "session=s3same; HttpOnly")]
        return Response(response.status, lines, response.body)

    async with a_server(on_request=set_cookie) as (home, held):
        await page.open(f"http://{home}/page")
        await page.do("connect", url=f"ws://{home}/")
        await page.saw("open")
        assert held[0].request.headers["Cookie"] == "session=s3same"


async def test_a_refusal_shows_the_page_nothing(page: Page) -> None:
    """Whatever `on_request` answers, the page learns no more than 1006."""

    def refuse(request: Request) -> Response | None:
        return serve_page(request) or Response(403, (), "Not you.")

    async with a_server(on_request=refuse) as (home, held):
        await page.open(f"http://{home}/page")
        await page.do("connect", url=f"ws://{home}/")
        assert await page.saw("close") == {
            "saw": "close",
            "code": 1006,
            "reason": "",
            "clean": False,
        }
        assert held == []


async def test_a_page_whose_subprotocols_we_lack_hangs_up(page: Page) -> None:
    """A browser that offered subprotocols and got none does not open (unlike most libraries)."""
    async with a_server(subprotocols=["ours"]) as (home, held):
        await page.open(f"http://{home}/page")
        await page.do("connect", url=f"ws://{home}/", subprotocols=["theirs"])
        assert (await page.saw("close"))["code"] == 1006
        await page.do("connect", url=f"ws://{home}/", subprotocols=["theirs", "ours"])
        assert (await page.saw("open"))["subprotocol"] == "ours"
        assert held[-1].subprotocol == "ours"


async def test_compression_is_declined(page: Page, papers: Papers) -> None:
    """A browser always offers permessage-deflate; the page sees that nothing was agreed on."""
    async with a_server() as (home, held):
        await page.open(f"http://{home}/page")
        await page.do("connect", url=f"ws://{home}/")
        assert (await page.saw("open"))["extensions"] == ""
        assert "permessage-deflate" in held[0].request.headers["Sec-WebSocket-Extensions"]


# On the wire ----------------------------------------------------------------------------------


async def test_a_browser_answers_pings_and_sends_none(page: Page, papers: Papers) -> None:
    """Each ping comes back as a pong with the same payload; of itself the browser sends nothing."""
    wire = Wire()
    payloads = [b"", b"one", b"x" * 125]

    async def body(talk: Talk) -> None:
        await trio.sleep(QUIET_SECONDS)
        assert wire.frames_in() == []
        for payload in payloads:
            await talk.ws.ping(payload)

    await serve_one(page, papers, Setup(ours={"heartbeat": None}), body, wire)
    pings = [frame for frame in wire.frames_out() if frame.opcode == PING]
    pongs = [frame for frame in wire.frames_in() if frame.opcode == PONG]
    assert [frame.payload for frame in pings] == payloads
    assert [frame.payload for frame in pongs] == payloads
    assert all(frame.masked for frame in wire.frames_in())
    assert PING not in {frame.opcode for frame in wire.frames_in()}


async def test_a_browser_keeps_our_heartbeat_alive(page: Page, papers: Papers) -> None:
    """Twenty beats of the server's heartbeat go by; each was answered, none was asked for."""
    wire = Wire()

    async def body(talk: Talk) -> None:
        await trio.sleep(2)

    beat = Heartbeat(interval=0.1, timeout=5)
    ending, _ = await serve_one(page, papers, Setup(ours={"heartbeat": beat}), body, wire)
    assert ending.normal
    pings = [frame.payload for frame in wire.frames_out() if frame.opcode == PING]
    pongs = [frame.payload for frame in wire.frames_in() if frame.opcode == PONG]
    assert len(pongs) >= 10
    assert pongs == pings[: len(pongs)]


async def test_a_huge_message_of_a_page(page: Page, papers: Papers) -> None:
    """A message of 24 MiB arrives whole, in however many frames the browser sends it."""
    setup = Setup(ours={"limits": Limits(max_message_size=32 * MIB)})

    async def body(talk: Talk) -> None:
        await talk.peer.do("repeat", data="0123456789abcdef", times=24 * MIB // 16)
        assert await talk.ws.receive() == "0123456789abcdef" * (24 * MIB // 16)

    ending, left = await serve_one(page, papers, setup, body)
    assert left is None
    assert ending.normal


# A browser as server --------------------------------------------------------------------------


async def test_our_client_speaks_with_the_browsers_own_server(page: Page) -> None:
    """Chromium's DevTools are a WebSocket server: commands, and an answer of some mebibytes."""
    async with a_server() as (home, _):
        await page.open(f"http://{home}/page")
        limits = Limits(max_message_size=16 * MIB)
        async with open_websocket(page.debugger, limits=limits) as devtools:
            await devtools.send_json({"id": 1, "method": "Browser.getVersion"})
            version = await devtools.receive_json()
            assert "Chrome/" in version["result"]["product"]
            params = {"expression": "'x'.repeat(4 << 20)"}
            await devtools.send_json({"id": 2, "method": "Runtime.evaluate", "params": params})
            answer = await devtools.receive_json()
            assert answer["result"]["result"]["value"] == "x" * (4 * MIB)
        assert devtools.ending is not None
        assert devtools.ending.clean
