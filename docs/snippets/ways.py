"""Ways to a server: through a proxy, to another address, with a fresh token, along redirects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from trio_ws import (
    ProxyError,
    Rejected,
    TooManyRedirects,
    WebSocket,
    open_websocket,
    supervise,
)


async def through(proxy: str, url: str) -> str | bytes:
    async with open_websocket(url, proxy=proxy) as ws:
        return await ws.receive()


async def explain(proxy: str, url: str) -> str:
    try:
        return str(await through(proxy, url))
    except ProxyError as error:
        if error.response is not None and error.response.status == 407:
            return "the proxy does not know us"
        return f"the proxy, or the way to it: {error}"


async def ask_this_machine(url: str, host: str, port: int) -> str | bytes:
    async with open_websocket(url, connect_to=(host, port)) as ws:
        return await ws.receive()


async def follow_the_feed(
    url: str,
    fetch_token: Callable[[], Awaitable[str]],
    session: Callable[[WebSocket], Awaitable[None]],
) -> None:
    async def headers() -> dict[str, str]:
        return {"Authorization": f"Bearer {await fetch_token()}"}

    await supervise(session, url, headers=headers)


async def where_is(url: str) -> str:
    try:
        async with open_websocket(url, max_redirects=3) as ws:
            return f"{ws.request.headers['Host']}{ws.request.path}"
    except TooManyRedirects as error:
        return " -> ".join(error.chain)
    except Rejected as error:
        return str(error)
