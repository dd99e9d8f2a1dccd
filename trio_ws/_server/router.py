"""`Router`: several handlers and pages on one port; `routing` is what it does with a request."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict, TypeVar, Unpack, final

from .._handshake.origins import Origins
from .._options import check_names
from .._policies import Limits
from .._protocol.extensions.deflate import Deflate
from .._validation import check_callable
from .options import RequestHook, ServerConfig, Subprotocols
from .routes import parse_pattern
from .routing import Page, RequestHandler, Routing
from .selection import FixedHandler, Handler, HandlerSelector, Route

H = TypeVar("H", bound=Handler)
P = TypeVar("P", bound=RequestHandler)

_REPLACED = frozenset({"origins", "subprotocols", "compression", "limits"})
"""The options of a route that replace those of the server."""


class RouteOptions(TypedDict, total=False):
    """The options of `Router.websocket`, for functions that pass them on."""

    origins: Origins
    subprotocols: Subprotocols
    compression: Deflate | None
    limits: Limits
    max_connections: int | None
    on_request: RequestHook | None


@final
class Router:
    """Several handlers, and pages beside them, chosen by the path of the request::

        router = Router()

        @router.websocket("/rooms/{room}/{seat:int}", max_connections=100)
        async def chat(ws: WebSocket) -> None:
            room, seat = ws.path_params["room"], ws.path_params["seat"]

        @router.get("/health")
        def health(request: Request) -> Response:
            return Response.from_text("fine")

        await serve_websocket(router, "localhost", 8765)

    A segment of a path is a literal, or takes a parameter: ``{name}`` any segment,
    ``{name:int}`` a whole number of up to 18 digits, ``{name:path}`` the rest, slashes too.
    The most specific route is chosen: a literal before an int, an int before any segment,
    that before the rest.  The order in which routes are added does not matter.

    Paths are compared as they are when their percent-encoding is decoded, once.
    ``/a`` and ``/a/`` are two paths.
    A path with ``.`` or ``..``, an empty segment, a backslash or an encoded slash is answered 404;
    one that is not UTF-8, or has control characters, 400.

    Where nothing is the answer is 404.  A wrong method is answered 405, with ``Allow``,
    a plain request for a handler 426, an upgrade for a page 404.
    The server's ``on_request`` is asked before the router, and about all requests.
    That of a route is asked about the requests for this route only: it guards the route,
    while a check of `Request.path`, which is not decoded, may be got round.
    """

    def __init__(self) -> None:
        self._routing = Routing()

    def __repr__(self) -> str:
        return f"<Router of {', '.join(self._routing.patterns) or 'nothing yet'}>"

    def websocket(self, path: str, **options: Unpack[RouteOptions]) -> Callable[[H], H]:
        """Let connections to a path go to the handler that is decorated with this.

        Args:
            path: the pattern of the path.
            **options: `origins`, `subprotocols`, `compression` and `limits` replace those of
                the server; `max_connections` and `on_request` hold beside those of the server.
                `on_request` is asked about proper upgrades from an origin that is allowed,
                and knows `Request.path_params`.
                The limits of requests stay those of the server (`Limits.max_handshake_size`,
                `Limits.max_headers`, `Limits.max_handshakes`):
                a request is read before it is known where it goes.

        Raises:
            TypeError: `path` is no text; or an option is none, or of a wrong type.
            ValueError: no request can have such a path, or another route has it;
                or an option has a value that it cannot have.
            LocalProtocolError: a subprotocol is no valid name.
            RuntimeError: a server has begun with this router already.
        """
        self._routing.check_open()
        pattern = parse_pattern(path)
        check_names(options, list(RouteOptions.__annotations__), "Router.websocket")
        config = ServerConfig(**options)
        replaced = {name: getattr(config, name) for name in options if name in _REPLACED}

        def add(handler: H) -> H:
            check_callable("handler", handler)
            route = Route(
                handler,
                replaced,
                max_connections=config.max_connections,
                on_request=config.on_request,
            )
            self._routing.add_route(pattern, route)
            return handler

        return add

    def get(self, path: str, *, on_request: RequestHook | None = None) -> Callable[[P], P]:
        """Let plain GET and HEAD requests for a path go to the function decorated with this.

        It is called with the `Request`, may be async, and returns a `Response`;
        the answer to HEAD is sent without its body.
        If it raises, the answer is 500 and the error is logged.
        If it takes longer than `Timeouts.connect`, the answer is 503.

        Args:
            path: the pattern of the path.
            on_request: asked about requests for the page, after that of the server;
                a `Response` that it returns is sent in the place of the page.

        Raises:
            TypeError: `path` is no text, or `on_request` no function.
            ValueError: no request can have such a path, or another function has it.
            RuntimeError: a server has begun with this router already.
        """
        self._routing.check_open()
        pattern = parse_pattern(path)
        check_callable("on_request", on_request, optional=True)

        def add(page: P) -> P:
            check_callable("page", page)
            self._routing.add_page(pattern, Page(page, on_request))
            return page

        return add


def selector_for(handler: Handler | Router | HandlerSelector) -> HandlerSelector:
    """Return what selects the handler; a selector stays as it is."""
    if isinstance(handler, Router):
        return handler._routing
    return handler if isinstance(handler, HandlerSelector) else FixedHandler(handler)
