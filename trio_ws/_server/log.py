"""What a server writes into its log, always with who it is about."""

from __future__ import annotations

import logging

from .._connection.websocket import WebSocket
from .._ending import Ending
from .._text import printable

SHOWN = 200
"""Characters of what a peer says that may stand in a line of the log."""

_logger = logging.getLogger("trio_ws.server")


def log_handler_error(ws: WebSocket, error: BaseException) -> None:
    """Log that a handler raised, with its traceback, to the logger ``trio_ws.server``."""
    _logger.error("[%s] the handler failed: %s for %r", *_identity(ws), exc_info=error)


def log_loss(ws: WebSocket, ending: Ending) -> None:
    """Log that a connection was lost, and how: one line for each, however it is abused."""
    _logger.info("[%s] the connection was lost: %s for %r: %s", *_identity(ws), ending)


def _identity(ws: WebSocket) -> tuple[str, str, object]:
    """What a connection is called in the log, what it asked for, and who it is."""
    return ws._connection.core.name, printable(ws.request.path[:SHOWN]), ws.remote_address
