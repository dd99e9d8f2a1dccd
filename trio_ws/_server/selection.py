"""Which handler a request gets, decided before it is accepted.

A server with one handler has a `FixedHandler`.
Another selector looks at the request, so that what leads nowhere is refused with a status
instead of being accepted and closed::

    request ─▶ on_request ─▶ select ─┬─▶ Handler ─▶ is it an upgrade? … 101 ─▶ the handler runs
                                     ├─▶ Response, which is sent
                                     └─▶ Refusal: 404
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from .._connection.websocket import WebSocket
from .._http import Request, Response
from .._validation import check_callable

Handler: TypeAlias = Callable[[WebSocket], Awaitable[object]]
"""An async function that is called with each connection and owns it until it returns."""

Selection: TypeAlias = Handler | Response
"""What a request gets: the handler of its connection, or an answer."""


class HandlerSelector(ABC):
    """Something to be given to a server in the place of a handler."""

    @abstractmethod
    def select(self, request: Request) -> Selection | Awaitable[Selection]:
        """Choose the handler for a request, upgrade or not, which nothing has judged yet.

        Raises:
            Refusal: the request leads nowhere.
        """


class FixedHandler(HandlerSelector):
    """One handler for all requests."""

    def __init__(self, handler: Handler) -> None:
        check_callable("handler", handler)
        self._handler = handler

    def select(self, request: Request) -> Handler:  # noqa: ARG002 - the same for all
        """Choose the one handler."""
        return self._handler


def selector_for(handler: Handler | HandlerSelector) -> HandlerSelector:
    """Return what selects the handler; a selector stays as it is."""
    return handler if isinstance(handler, HandlerSelector) else FixedHandler(handler)
