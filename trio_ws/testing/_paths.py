"""Which handler answers for which path of a simulated server.

Several URLs may share a port and differ in their paths; the server is one.
A path that no URL has is answered 404, unless a URL with the path ``/`` takes all of them.
That may be a `Router`, which has paths of its own below.

Every handler that is chosen is called by way of `watch`, which is told its name.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeAlias

from .._connection.websocket import WebSocket
from .._http import Request, Response
from .._server.selection import Handler, HandlerSelector, Route, Selection

Watch: TypeAlias = Callable[[str, Handler, WebSocket], Awaitable[object]]

NOT_FOUND = Response(404, {"Content-Type": "text/plain"}, "No URL of this network leads here.\n")


class Paths(HandlerSelector):
    """The handlers of one server, by path; see the top of this file."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._selectors: dict[str, tuple[str, HandlerSelector]] = {}

    def add(self, path: str, url: str, selector: HandlerSelector) -> None:
        """Let `selector` choose the handlers of a path.

        Raises:
            ValueError: another one does already.
        """
        if path in self._selectors:
            taken, _ = self._selectors[path]
            raise ValueError(f"{url} is served already, as {taken}: one URL has one server")
        self._selectors[path] = url, selector

    def complete(self) -> Sequence[Route]:
        """Return the routes of the router, if there is one."""
        return [route for _, each in self._selectors.values() for route in each.complete()]

    async def select(self, request: Request) -> Selection:
        """Choose the handler, and let it be watched."""
        found = self._selectors.get(request.path) or self._selectors.get("/")
        if found is None:
            return NOT_FOUND
        url, selector = found
        selection = selector.select(request)
        selection = await selection if inspect.isawaitable(selection) else selection
        if isinstance(selection, Response):
            return selection
        route = selection.request.route
        name = url if route is None else f"{url} at {route}"
        return selection._replace(handler=partial(self._watch, name, selection.handler))
