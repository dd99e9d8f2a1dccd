"""Routing: the path of a request chooses a place, and what the request wants what it gets there.

==================  ===================  ===================  ================================
at this place is    GET that upgrades    other GET, and HEAD  another method
==================  ===================  ===================  ================================
a handler           the handler          426 (HEAD: 405)      405, ``Allow: GET``
a page              404                  the page             405, ``Allow: GET, HEAD``
both                the handler          the page             405, ``Allow: GET, HEAD``
==================  ===================  ===================  ================================

The path alone chooses: an upgrade for ``/health``, which is a page, is not taken for ``/{room}``.
What a handler gets is checked where every upgrade is, which makes the 426 and the first 405.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import NamedTuple, TypeAlias

from .._concurrency.body import ask_unprotected
from .._handshake.server import Refusal, asks_to_upgrade
from .._http import Request, Response
from .answers import checked_answer, checked_decision
from .options import RequestHook
from .paths import nowhere, split_path
from .routes import Pattern, RouteTable
from .selection import HandlerSelector, Route, Selected, Selection

RequestHandler: TypeAlias = Callable[[Request], Response | Awaitable[Response]]
"""What `Router.get` takes: a function of a request, async or not, that returns the answer."""


class Page(NamedTuple):
    """A function that answers plain requests, and what is asked before it."""

    function: RequestHandler
    on_request: RequestHook | None = None


class _Place:
    """What there is at one pattern: a handler, a page, or both."""

    def __init__(self, pattern: Pattern) -> None:
        self.pattern = pattern.text
        self.route: Route | None = None
        self.page: Page | None = None

    def add_route(self, route: Route) -> None:
        """Let connections go to a handler."""
        self._check_free(self.route, "a WebSocket handler")
        self.route = route

    def add_page(self, page: Page) -> None:
        """Let plain requests go to a function."""
        self._check_free(self.page, "a function for GET")
        self.page = page

    def _check_free(self, there: object, what: str) -> None:
        if there is not None:
            raise ValueError(f"path {self.pattern!r} has {what} already")


class Routing(HandlerSelector):
    """The places of one router.

    Attributes:
        patterns: those of the places, in the order in which they were added.
    """

    def __init__(self) -> None:
        self.patterns: dict[str, None] = {}
        self._table: RouteTable[_Place] = RouteTable()
        self._routes: list[Route] = []
        self._is_complete = False

    def add_route(self, pattern: Pattern, route: Route) -> None:
        """Let connections to a path go to a handler.

        Raises:
            ValueError: there is one already, or a pattern that matches the same paths.
        """
        self._place(pattern).add_route(route)
        self._routes.append(route)

    def add_page(self, pattern: Pattern, page: Page) -> None:
        """Let plain requests for a path go to a function.

        Raises:
            ValueError: there is one already, or a pattern that matches the same paths.
        """
        self._place(pattern).add_page(page)

    def check_open(self) -> None:
        """Refuse to be changed under a server.

        Raises:
            RuntimeError: a server is made of these routes already.
        """
        if self._is_complete:
            raise RuntimeError("a server has begun with this router: add all routes before")

    def _place(self, pattern: Pattern) -> _Place:
        self.check_open()
        place = self._table.put(pattern, _Place(pattern))
        self.patterns[pattern.text] = None
        return place

    def complete(self) -> Sequence[Route]:
        """Return all routes; from now on no more can be added."""
        self._is_complete = True
        return self._routes

    def select(self, request: Request) -> Selection | Awaitable[Selection]:
        """Choose what a request gets.

        Raises:
            Refusal: nothing of what is here fits the request.
        """
        found = self._table.find(split_path(request.path))
        if found is None:
            raise nowhere()
        place, parameters = found
        request = replace(request, path_params=parameters, route=place.pattern)
        if place.page is not None and (place.route is None or not asks_to_upgrade(request)):
            return _show(place.page, request)
        assert place.route is not None
        return Selected(place.route.handler, request, place.route)


async def _show(page: Page, request: Request) -> Response:
    """Ask the function of a page for its answer.

    Raises:
        Refusal: the request asks for something else than a page.
    """
    if asks_to_upgrade(request):
        raise nowhere()
    if request.method not in ("GET", "HEAD"):
        raise Refusal(405, "There is a page here, to be asked for with GET.", _TAKES_GET)
    if page.on_request is not None:
        answer = checked_decision(await ask_unprotected(page.on_request, request), request)
        if isinstance(answer, Response):
            return answer
    name = getattr(page.function, "__qualname__", repr(page.function))
    return checked_answer(name, await ask_unprotected(page.function, request))


_TAKES_GET = [("Allow", "GET, HEAD")]
