"""A page, a health check and a WebSocket on one port.

``on_request`` sees every HTTP request before anything is decided.
What it answers is sent; where it answers None, the request goes on to become a WebSocket,
or is refused with a reason if it does not ask for one.

Open http://localhost:8765/ in a browser to see the page count the server's seconds.
"""

from __future__ import annotations

from functools import partial

import trio

from trio_ws import Request, Response, Server, WebSocket, serve_websocket

PAGE = """\
<!doctype html>
<title>One port</title>
<p>This server has been up for <b id="seconds">…</b> seconds.</p>
<script>
  const ws = new WebSocket(location.origin.replace("http", "ws") + "/uptime");
  ws.onmessage = event => document.getElementById("seconds").textContent = event.data;
</script>
"""


def on_request(request: Request) -> Response | None:
    """Answer what is plain HTTP here; let the rest go on."""
    match request.path:
        case "/health":
            return Response(200, {"Content-Type": "text/plain"}, "fine\n")
        case "/":
            return Response(200, {"Content-Type": "text/html; charset=utf-8"}, PAGE)
        case "/uptime":
            return None
        case _:
            return Response(404, {"Content-Type": "text/plain"}, "There is nothing here.\n")


async def uptime(began: float, ws: WebSocket) -> None:
    """Tell the seconds since the server began, once a second, until the client has gone."""
    while True:
        await ws.send(f"{trio.current_time() - began:.0f}")
        await trio.sleep(1)


async def main(
    port: int = 8765, *, task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve all three."""
    handler = partial(uptime, trio.current_time())
    await serve_websocket(
        handler, "localhost", port, on_request=on_request, task_status=task_status
    )


if __name__ == "__main__":
    trio.run(main)
