"""What tells a connection from others in a log whose lines are dictionaries."""

from __future__ import annotations

from .._connection.websocket import WebSocket
from .._validation import check_instance


def log_context(ws: WebSocket) -> dict[str, object]:
    """Return what to add to each line of a structured log that is about a connection.

    That is ``name``, as in our own log, ``path``, ``remote`` and ``subprotocol``.
    The query of the URL is not in it: it may hold a token.

    Raises:
        TypeError: `ws` is no `WebSocket`.
    """
    check_instance("ws", ws, WebSocket, "a WebSocket")
    return {
        "name": ws._core.name,
        "path": ws.request.path,
        "remote": ws.remote_address,
        "subprotocol": ws.subprotocol,
    }
