"""How closing looks from a page, and how a page that goes away looks from here."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import trio

from trio_ws import Close, CloseCode, Ending

from .browser import Page
from .converse import Papers, Setup, Talk, converse, serve_one
from .wire import Wire

pytestmark = [pytest.mark.peer, pytest.mark.slow]

# How a close looks from the page --------------------------------------------------------------

WE_SEND = [
    *(code for code in CloseCode if code not in (1005, 1006, 1015)),
    3000,
    3999,
    4000,
    4999,
]


@pytest.mark.parametrize("code", WE_SEND, ids=int)
async def test_close_event_has_our_code_and_reason(page: Page, papers: Papers, code: int) -> None:
    """Every code that may be sent arrives in the page's CloseEvent, with its reason, as clean."""
    reason = "fin ☃" if code != 1000 else ""

    async def body(talk: Talk) -> None:
        await talk.ws.close(code, reason)

    ended = await converse("server", page, papers, Setup(), body)
    assert ended.seen_by_peer == {"saw": "close", "code": code, "reason": reason, "clean": True}
    assert ended.ending.clean
    assert ended.ending.received == Close(code, reason)


async def test_a_cut_connection_is_1006_and_not_clean(page: Page, papers: Papers) -> None:
    """A page that loses us learns 1006 and no more."""
    wire = Wire()

    async def body(talk: Talk) -> None:
        wire.cut()
        await trio.sleep_forever()

    ending, _ = await serve_one(page, papers, Setup(), body, wire)
    assert not ending.clean
    assert await page.saw("close") == {"saw": "close", "code": 1006, "reason": "", "clean": False}


THEY_SEND: list[tuple[dict[str, Any], Close]] = [
    ({"code": None, "reason": None}, Close(1005)),
    ({"code": 1000, "reason": None}, Close(1000)),
    ({"code": 1000, "reason": "done"}, Close(1000, "done")),
    ({"code": 3000, "reason": ""}, Close(3000)),
    ({"code": 4000, "reason": "x"}, Close(4000, "x")),
    ({"code": 4999, "reason": "é" * 61 + "."}, Close(4999, "é" * 61 + ".")),
]


@pytest.mark.parametrize(("call", "seen"), THEY_SEND, ids=str)
async def test_what_the_page_closes_with_is_what_we_receive(
    page: Page, papers: Papers, call: dict[str, Any], seen: Close
) -> None:
    """``socket.close(code, reason)`` is what `Ending.received` says; without arguments, 1005."""

    async def body(talk: Talk) -> None:
        await talk.peer.do("close", **call)
        await talk.ws.wait_closed()

    ended = await converse("server", page, papers, Setup(), body)
    assert ended.ending.received == seen
    assert ended.ending.received_first
    assert ended.ending.clean
    assert ended.ending.normal is (seen.code in (1000, 1005))
    assert ended.seen_by_peer["clean"]
    assert ended.seen_by_peer["code"] == seen.code


# A page that goes away ------------------------------------------------------------------------


async def see_off(page: Page, papers: Papers, go: Any) -> Ending:
    """How a connection ends whose page goes away while the handler waits for a message."""

    async def body(talk: Talk) -> None:
        await go()
        async for _ in talk.ws:
            pass

    ending, _ = await serve_one(page, papers, Setup(), body)
    return ending


async def test_a_page_kept_for_the_way_back_still_answers_pings(page: Page, papers: Papers) -> None:
    """A page in the back/forward cache is frozen, but its browser keeps the connection for it.

    Pings are answered and messages taken, though no script runs: only an answer of the page's
    own says that somebody is there.  A page that is not kept closes with 1001.
    """

    async def body(talk: Talk) -> None:
        await page.do("go", url="about:blank")
        if (await page.saw("hidden"))["cached"]:
            await trio.sleep(1)
            await talk.ws.send("is anybody there?")
            await talk.ws.ping()
            assert talk.ws.ending is None
            assert page.unread == []
            await page.close_tab()
        async for _ in talk.ws:
            pass

    ending, left = await serve_one(page, papers, Setup(), body)
    assert left is None
    assert ending.received == Close(1001)


async def test_a_page_can_close_as_it_is_hidden(page: Page, papers: Papers) -> None:
    """A page that closes its socket in ``pagehide`` is gone as soon as its user is."""

    async def leave() -> None:
        await page.do("close_when_hidden")
        await page.do("go", url="about:blank")

    ending = await see_off(page, papers, leave)
    assert ending.received == Close(1005)
    assert ending.normal


async def test_a_page_that_is_reloaded_says_going_away(page: Page, papers: Papers) -> None:
    """A reload closes with 1001."""
    ending = await see_off(page, papers, partial(page.do, "reload"))
    assert ending.received == Close(1001)
    assert ending.normal


async def test_a_tab_that_is_closed_says_going_away(page: Page, papers: Papers) -> None:
    """A closed tab closes with 1001."""
    ending = await see_off(page, papers, page.close_tab)
    assert ending.received == Close(1001)
    assert ending.normal


async def test_a_page_that_crashes_says_going_away(page: Page, papers: Papers) -> None:
    """When the page's process crashes, the rest of the browser still closes, with 1001."""
    ending = await see_off(page, papers, page.crash)
    assert ending.received == Close(1001)
    assert ending.normal


async def test_a_browser_that_is_killed_is_a_loss(page: Page, papers: Papers) -> None:
    """A killed browser says nothing: the kernel ends the connection for it."""

    async def kill() -> None:
        page.browser.stop()

    ending = await see_off(page, papers, kill)
    assert not ending.clean
    assert ending.code == 1006
