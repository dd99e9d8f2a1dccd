"""A dashboard: a page that shows figures of this server, and comes back by itself.

Open http://localhost:8765/, stop this program, and start it again.
The page's browser answers pings, but the page may be frozen all the same.
So this server asks in messages, which only the page's script can answer.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import trio

from trio_ws import (
    Message,
    MessageHeartbeat,
    Request,
    Response,
    Server,
    WebSocket,
    serve_websocket,
)

PAGE = Path(__file__).with_name("dashboard.html")

ASK, REPLY = '{"ping": true}', '{"pong": true}'


def is_reply(message: Message) -> bool:
    return message == REPLY


HEARTBEAT = MessageHeartbeat(message=ASK, is_reply=is_reply, interval=10, timeout=10)
"""Ask after ten seconds without a reply; give the page up after ten more."""


async def on_request(request: Request) -> Response | None:
    if request.path != "/":
        return None
    page = await trio.Path(PAGE).read_bytes()
    return Response(200, {"Content-Type": "text/html; charset=utf-8"}, page)


async def show(began: float, viewers: set[WebSocket], ws: WebSocket) -> None:
    """Send the figures once a second, for as long as the page is there."""
    viewers.add(ws)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send_figures, began, viewers, ws)
            async for _ in ws:  # to notice when the page goes
                pass
            nursery.cancel_scope.cancel("the page has gone")
    finally:
        viewers.discard(ws)


async def send_figures(began: float, viewers: set[WebSocket], ws: WebSocket) -> None:
    while True:
        uptime = trio.current_time() - began
        await ws.send(json.dumps({"uptime": round(uptime), "viewers": len(viewers)}))
        await trio.sleep(1)


async def main(
    port: int = 8765, *, task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED
) -> None:
    handler = partial(show, trio.current_time(), set[WebSocket]())
    serve = partial(serve_websocket, on_request=on_request, heartbeat=HEARTBEAT)
    await serve(handler, "localhost", port, task_status=task_status)


if __name__ == "__main__":
    trio.run(main)
