"""The options of a server: each written once, checked when it is given, as a frozen value.

`serve_websocket` spells them out, for `help` and for editors; `ServerOptions` is what
all other functions take (``**options: Unpack[ServerOptions]``); `ServerConfig` is the value.
A test holds the three together.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .._connection.websocket import WebSocket
from .._handshake.opening import check_subprotocols
from .._handshake.origins import SAME_ORIGIN, OriginCheck, Origins
from .._http import Accept, Request, Response
from .._options import ConnectionOptions, PolicyOptions
from .._validation import check_callable, check_context, check_count, check_plain_callable
from .log import log_handler_error

RequestHook: TypeAlias = Callable[
    [Request], Response | Accept | Awaitable[Response | Accept | None] | None
]
"""What `on_request` may be."""

Subprotocols: TypeAlias = Sequence[str] | Callable[[Request, Sequence[str]], str | None]
"""What `subprotocols` may be on a server: names, best first, or a function that chooses."""

HandlerErrorHook: TypeAlias = Callable[[WebSocket, BaseException], object]
"""What `on_handler_error` may be."""


class ServerOptions(PolicyOptions, total=False):
    """The options of `serve_websocket`, for functions that pass them on."""

    ssl_context: ssl.SSLContext | None
    subprotocols: Subprotocols
    origins: Origins
    on_request: RequestHook | None
    max_connections: int | None
    on_handler_error: HandlerErrorHook


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig(ConnectionOptions):
    """The options of a server, checked; `serve_websocket` says what they mean.

    Raises:
        TypeError, ValueError, LocalProtocolError: an option makes no sense.
    """

    ssl_context: ssl.SSLContext | None = None
    subprotocols: Subprotocols = ()
    origins: Origins = SAME_ORIGIN
    on_request: RequestHook | None = None
    max_connections: int | None = None
    on_handler_error: HandlerErrorHook = log_handler_error

    def __post_init__(self) -> None:
        ConnectionOptions.__post_init__(self)  # super() does not know a class with slots
        check_context(self.ssl_context, server=True)
        check_callable("on_request", self.on_request, optional=True)
        check_count("max_connections", self.max_connections, optional=True)
        check_callable("on_handler_error", self.on_handler_error)
        if callable(self.subprotocols):
            check_plain_callable("subprotocols", self.subprotocols)
        else:
            object.__setattr__(self, "subprotocols", tuple(check_subprotocols(self.subprotocols)))
        if isinstance(self.origins, Iterator):  # it can be read once
            object.__setattr__(self, "origins", tuple(self.origins))
        OriginCheck(self.origins)
