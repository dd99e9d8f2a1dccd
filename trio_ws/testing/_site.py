"""A server on a simulated host: one port, and the handlers of the URLs that lead there.

Several URLs may share a port and differ in their paths; the server is one.
A path that no URL has is answered 404, unless a URL with the path ``/`` takes all of them.

A restart is what a crash is: connections are reset, handlers are cancelled,
and for a while nothing listens.  Then the same server starts anew.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeAlias

import trio

from .._concurrency.exceptions import unwrapping
from .._connection.websocket import WebSocket
from .._http import Request, Response
from .._server.options import ServerOptions
from .._server.serve import serve_websocket_listeners
from .._server.server import Server
from ._listener import MemoryListener

Handler: TypeAlias = Callable[[WebSocket], Awaitable[object]]
Listen: TypeAlias = Callable[[], MemoryListener]

NOT_FOUND = Response(404, {"Content-Type": "text/plain"}, "No URL of this network leads here.\n")


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
        self._handlers: dict[str, tuple[str, Handler]] = {}
        self._life = trio.CancelScope()
        self._back_at: float | None = None

    def add(self, path: str, url: str, handler: Handler) -> None:
        """Let `handler` answer for a path.

        Raises:
            ValueError: another one does already.
        """
        if path in self._handlers:
            taken, _ = self._handlers[path]
            raise ValueError(f"{url} is served already, as {taken}: one URL has one server")
        self._handlers[path] = url, handler

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
        options: dict[str, Any] = {**self.options}
        options["on_request"] = partial(self._answer, options.get("on_request"))
        serve = partial(serve_websocket_listeners, self._handle, [self._listener], **options)
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

    async def _answer(self, on_request: Any, request: Request) -> Response | None:
        if on_request is not None:
            answer = on_request(request)
            answer = await answer if inspect.isawaitable(answer) else answer
            if answer is not None:
                return answer  # type: ignore[no-any-return]  # the server checks it
        return None if self._find(request) else NOT_FOUND

    def _find(self, request: Request) -> tuple[str, Handler] | None:
        return self._handlers.get(request.path) or self._handlers.get("/")

    async def _handle(self, ws: WebSocket) -> None:
        found = self._find(ws.request)
        assert found is not None  # `_answer` would have said 404
        url, handler = found
        self.running[ws] = url
        try:
            await handler(ws)
            if size := ws.statistics().receive_queue:
                self.unread.append((url, size))
        finally:
            del self.running[ws]
            self._on_end()
