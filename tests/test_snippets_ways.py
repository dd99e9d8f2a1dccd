"""What the pages about proxies and redirects show works."""

from __future__ import annotations

import pytest

from docs.snippets import ways
from trio_ws import WebSocket
from trio_ws.testing import RawPeer

from .client.places import PROXY, Heads, noting, redirect, scripted, tunnel
from .client.servers import Script, raw
from .supervision.test_loop_client import goodbye, in_turn

URL = "http://me:hunter2@proxy.example:3128"


async def greet(peer: RawPeer) -> None:
    """Accept, say hello, close."""
    await peer.accept()
    await peer.send_text("hello")
    await peer.close_politely()


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (tunnel(greet), "hello"),
        (raw(b"HTTP/1.1 407 x\r\n\r\n"), "the proxy does not know us"),
        (raw(b"HTTP/1.1 503 x\r\n\r\n"), "the proxy, or the way to it: no tunnel to h.example:80"),
        (raw(b""), "the proxy, or the way to it: no tunnel to h.example:80"),
    ],
    ids=range(4),
)
async def test_explain(script: Script, told: str, autojump_clock: object) -> None:
    """The page's function tells what the proxy did."""
    async with scripted({PROXY: script}):
        assert (await ways.explain(URL, "ws://h.example/")).startswith(told)


async def test_ask_this_machine(autojump_clock: object) -> None:
    """Another address, and the URL's host in the request."""
    heads = Heads()
    async with scripted({("10.0.0.1", 8080): noting(heads, greet)}):
        assert await ways.ask_this_machine("ws://h.example/", "10.0.0.1", 8080) == "hello"
    assert "Host: h.example" in heads.lines


async def test_follow_the_feed(autojump_clock: object) -> None:
    """Each attempt has a fresh token."""
    heads = Heads()
    count = 0

    async def fetch_token() -> str:
        nonlocal count
        count += 1
        return f"t{count}"

    async def session(ws: WebSocket) -> None:
        async for _ in ws:
            pass

    refuse = raw(b"HTTP/1.1 401 x\r\nContent-Length: 0\r\n\r\n")
    async with scripted({("h.example", 80): noting(heads, in_turn(refuse, goodbye))}):
        await ways.follow_the_feed("ws://h.example/", fetch_token, session)
    assert "Authorization: Bearer t2" in heads.lines


async def test_where_is(autojump_clock: object) -> None:
    """It tells where redirects lead, or that they lead nowhere."""
    places = {
        ("a.example", 80): redirect("ws://b.example/x"),
        ("b.example", 80): greet,
        ("c.example", 80): redirect("/"),
        ("d.example", 80): redirect("ftp://b.example/"),
    }
    async with scripted(places):
        assert await ways.where_is("ws://a.example/") == "b.example/x"
        assert await ways.where_is("ws://c.example/") == "ws://c.example/ -> ws://c.example/"
        assert "its scheme is 'ftp'" in await ways.where_is("ws://d.example/")
