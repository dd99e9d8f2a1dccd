"""A page, a health check and a WebSocket on one port.

The router chooses by the path of the request, before an upgrade is accepted.
Another path is answered 404, a plain request for the WebSocket 426.

Open http://localhost:8765/ in a browser to see the page count the seconds.
"""

from __future__ import annotations

import trio

from trio_ws import Request, Response, Router, Server, WebSocket, serve_websocket

PAGE = """\
<!doctype html>
<title>One port</title>
<p>You have been connected for <b id="seconds">…</b> seconds.</p>
<script>
  const ws = new WebSocket(location.origin.replace("http", "ws") + "/seconds");
  ws.onmessage = event => document.getElementById("seconds").textContent = event.data;
</script>
"""

router = Router()


@router.get("/health")
def health(request: Request) -> Response:
    """Tell a load balancer that all is well."""
    return Response.from_text("fine\n")


@router.get("/")
def page(request: Request) -> Response:
    """Show the page."""
    return Response.from_html(PAGE)


@router.websocket("/seconds")
async def count(ws: WebSocket) -> None:
    """Tell the seconds since the client has come, once a second, until it has gone."""
    began = trio.current_time()
    while True:
        await ws.send(f"{trio.current_time() - began:.0f}")
        await trio.sleep(1)


async def main(
    port: int = 8765, *, task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve all three."""
    await serve_websocket(router, "localhost", port, task_status=task_status)


if __name__ == "__main__":
    trio.run(main)
