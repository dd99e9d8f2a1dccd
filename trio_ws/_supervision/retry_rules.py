"""What helps against a failure: the classification table, as data.

A supervisor must tell two kinds of failures apart.
Against the one kind waiting helps: networks come back, servers are restarted.
Against the other nothing helps that a program could do by itself:
a wrong path, a certificate that has run out, a message that is too big.
To try again would only hide the mistake.

`HTTP_STATUSES` and `CLOSE_CODES` map numbers, `LOSSES` and `ERRORS` map the rest.
What no rule names is fatal: better a loud failure than a client that knocks for ever.
The documentation prints these tables, and a test walks them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

from .._ending import Ending, Loss
from .._errors import (
    ConnectionClosed,
    HandshakeError,
    HandshakeTimeout,
    InvalidHandshake,
    ProxyError,
    Rejected,
    TLSError,
    TooManyRedirects,
)


class Remedy(enum.Enum):
    """What helps against a failure; what a ``classify`` function returns.

    Attributes:
        WAIT: try again after the usual delay.
        RESTART: the server has said that it restarts: try again after a delay of `Backoff.restart`.
        ELSEWHERE: try the next endpoint; if all have said so, wait for `Backoff.overload`.
        REFRESH: try once more if the endpoint or ``headers`` is a function,
            which may know a fresh token;
            fatal if neither is, and when it happens again before a stable connection.
        DONE: `supervise` returns None.
        NONE: raise it.
    """

    WAIT = "wait and try again"
    RESTART = "wait until the server has restarted"
    ELSEWHERE = "ask another endpoint, or wait longer"
    REFRESH = "ask the endpoint function once more"
    DONE = "nothing is wrong: the end"
    NONE = "nothing helps: fatal"


Failure: TypeAlias = HandshakeError | ConnectionClosed
"""What ends an attempt or a connection."""

Classify: TypeAlias = Callable[[Failure], Remedy | None]
"""A function that overrules the table; it returns None where the table shall decide."""


class Rule(NamedTuple):
    """A range of numbers, both ends included, and what helps against them."""

    first: int
    last: int
    remedy: Remedy
    why: str


HTTP_STATUSES: tuple[Rule, ...] = (
    Rule(401, 401, Remedy.REFRESH, "the credentials may have run out"),
    Rule(403, 403, Remedy.REFRESH, "the credentials may have run out"),
    Rule(408, 408, Remedy.WAIT, "request timeout"),
    Rule(425, 425, Remedy.WAIT, "too early"),
    Rule(429, 429, Remedy.WAIT, "too many requests"),
    Rule(501, 501, Remedy.NONE, "not implemented"),
    Rule(505, 505, Remedy.NONE, "HTTP version not supported"),
    Rule(500, 599, Remedy.WAIT, "the server's trouble, or that of what stands before it"),
    Rule(100, 499, Remedy.NONE, "no WebSocket here"),
)
"""The first rule that fits decides."""

PROXY_STATUSES: tuple[Rule, ...] = (
    Rule(407, 407, Remedy.REFRESH, "the credentials for the proxy may have run out"),
    Rule(401, 403, Remedy.NONE, "the proxy does not want this"),
    *HTTP_STATUSES[2:],
)
"""The same for what an HTTP proxy answers (`ProxyError.response`)."""

CLOSE_CODES: tuple[Rule, ...] = (
    Rule(1000, 1000, Remedy.DONE, "normal closure"),
    Rule(1001, 1001, Remedy.WAIT, "going away"),
    Rule(1002, 1003, Remedy.NONE, "protocol error, unsupported data"),
    Rule(1005, 1006, Remedy.WAIT, "no code, or no close at all"),
    Rule(1007, 1010, Remedy.NONE, "bad text, policy, too big, missing extension"),
    Rule(1011, 1011, Remedy.WAIT, "internal error"),
    Rule(1012, 1012, Remedy.RESTART, "service restart"),
    Rule(1013, 1013, Remedy.ELSEWHERE, "try again later"),
    Rule(1014, 1014, Remedy.WAIT, "bad gateway"),
    Rule(3000, 3499, Remedy.WAIT, "registered by libraries, taken as transient"),
    Rule(3500, 3999, Remedy.NONE, "registered by libraries, taken as fatal"),
    Rule(4000, 4499, Remedy.WAIT, "of the application, taken as transient"),
    Rule(4500, 4999, Remedy.NONE, "of the application, taken as fatal"),
)
"""RFC 6455 §7.4 says nothing about who may come back; the upper ranges are our convention."""

LOSSES: Mapping[Loss, Remedy] = {
    Loss.EOF: Remedy.WAIT,
    Loss.BROKEN: Remedy.WAIT,
    Loss.HEARTBEAT: Remedy.WAIT,
    Loss.SEND_TIMEOUT: Remedy.WAIT,
    Loss.VIOLATION: Remedy.NONE,
    Loss.TOO_BIG: Remedy.NONE,
}
"""Connections that ended without a closing handshake.

The one that is missing, `Loss.UNANSWERED`, is classified by the code that we sent.
"""

ERRORS: tuple[tuple[type[HandshakeError], Remedy, str], ...] = (
    (HandshakeTimeout, Remedy.WAIT, "no answer in time"),
    (InvalidHandshake, Remedy.NONE, "no WebSocket server"),
    (TLSError, Remedy.NONE, "a certificate or a protocol that does not fit"),
    (ProxyError, Remedy.WAIT, "a proxy that is silent, or refuses without HTTP"),
    (TooManyRedirects, Remedy.NONE, "redirects that lead nowhere"),
    (HandshakeError, Remedy.WAIT, "refused, reset, unreachable"),
)
"""Handshakes that failed without an HTTP status, unless `HandshakeError.transient` tells.

The first class that fits decides.
"""


def classify(error: Failure, *, host_is_known: bool = True) -> Remedy:
    """Return what helps against `error`, as the tables say.

    `host_is_known`: whether the name of the host was found before.
    If it never was, it is probably misspelt.
    """
    if isinstance(error, ConnectionClosed):
        return classify_ending(error.ending)
    if isinstance(error, Rejected):
        return look_up(HTTP_STATUSES, error.response.status)
    if isinstance(error, ProxyError) and error.response is not None:
        return look_up(PROXY_STATUSES, error.response.status)
    passes = host_is_known if is_unknown_name(error) else error.transient
    if passes is not None:
        return Remedy.WAIT if passes else Remedy.NONE
    return next(remedy for kind, remedy, _ in ERRORS if isinstance(error, kind))


def classify_ending(ending: Ending) -> Remedy:
    """Return what helps after this end of an open connection."""
    if ending.loss is not None and ending.loss in LOSSES:
        return LOSSES[ending.loss]
    if ending.sent is not None and not ending.received_first:
        return look_up(CLOSE_CODES, ending.sent.code)
    return look_up(CLOSE_CODES, ending.code)


def look_up(rules: tuple[Rule, ...], number: int) -> Remedy:
    """Return the remedy of the first rule that fits."""
    for rule in rules:
        if rule.first <= number <= rule.last:
            return rule.remedy
    return Remedy.NONE


def is_unknown_name(error: Failure) -> bool:
    """Return True if the host's name could not be looked up.

    It is the one `OSError` of which the client's door cannot tell whether it passes.
    """
    if isinstance(error, ConnectionClosed) or error.transient is not None:
        return False
    return isinstance(error.__cause__, OSError)
