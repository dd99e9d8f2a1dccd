"""Endpoints: a fresh token for each attempt, several servers, and what to make of a code."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

from trio_ws import ConnectionClosed, HandshakeError, Reconnect, Remedy, WebSocket, supervise


async def with_fresh_tokens(
    session: Callable[[WebSocket], Awaitable[None]], get_token: Callable[[], Awaitable[str]]
) -> None:
    async def endpoint() -> str:
        return f"wss://feed.example/?token={await get_token()}"

    await supervise(session, endpoint)


async def with_another_library(get_token: Callable[[], Awaitable[str]]) -> str:
    try:
        token = await get_token()
    except RuntimeError as error:  # whatever that library raises when its server is away
        raise HandshakeError("no token", transient=True) from error
    return f"wss://feed.example/?token={token}"


async def with_several_servers(session: Callable[[WebSocket], Awaitable[None]]) -> None:
    await supervise(session, ["wss://eu.feed.example/", "wss://us.feed.example/"])


async def follow_the_feed(ws: WebSocket) -> None:
    expected = None
    async for message in ws:
        number = json.loads(message)["number"]
        if expected not in (None, number):
            raise Reconnect(f"a gap before {number}")
        expected = number + 1


def know_our_codes(failure: HandshakeError | ConnectionClosed) -> Remedy | None:
    if isinstance(failure, ConnectionClosed):
        match failure.ending.code:
            case 4001:  # "your subscription has ended"
                return Remedy.NONE
            case 4002:  # "token expired"
                return Remedy.REFRESH
    return None


async def with_codes_of_our_own(
    session: Callable[[WebSocket], Awaitable[None]], endpoint: Callable[[], Awaitable[str]]
) -> None:
    await supervise(session, endpoint, classify=know_our_codes)
