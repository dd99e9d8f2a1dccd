"""A client that is answered 401, logs in, and asks again: once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio
import trio.testing

from trio_ws import Rejected, Request, Response, WebSocket, open_websocket
from trio_ws.testing import MemoryNetwork

URL = "wss://api.example/"


async def run_logged_in(
    session: Callable[[WebSocket], Awaitable[None]], log_in: Callable[[str], Awaitable[str]]
) -> None:
    """Run a session; if the server says 401, log in as it asks, and try once more."""
    token = "an old token"
    for is_last in (False, True):
        try:
            async with open_websocket(URL, headers={"Authorization": f"Bearer {token}"}) as ws:
                await session(ws)
                return
        except Rejected as error:
            if is_last or error.response.status != 401:
                raise
            token = await log_in(error.response.headers["WWW-Authenticate"])


async def log_in(challenge: str) -> str:
    """Fetch a token from where tokens come from; here it is known."""
    print("the server asks for:", challenge)
    await trio.sleep(0.3)
    return "a fresh token"


def on_request(request: Request) -> Response | None:
    if request.headers.get("Authorization") == "Bearer a fresh token":
        return None
    return Response(401, {"WWW-Authenticate": 'Bearer realm="api", error="invalid_token"'})


async def greet(ws: WebSocket) -> None:
    await ws.send("welcome back")


async def session(ws: WebSocket) -> None:
    print("the server says:", await ws.receive())


async def main() -> None:
    async with MemoryNetwork(seed=1) as network:
        await network.serve(URL, greet, on_request=on_request)
        await run_logged_in(session, log_in)


if __name__ == "__main__":
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
