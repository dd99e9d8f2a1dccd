"""What a server writes into its log, always with who it is about."""

from __future__ import annotations

import logging
import ssl

import trio

from .._connection.websocket import WebSocket
from .._ending import CloseCode, Ending
from .._handshake.server import Refusal
from .._http import Request
from .._log import Log
from .._policies import FOREVER
from .._text import printable
from .._validation import check_instance

MAX_LOGGED_TEXT = 200
"""Characters of what a peer says that may stand in a line of the log."""

ORIGIN_LOG_INTERVAL = 60.0
"""Seconds in which refused origins make one line."""

log = Log("trio_ws.server")


def log_handler_error(ws: WebSocket, error: BaseException) -> None:
    """Log that a handler raised, with its traceback, to the logger ``trio_ws.server``."""
    check_instance("ws", ws, WebSocket, "a WebSocket")
    check_instance("error", error, BaseException, "an exception")
    log.error("[%s] the handler failed: %s for %r", *_identity(ws), error=error)


def log_ending(ws: WebSocket, ending: Ending | None) -> None:
    """Log how a connection ended, if it was lost or our close was not understood."""
    if ending is None:
        return
    if not ending.clean:
        log.info(
            "[%s] the connection was lost: %s for %r: %s; after %.1f s, the last %.1f s in silence",
            *_identity(ws),
            ending,
            ending.age,
            ending.silence,
        )
    elif _is_misunderstood(ending):
        log.info(
            "[%s] the peer takes our close for a protocol error, %s for %r: %s; "
            "Server.drain(code=1001) is understood by all",
            *_identity(ws),
            ending,
        )


def _is_misunderstood(ending: Ending) -> bool:
    """Return True if the peer answered a code that it does not know with 1002."""
    sent, received = ending.sent, ending.received
    return (
        sent is not None
        and received is not None
        and not ending.received_first
        and received.code == CloseCode.PROTOCOL_ERROR
        and sent.code in (CloseCode.SERVICE_RESTART, CloseCode.TRY_AGAIN_LATER)
    )


def log_answer(
    name: str, request: Request | None, status: int, refusal: Refusal | None = None
) -> None:
    """Log the answer to a request, at level DEBUG, with the reason if it was refused."""
    if log.shows(logging.DEBUG):
        what = f"{request.method} {request.path}" if request else "what is no request"
        log.debug("[%s] %s: answered %d%s", name, _shown(what), status, _reason(refusal))


def _reason(refusal: Refusal | None) -> str:
    if refusal is None:
        return ""
    said = str(refusal).partition(": ")[2]
    return f" ({printable(' '.join([said, *getattr(refusal, '__notes__', ())]))})"


def log_application_error(name: str, error: BaseException, request: Request | None = None) -> None:
    """Log that a function of the application's failed, with its traceback."""
    what = _shown(f"{request.method} {request.path}") if request else "a request"
    log.error("[%s] answering %s failed", name, what, error=error)


def log_break(name: str, error: BaseException) -> None:
    """Log that a stream ended before it was a WebSocket."""
    cause = error.__cause__ or error
    log.debug("[%s] broke before it was open: %s%s", name, cause, _hint(cause))


def _hint(cause: BaseException) -> str:
    """Say what OpenSSL means when it says that the two sides share no cipher."""
    if isinstance(cause, ssl.SSLError) and getattr(cause, "reason", "") == "NO_SHARED_CIPHER":
        return "; has the ssl_context a certificate (load_cert_chain)?"
    return ""


class OriginLog:
    """Tells the operator of refused origins: the first at once, then once a minute how many."""

    def __init__(self) -> None:
        self._silent_until = -FOREVER
        self._unsaid = 0

    def refused(self, name: str, origin: str, host: str) -> str:
        """Log a refusal, if it is time to; return what there is to say about this one."""
        why = f"The option origins= does not allow {origin[:MAX_LOGGED_TEXT]!r}"
        why += f" to connect to {host[:MAX_LOGGED_TEXT]!r}."
        now = trio.current_time()
        if now < self._silent_until:
            self._unsaid += 1
            return why
        others = f" ({self._unsaid} more were refused since the last such line)"
        log.info("[%s] answered 403: %s%s", name, why, others if self._unsaid else "")
        self._silent_until, self._unsaid = now + ORIGIN_LOG_INTERVAL, 0
        return why


def _identity(ws: WebSocket) -> tuple[str, str, object]:
    """Return what a connection is called in the log, what it asked for, and who it is."""
    return ws._connection.core.name, _shown(ws.request.path), ws.remote_address


def _shown(text: str) -> str:
    return printable(text[:MAX_LOGGED_TEXT])
