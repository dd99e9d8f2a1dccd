"""The page's server: files over HTTP, and what the watcher sees over a WebSocket, on one port.

Each page has a place of its own in the ring, and gets what is beyond it, 20 times a second at most.
So all pages see the same world, one that comes late sees the past as well,
and one that is slow keeps nothing alive but the ring.

A page tells which button was pressed.  So only our own page may connect:
the host must be this machine by a name that no other site can have (a rebound name is refused),
and the origin must be that host.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import asdict
from importlib import resources

import trio

from trio_ws import Limits, Request, Response, WebSocket

from ..watcher.ring import Ring
from ..watcher.watcher import PAUSE
from ..world.buttons import BUTTONS, CODES
from ..world.settings import HEARTBEAT

Press = Callable[[str, int], None]

LIVE = "/live"
LIMITS = Limits(max_message_size=1024)
NAMES = ("127.0.0.1", "localhost")
"""By which names the page may be asked for: it is served on this machine only."""

TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
FILES = (
    "page.html",
    "page.css",
    "icon.svg",
    "main.js",
    "model.js",
    "panels.js",
    "player.js",
    "timeline.js",
    "tree.js",
)

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'self'; connect-src 'self' ws://{host}; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Site:
    """What the page's server answers, for all pages."""

    def __init__(self, ring: Ring, press: Press) -> None:
        self._ring = ring
        self._press = press
        self._files = {f"/{name}": _read(name) for name in FILES}
        self._files["/"] = self._files.pop("/page.html")
        self._run = secrets.token_hex(8)

    # HTTP

    def answer(self, request: Request) -> Response | None:
        """Answer what is plain HTTP; None: a page of ours wants to connect."""
        host = request.headers.get("Host", "")
        if host.partition(":")[0] not in NAMES:
            return _text(421, "This is the demo of trio_ws; ask for it as 127.0.0.1.\n")
        if request.path == LIVE:
            if request.headers.get("Origin") != f"http://{host}":
                return _text(403, "Only the demo's own page may connect.\n")
            return None
        if request.path not in self._files:
            return _text(404, "There is nothing here; the page is at /\n")
        kind, body = self._files[request.path]
        headers = {name: value.format(host=host) for name, value in HEADERS.items()}
        return Response(200, {"Content-Type": kind, **headers}, body)

    # A page

    async def serve(self, ws: WebSocket) -> None:
        """Serve a page until it leaves."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._send_news, ws)
            async for message in ws:
                if complaint := self._obey(message):
                    await ws.send_json({"error": complaint})
            nursery.cancel_scope.cancel(reason="the page has gone")

    async def _send_news(self, ws: WebSocket) -> None:
        await ws.send_json(
            {
                "run": self._run,
                "buttons": [asdict(button) for button in BUTTONS.values()],
                "codes": CODES,
                "lease": {"interval": HEARTBEAT.interval, "timeout": HEARTBEAT.timeout},
            }
        )
        place = 0
        while True:
            await self._ring.wait_beyond(place)
            records, place = self._ring.read(place)
            await ws.send(f'{{"now":{trio.current_time():.4f},"records":{records}}}')
            await trio.sleep(PAUSE)

    def _obey(self, message: str | bytes) -> str:
        """Press the button that a page names; return what is wrong with the message, or ""."""
        try:
            wish = json.loads(message)
            self._press(wish["press"], wish.get("code", 1012))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            return f"this is no button: {error}"
        return ""


def _read(name: str) -> tuple[str, bytes]:
    kind = TYPES[name.rpartition(".")[2]]
    return f"{kind}; charset=utf-8", resources.files(__package__).joinpath(name).read_bytes()


def _text(status: int, text: str) -> Response:
    return Response(status, {"Content-Type": "text/plain; charset=utf-8"}, text)
