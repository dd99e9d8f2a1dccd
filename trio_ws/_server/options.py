"""The options of a server, checked when they are given."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from .._connection.websocket import WebSocket
from .._handshake.opening import check_subprotocols
from .._handshake.origins import SAME_ORIGIN, OriginCheck, Origins
from .._http import Request, Response
from .._options import ConnectionOptions
from .._policies import Heartbeat, HeartbeatOption, Limits, Timeouts
from .._validation import check_context, check_function
from .log import log_handler_error

RequestHook: TypeAlias = Callable[[Request], Response | Awaitable[Response | None] | None]
"""What `on_request` may be."""

Subprotocols: TypeAlias = Sequence[str] | Callable[[Request, Sequence[str]], str | None]
"""What `subprotocols` may be on a server: names, best first, or a function that chooses."""

HandlerErrorHook: TypeAlias = Callable[[WebSocket, BaseException], object]
"""What `on_handler_error` may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of a server, checked; `serve_websocket` says what they mean.

    Attributes:
        policies: what the connections need of them.
        origin_check: `origins`, ready to judge; they may be an iterator, which can be read once.
    """

    ssl_context: ssl.SSLContext | None = None
    subprotocols: Subprotocols = ()
    origins: Origins = SAME_ORIGIN
    heartbeat: HeartbeatOption = Heartbeat()
    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()
    on_request: RequestHook | None = None
    max_connections: int | None = None
    on_handler_error: HandlerErrorHook = log_handler_error
    policies: ConnectionOptions = field(init=False)
    origin_check: OriginCheck = field(init=False)

    def __post_init__(self) -> None:
        check_context(self.ssl_context, server=True)
        check_function("on_request", self.on_request, optional=True)
        check_function("on_handler_error", self.on_handler_error)
        if not callable(self.subprotocols):
            check_subprotocols(self.subprotocols)
        if self.max_connections is not None and self.max_connections < 1:
            raise ValueError(f"max_connections must be 1 or more, got {self.max_connections}")
        policies = ConnectionOptions(
            heartbeat=self.heartbeat, timeouts=self.timeouts, limits=self.limits
        )
        object.__setattr__(self, "policies", policies)
        object.__setattr__(self, "origin_check", OriginCheck(self.origins))
