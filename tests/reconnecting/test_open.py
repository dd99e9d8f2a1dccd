"""`trio_ws._reconnecting.open`: the door of a reconnecting channel."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from trio_ws import InvalidURL, SendBuffer
from trio_ws._reconnecting.open import open_reconnecting_websocket

from ..secrecy import QUERY, USERINFO
from ..worlds import World, listen

URL = f"ws://{USERINFO}example.com/feed{QUERY}"


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"when_down": "panic"}, ValueError, "when_down must be"),
        ({"buffer": 5}, TypeError, "buffer must be"),
        ({"on_connect": 5}, TypeError, "on_connect must be"),
        ({"backoff": 5}, TypeError, "backoff must be"),
        ({"retries": 5}, TypeError, "no option 'retries'"),
    ],
)
def test_refused(options: Any, error: type[Exception], text: str) -> None:
    """What makes no sense is refused before the block."""
    with pytest.raises(error, match=text):
        open_reconnecting_websocket(URL, **options)


def test_no_url() -> None:
    """So is an endpoint that is none."""
    with pytest.raises(InvalidURL):
        open_reconnecting_websocket("http://h/")


async def test_a_channel(nursery: trio.Nursery) -> None:
    """What it gives out is a channel that sends and closes."""
    world = World(nursery, listen)
    async with open_reconnecting_websocket(
        URL, connect=world.connect, buffer=SendBuffer()
    ) as channel:
        await channel.send("x")
        assert channel.statistics().messages_sent == 1
    nursery.cancel_scope.cancel()
