"""What feeds of exchanges do: 1008 for "come back later", and connections of a day at most."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from trio_ws import (
    CloseCode,
    ConnectionClosed,
    HandshakeError,
    Reconnect,
    Remedy,
    WebSocket,
    supervise,
)

Session = Callable[[WebSocket], Awaitable[None]]


def know_this_feed(failure: HandshakeError | ConnectionClosed) -> Remedy | None:
    if isinstance(failure, ConnectionClosed):
        ending = failure.ending
        if ending.code == CloseCode.POLICY_VIOLATION and "too slow" in ending.reason:
            return Remedy.WAIT
    return None


async def follow(session: Session, url: str) -> None:
    await supervise(session, url, classify=know_this_feed)


async def at_most_a_day(session: Session, ws: WebSocket) -> None:
    """Be a session that asks for the next connection before the feed ends this one."""
    with trio.move_on_after(23.5 * 3600):
        await session(ws)
        return
    raise Reconnect("the feed ends connections after 24 hours", delay=0)
