"""The exceptions, all of them, on one screen::

    WebSocketError
    ├── InvalidURL                        also ValueError
    ├── HandshakeError                    .request
    │   ├── HandshakeTimeout              also TimeoutError
    │   ├── Rejected                      .response, .retry_after
    │   ├── InvalidHandshake              the peer does not speak WebSocket properly
    │   │   └── UnsupportedVersion        .supported; also Rejected, since it comes with a 426
    │   ├── TLSError                      certificate or protocol; cause chained
    │   ├── ProxyError                    .response: what an HTTP proxy answered
    │   └── TooManyRedirects              .chain: the URLs, in order
    ├── ConnectionClosed                  .ending: who, code, reason, order
    │   └── ConnectionLost                no closing handshake; cause chained
    │       ├── HeartbeatTimeout          also TimeoutError
    │       ├── ProtocolViolation         .code: what we sent (1002, 1003, 1007)
    │       └── MessageTooBig             over a limit of ours; .code: 1009
    ├── MessageTypeError                  also TypeError: text where binary was wanted, or so
    ├── SupervisorGaveUp                  .attempts, .endpoint; the last failure chained
    ├── NotConnected                      a reconnecting channel is down, and was not to wait
    └── LocalProtocolError                also ValueError; your fault; nothing was sent

    Reconnect                             raised by a session of yours, never by us

`HandshakeError` itself is raised when no connection could be made at all
(refused, unreachable, no such host), with the `OSError` chained.
`ConnectionClosed` itself means that both sides said goodbye;
everything below it means that they did not.
"""

from __future__ import annotations

import re
from typing import Any, final

from ._ending import CloseCode, Ending, Loss
from ._http import Request, Response
from ._text import printable
from ._validation import check_seconds, check_text


class WebSocketError(Exception):
    """The base of every exception of this library; all of them can be pickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make it again: not by its constructor, which takes other arguments."""
        return _again, (type(self),), {**self.__dict__, "args": self.args}


def _again(cls: type[WebSocketError]) -> WebSocketError:
    return cls.__new__(cls)  # `BaseException.__setstate__` sets what it is made of


class InvalidURL(WebSocketError, ValueError):
    """The URL cannot be opened as a WebSocket; the message says which part and why."""


class HandshakeError(WebSocketError):
    """No WebSocket came about.

    Attributes:
        request: the request that was sent or received, if it got that far.
        transient: whether trying again later may help; None if that is not known.
    """

    def __init__(
        self, message: str, *, request: Request | None = None, transient: bool | None = None
    ) -> None:
        super().__init__(message)
        self.request = request
        self.transient = transient


class HandshakeTimeout(HandshakeError, TimeoutError):
    """DNS, TCP, TLS and HTTP together took longer than `Timeouts.connect`."""


class InvalidHandshake(HandshakeError):
    """The peer's part of the opening handshake breaks RFC 6455 §4; the message says where."""


class TLSError(HandshakeError):
    """TLS could not be established; the `ssl.SSLError` is chained as `__cause__`."""


class ProxyError(HandshakeError):
    """The way through the proxy failed: it refused, fell silent, broke off, or spoke nonsense.

    Attributes:
        response: what an HTTP proxy answered, its body up to `Limits.max_reject_body`;
            None if it answered nothing, or is none of HTTP.
    """

    def __init__(
        self,
        message: str,
        *,
        request: Request | None = None,
        transient: bool | None = None,
        response: Response | None = None,
    ) -> None:
        super().__init__(message, request=request, transient=transient)
        self.response = response


class TooManyRedirects(HandshakeError):
    """The server redirects in a circle, or more often than ``max_redirects`` allows.

    Attributes:
        chain: the URLs in order, without their secrets, from the first to the one too many.
    """

    def __init__(
        self, message: str, *, chain: tuple[str, ...] = (), request: Request | None = None
    ) -> None:
        super().__init__(message, request=request, transient=False)
        self.chain = chain


class Rejected(HandshakeError):
    """The server answered the upgrade with another status than 101.

    Attributes:
        response: status, headers, and the body up to `Limits.max_reject_body`.
        retry_after: the seconds of a ``Retry-After`` header, or None;
            an HTTP date is counted from the response's own ``Date``.
    """

    def __init__(
        self,
        response: Response,
        *,
        url: object = None,
        request: Request | None = None,
        retry_after: float | None = None,
        why_not_followed: str = "",
    ) -> None:
        self.response = response
        self.retry_after = retry_after
        story = _rejection_story(url, response, retry_after, why_not_followed)
        super().__init__(story, request=request)


def _rejection_story(
    url: object, response: Response, retry_after: float | None, why_not_followed: str
) -> str:
    who = "server" if url is None else str(url)
    text = f"{who} rejected the WebSocket with status {response.status}"
    if challenge := response.headers.get("WWW-Authenticate"):
        text += f"; it asks for credentials: {printable(challenge)}"
    if versions := response.headers.get("Sec-WebSocket-Version"):
        text += f"; it speaks version {printable(versions)}"
    if location := response.headers.get("Location"):
        text += f"; it points to {printable(_without_secrets(location))}"
    if why_not_followed:
        text += f"; it is not followed: {why_not_followed}"
    if retry_after is not None:
        text += f"; it asks to try again after {retry_after:g} s"
    if response.body:
        text += f"; it says: {shown_body(response)}"
    return text


_SCHEME = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//")
_BEHIND_PATH = re.compile(r"[?#]")


def _without_secrets(location: str) -> str:
    """Return a URL without its secrets: credentials, the query, and the fragment."""
    place = _BEHIND_PATH.split(location, maxsplit=1)[0]
    mark = location[len(place) : len(place) + 1]
    before, at, host = place.rpartition("@")
    if at:
        scheme = _SCHEME.match(before)
        place = f"{scheme[0] if scheme else ''}***@{host}"
    return f"{place}{mark}***" if mark else place


def shown_body(response: Response) -> str:
    """Return the body as people read it, or what it is if they cannot."""
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding != "identity":
        return f"{len(response.body)} bytes in the coding {printable(coding)!r}"
    return printable(response.body.decode("utf-8", "replace").strip())


class UnsupportedVersion(Rejected, InvalidHandshake):
    """The server answered 426: it speaks other versions of the protocol than 13 (RFC 6455 §4.4).

    Attributes:
        supported: the versions it named, as it wrote them.
    """

    def __init__(
        self,
        response: Response,
        *,
        supported: tuple[str, ...],
        url: object = None,
        request: Request | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(response, url=url, request=request, retry_after=retry_after)
        self.supported = supported
        self.transient = False


class ConnectionClosed(WebSocketError):
    """The connection is over; `ending` tells who closed, with what, in which order.

    This class itself: both sides said goodbye.  `ConnectionLost`: they did not.

    Attributes:
        ending: the same object as `WebSocket.ending`.
    """

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending)
        self.ending = ending

    def __str__(self) -> str:
        return str(self.ending)


class ConnectionLost(ConnectionClosed):
    """The connection broke, without a closing handshake."""


class HeartbeatTimeout(ConnectionLost, TimeoutError):
    """The peer was silent for longer than its heartbeat policy allows."""


class ProtocolViolation(ConnectionLost):
    """The peer broke the protocol, and was told so."""

    @property
    def code(self) -> int:
        """Return the close code that we sent: 1002, 1003 or 1007."""
        assert self.ending.sent is not None
        return self.ending.sent.code


class MessageTooBig(ConnectionLost):
    """A message was over a limit of ours, which the story names; the peer broke no rule.

    What was sent to the peer is 1009; the field of `Limits` is ``max_message_size``
    or ``max_fragments``.
    """

    @property
    def code(self) -> int:
        """The close code that we sent: 1009."""
        return int(CloseCode.MESSAGE_TOO_BIG)


class MessageTypeError(WebSocketError, TypeError):
    """A message is text where binary was wanted, or the other way round.

    It has been consumed; the connection stays open.
    """


class SupervisorGaveUp(WebSocketError):
    """`Backoff.max_attempts` or `Backoff.max_elapsed` is reached; the last failure is chained.

    Attributes:
        attempts: how many attempts were made since the last stable connection.
        endpoint: the URL of the last one, without its secrets;
            None if an endpoint function did not tell it.
    """

    def __init__(self, message: str, *, attempts: int = 0, endpoint: str | None = None) -> None:
        super().__init__(message)  # a copy is made from this, and then gets the attributes
        self.attempts = attempts
        self.endpoint = endpoint


@final
class Reconnect(Exception):
    """Raised by a session to say: this connection is no good, connect again.

    A login that timed out, a gap in the sequence: the connection is there, but worth nothing.
    The supervisor closes it with 1000 and connects again, to the same endpoint.
    It counts as a connection that was lost.

    It may leave the session alone, or in a group in which there is nothing besides
    but `trio.Cancelled` and the end of this connection; any other group leaves as it is.
    Without a supervisor it is an exception like any other.
    It is no `WebSocketError`, so that a session that handles those does not swallow it.

    Args:
        reason: for people to read.
        delay: seconds before the next attempt; None: as after any loss (`Backoff`).
            After `Backoff.max_restarts` of them within `Backoff.restart_window`
            the delay of a loss is the least.

    Raises:
        TypeError, ValueError: `reason` is no `str`, or `delay` no number of seconds.
    """

    def __init__(self, reason: str = "", *, delay: float | None = None) -> None:
        check_text("reason", reason)
        check_seconds("delay", delay, zero=True, optional=True)
        super().__init__(reason)
        self.reason = reason
        self.delay = delay

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make it again."""
        return type(self), (self.reason,), self.__dict__


class NotConnected(WebSocketError):
    """A `ReconnectingWebSocket` has no connection now, and was told not to wait for one."""


class LocalProtocolError(WebSocketError, ValueError):
    """A call asked for something that RFC 6455 forbids; nothing was sent."""


_BY_LOSS: dict[Loss | None, type[ConnectionClosed]] = {
    None: ConnectionClosed,
    Loss.HEARTBEAT: HeartbeatTimeout,
    Loss.VIOLATION: ProtocolViolation,
    Loss.TOO_BIG: MessageTooBig,
}


def closed(ending: Ending) -> ConnectionClosed:
    """Return a fresh exception for `ending`, its cause chained."""
    error = _BY_LOSS.get(ending.loss, ConnectionLost)(ending)
    error.__cause__ = ending.cause
    return error


def is_end_of(error: BaseException, ending: Ending | None) -> bool:
    """Return True if `error` tells of this very end: of one connection, and of no other."""
    return isinstance(error, ConnectionClosed) and error.ending is ending
