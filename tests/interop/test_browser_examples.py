"""The pages of the examples work in a browser: they connect, answer, and come back."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
import trio

from examples import chat_rooms, dashboard
from trio_ws import MessageHeartbeat, WebSocket, open_websocket, serve_websocket

from .browser import Page

pytestmark = [pytest.mark.peer, pytest.mark.slow]


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so, for half a minute at most."""
    with trio.fail_after(30):
        while True:
            await trio.sleep(0.05)  # what another program does, no event tells
            if condition():
                return


@asynccontextmanager
async def tab(page: Page, url: str) -> AsyncGenerator[None]:
    """Show a page in a tab of its own."""
    opened = await page.browser.ask(f"new?{url}")
    try:
        yield
    finally:
        with trio.move_on_after(10, shield=True):
            await page.browser.ask(f"close/{opened['id']}")


@asynccontextmanager
async def serving(handler: Any, port: int, **options: Any) -> AsyncGenerator[int]:
    """Serve on a port; yield it."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(
            partial(serve_websocket, handler, "127.0.0.1", port, **options)
        )
        yield server.port
        nursery.cancel_scope.cancel()


async def hold_tab(page: Page, url: str) -> None:
    async with tab(page, url):
        await trio.sleep_forever()


async def test_the_dashboard_answers_and_comes_back(page: Page) -> None:
    """The script answers each question, and connects again when the server is back."""
    viewers: set[WebSocket] = set()
    beat = MessageHeartbeat(
        message=dashboard.ASK, is_reply=dashboard.is_reply, interval=0.5, timeout=2
    )
    handler = partial(dashboard.show, trio.current_time(), viewers)
    serve = partial(serving, handler, on_request=dashboard.on_request, heartbeat=beat)
    async with trio.open_nursery() as nursery:
        async with serve(0) as port:
            url = f"http://127.0.0.1:{port}/"  # it outlives this server: another comes
            nursery.start_soon(hold_tab, page, url)
            await until(lambda: viewers)
            first = set(viewers)
            await trio.sleep(4)
            assert viewers == first  # given up by now if the script did not answer
        assert viewers == set()
        async with serve(port):
            await until(lambda: viewers)
        nursery.cancel_scope.cancel()


async def test_the_chat_page_joins_its_room(page: Page) -> None:
    """The page connects to the room behind its hash, under the name in its query."""
    serve = serving(chat_rooms.router, 0)
    async with serve as port, open_websocket(f"ws://127.0.0.1:{port}/rooms/tea?name=Ada") as ada:
        with trio.fail_after(60):
            assert await ada.receive() == "Ada comes in"
            async with tab(page, f"http://127.0.0.1:{port}/?name=Bob%23tea"):
                assert await ada.receive() == "Bob comes in"
            assert await ada.receive() == "Bob leaves"
