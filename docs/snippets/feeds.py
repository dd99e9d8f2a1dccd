"""A feed that closes with 1008 where it means "come back later"."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from trio_ws import CloseCode, ConnectionClosed, HandshakeError, Remedy, WebSocket, supervise


def know_this_feed(failure: HandshakeError | ConnectionClosed) -> Remedy | None:
    if isinstance(failure, ConnectionClosed):
        ending = failure.ending
        if ending.code == CloseCode.POLICY_VIOLATION and "too slow" in ending.reason:
            return Remedy.WAIT
    return None


async def follow(session: Callable[[WebSocket], Awaitable[None]], url: str) -> None:
    await supervise(session, url, classify=know_this_feed)
