"""Which handler a request gets, decided before it is accepted.

A server with one handler has a `FixedHandler`.
Another selector looks at the request, so that what leads nowhere is refused with a status
instead of being accepted and closed::

    request ─▶ on_request ─▶ select ─┬─▶ Selected ─▶ is it an upgrade? … 101 ─▶ the handler runs
                                     ├─▶ Response, which is sent
                                     └─▶ Refusal: 404, 405

A handler may come with a `Route`, which replaces some options of the server for its connections.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from .._connection.websocket import WebSocket
from .._http import Request, Response
from .._validation import check_callable
from .options import RequestHook

Handler: TypeAlias = Callable[[WebSocket], Awaitable[object]]
"""An async function that is called with each connection and owns it until it returns."""


class Route:
    """A handler of one selector, and what holds for its connections.

    Attributes:
        handler: the handler.
        options: the options of the server that are replaced.
        max_connections: how many connections it may have at once; None: as many as the server.
        on_request: what is asked about its upgrades, after that of the server.
    """

    def __init__(
        self,
        handler: Handler,
        options: Mapping[str, Any],
        *,
        max_connections: int | None = None,
        on_request: RequestHook | None = None,
    ) -> None:
        self.handler = handler
        self.options = options
        self.max_connections = max_connections
        self.on_request = on_request


class Selected(NamedTuple):
    """The handler of a request, the request as it sees it, and its route, if it has one."""

    handler: Handler
    request: Request
    route: Route | None = None


Selection: TypeAlias = Selected | Response
"""What a request gets: the handler of its connection, or an answer."""


class HandlerSelector(ABC):
    """Something to be given to a server in the place of a handler."""

    def complete(self) -> Sequence[Route]:
        """Return all routes; there will be no more, since a server is made of them."""
        return ()

    @abstractmethod
    def select(self, request: Request) -> Selection | Awaitable[Selection]:
        """Choose the handler for a request, upgrade or not, which nothing has checked yet.

        Raises:
            Refusal: the request leads nowhere.
        """


class FixedHandler(HandlerSelector):
    """One handler for all requests."""

    def __init__(self, handler: Handler) -> None:
        check_callable("handler", handler)
        self._handler = handler

    def select(self, request: Request) -> Selected:
        """Choose the one handler."""
        return Selected(self._handler, request)
