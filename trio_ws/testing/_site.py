"""A server on a simulated host: one port, and the handlers of the URLs that lead there.

Several URLs may share a port and differ in their paths (`_paths`); the server is one.

A restart is what a crash is: connections are reset, handlers are cancelled,
and for a while nothing listens.  Then the same server starts anew.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias

import trio

from .._concurrency.exceptions import unwrapping
from .._connection.websocket import WebSocket
from .._server.options import ServerOptions
from .._server.selection import Handler, HandlerSelector
from .._server.serve import serve_websocket_listeners
from .._server.server import Server
from ._listener import MemoryListener
from ._paths import Paths

Listen: TypeAlias = Callable[[], MemoryListener]


class Site:
    """The server of one port; see the top of this file.

    Attributes:
        ended: whether it was drained: it is not started again.
        running: the connections whose handlers run, with the URL of each.
        unread: for each handler that returned and left messages: its URL, and their bytes.
    """

    def __init__(
        self,
        listener: MemoryListener,
        listen: Listen,
        options: ServerOptions,
        on_end: Callable[[], None],
    ) -> None:
        self.ended = False
        self._server: Server | None = None
        self._up = trio.Event()
        self.running: dict[WebSocket, str] = {}
        self.unread: list[tuple[str, int]] = []
        self.options = options
        self._listener = listener
        self._listen = listen
        self._on_end = on_end
        self._paths = Paths(self._watch)
        self._life = trio.CancelScope()
        self._back_at: float | None = None

    def add(self, path: str, url: str, selector: HandlerSelector) -> None:
        """Let `selector` choose the handlers of a path.

        Raises:
            ValueError: another one does already.
        """
        self._paths.add(path, url, selector)

    async def run(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Serve until cancelled or drained, and again after each restart."""
        while True:
            with trio.CancelScope() as self._life:
                await self._serve(task_status)
            if self._back_at is None:
                self.ended = True
                return
            await trio.sleep_until(self._back_at)
            self._back_at, task_status = None, trio.TASK_STATUS_IGNORED
            self._listener = self._listen()

    async def _serve(self, task_status: trio.TaskStatus[None]) -> None:
        handler: Any = self._paths  # a door takes a selector, too, though it does not say so
        serve = partial(serve_websocket_listeners, handler, [self._listener], **self.options)
        with unwrapping():
            async with trio.open_nursery() as nursery:
                self._server = await nursery.start(serve)
                self._up.set()
                task_status.started()

    async def wait_server(self) -> Server:
        """Return the `Server`, waiting for the end of a restart."""
        await self._up.wait()
        assert self._server is not None
        return self._server

    def restart(self, back_at: float) -> None:
        """End the server without a goodbye; start it again at that time."""
        self._back_at, self._up = back_at, trio.Event()
        self._life.cancel(reason="the server restarts")

    async def _watch(self, name: str, handler: Handler, ws: WebSocket) -> None:
        self.running[ws] = name
        try:
            await handler(ws)
            if size := ws.statistics().receive_queue:
                self.unread.append((name, size))
        finally:
            del self.running[ws]
            self._on_end()
