"""`trio_ws._errors`: the tree, and the stories that the exceptions tell."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from typing import Any

import pytest

from trio_ws import _errors
from trio_ws._ending import Close, Ending, Loss
from trio_ws._errors import (
    ConnectionClosed,
    ConnectionLost,
    HandshakeError,
    HandshakeTimeout,
    HeartbeatTimeout,
    InvalidHandshake,
    InvalidURL,
    MessageTooBig,
    MessageTypeError,
    ProtocolViolation,
    ProxyError,
    Reconnect,
    Rejected,
    SupervisorGaveUp,
    TooManyRedirects,
    UnsupportedVersion,
    WebSocketError,
    closed,
    is_end_of,
)
from trio_ws._http import Headers, Request, Response, received_response

REQUEST = Request(method="GET", target="/", headers=Headers())


# The tree


def drawn() -> list[tuple[str, int]]:
    """List the names in the module's picture, with their depth."""
    assert _errors.__doc__
    lines = re.findall(r"^ {4}([│├└─ ]*)(\w+)", _errors.__doc__, re.MULTILINE)
    return [(name, len(indent) // 4) for indent, name in lines]


def test_the_picture_is_the_tree() -> None:
    """The picture on top of the module shows every exception once, under its base class."""
    path: list[str] = []
    for name, depth in drawn():
        path[depth:] = [name]
        cls = getattr(_errors, name)
        if depth:
            assert issubclass(cls, getattr(_errors, path[depth - 1]))
    names = [name for name, value in vars(_errors).items() if isinstance(value, type)]
    exceptions = [name for name in names if issubclass(getattr(_errors, name), Exception)]
    assert sorted(name for name, _ in drawn()) == sorted(exceptions)


@pytest.mark.parametrize(
    ("error", "base"),
    [
        (InvalidURL, ValueError),
        (HandshakeTimeout, TimeoutError),
        (HeartbeatTimeout, TimeoutError),
        (UnsupportedVersion, Rejected),
        (MessageTypeError, TypeError),
    ],
)
def test_other_bases(error: type[WebSocketError], base: type[Exception]) -> None:
    """Some exceptions can also be caught under a second name."""
    assert issubclass(error, base)


# The handshake


def test_handshake_error() -> None:
    """A handshake that failed carries the request as far as it got, and whether to try again."""
    bare, full = HandshakeError("no"), HandshakeError("no", request=REQUEST, transient=True)
    assert (str(bare), bare.request, bare.transient) == ("no", None, None)
    assert (str(full), full.request, full.transient) == ("no", REQUEST, True)


@pytest.mark.parametrize(
    ("response", "retry_after", "story"),
    [
        (Response(404), None, "status 404"),
        (
            Response(401, {"WWW-Authenticate": 'Basic realm="a"'}),
            None,
            'status 401; it asks for credentials: Basic realm="a"',
        ),
        (
            received_response(302, Headers({"Location": "/else\x1bwhere"})),
            None,
            r"status 302; it points to /else\x1bwhere",
        ),
        (Response(503), 1.5, "status 503; it asks to try again after 1.5 s"),
        (Response(503), 0, "status 503; it asks to try again after 0 s"),
        (Response(403, body=" no\nentry\xff "), None, "status 403; it says: no\\nentry\xff"),
        (Response(403, body=b"\xff"), None, "status 403; it says: \N{REPLACEMENT CHARACTER}"),
    ],
)
def test_rejected(response: Response, retry_after: float | None, story: str) -> None:
    """A rejection tells the status and what the server said about it, safe to print."""
    error = Rejected(response, request=REQUEST, retry_after=retry_after)
    assert str(error) == f"server rejected the WebSocket with {story}"
    assert (error.response, error.request, error.retry_after) == (response, REQUEST, retry_after)


def test_unsupported_version() -> None:
    """A 426 tells the versions that the server speaks, and that trying again is in vain."""
    response = Response(426, {"Sec-WebSocket-Version": "8, 7"})
    error = UnsupportedVersion(response, supported=("8", "7"), request=REQUEST, retry_after=2)
    assert str(error).startswith("server rejected the WebSocket with status 426; it speaks")
    assert str(error).count("8, 7") == 1
    assert error.supported == ("8", "7")
    assert error.transient is False
    assert (error.request, error.retry_after) == (REQUEST, 2)
    assert isinstance(error, InvalidHandshake)


def test_a_redirect_that_is_not_followed() -> None:
    """A rejection tells where it points to, and why that is not followed."""
    response = Response(302, {"Location": "http://b/?x"})
    error = Rejected(response, url="wss://a/", why_not_followed="that would leave TLS")
    assert str(error).endswith(
        "status 302; it points to http://b/?***; it is not followed: that would leave TLS"
    )


def test_redirects_and_proxies() -> None:
    """Redirects that lead nowhere are final; a proxy's answer may be there."""
    error = TooManyRedirects("x")
    assert (error.chain, error.transient) == ((), False)
    assert ProxyError("x").response is None


def test_rejected_by() -> None:
    """A rejection names who rejected it, where that is known."""
    error = Rejected(Response(404), url="ws://h/")
    assert str(error) == "ws://h/ rejected the WebSocket with status 404"


@pytest.mark.parametrize(
    "error",
    [
        Rejected(Response(404, {"X": "y"}, "no"), url="ws://h/", request=REQUEST, retry_after=3),
        UnsupportedVersion(Response(426), supported=("8",), request=REQUEST),
        HandshakeTimeout("slow", request=REQUEST, transient=True),
        ProxyError("no", request=REQUEST, transient=True, response=Response(503, (), "busy")),
        TooManyRedirects("a circle", chain=("ws://a/", "ws://a/"), request=REQUEST),
        SupervisorGaveUp("no", attempts=3),
        Reconnect("a gap", delay=3),
        InvalidURL("no"),
        closed(Ending(sent=Close(1000), received=Close(1000))),
        closed(Ending(loss=Loss.HEARTBEAT)),
    ],
)
@pytest.mark.parametrize("again", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy])
def test_pickle(error: WebSocketError, again: Callable[[Any], Any]) -> None:
    """An exception can be sent to another process, and copied, with all that it carries."""
    other = again(error)
    assert type(other) is type(error)
    assert str(other) == str(error)
    assert other.args == error.args
    assert other.__dict__ == error.__dict__


def test_gave_up() -> None:
    """A supervisor that gave up tells where and after how many attempts; a pickle does, too."""
    made = SupervisorGaveUp("no", attempts=3, endpoint="ws://a/")
    for error in (made, pickle.loads(pickle.dumps(made))):
        assert (str(error), error.attempts, error.endpoint) == ("no", 3, "ws://a/")


def test_reconnect() -> None:
    """A request to reconnect is no error of the library, and says why and when."""
    assert not issubclass(Reconnect, WebSocketError)
    request = Reconnect("a gap", delay=0)
    assert (str(request), request.reason, request.delay) == ("a gap", "a gap", 0)
    assert (str(Reconnect()), Reconnect().delay) == ("", None)


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"reason": 5}, TypeError, "reason must be a str"),
        ({"delay": "5"}, TypeError, "delay must be a number of seconds"),
        ({"delay": -1}, ValueError, "delay must be a number of seconds"),
    ],
)
def test_reconnect_without_sense(given: Any, error: type[Exception], text: str) -> None:
    """A reason that is no text and a delay that is none are refused by name."""
    with pytest.raises(error, match=text):
        Reconnect(**given)


@pytest.mark.parametrize("ending", [Ending(loss=Loss.EOF), Ending(received=Close(1001))])
def test_whose_end(ending: Ending) -> None:
    """The end of one connection is not that of another, even if both look alike."""
    other = Ending(loss=ending.loss, received=ending.received)
    assert is_end_of(closed(ending), ending)
    assert not is_end_of(closed(other), ending)
    assert not is_end_of(closed(ending), None)
    assert not is_end_of(ValueError(), None)


# The end of a connection


EXPECTED = {
    None: ConnectionClosed,
    Loss.EOF: ConnectionLost,
    Loss.BROKEN: ConnectionLost,
    Loss.HEARTBEAT: HeartbeatTimeout,
    Loss.SEND_TIMEOUT: ConnectionLost,
    Loss.VIOLATION: ProtocolViolation,
    Loss.TOO_BIG: MessageTooBig,
    Loss.UNANSWERED: ConnectionLost,
}


@pytest.mark.parametrize("loss", [None, *Loss])
def test_closed(loss: Loss | None) -> None:
    """Each way to end has its exception; it carries the ending and tells its story."""
    ending = Ending(sent=Close(1002), received=None if loss else Close(1000), loss=loss)
    error = closed(ending)
    assert type(error) is EXPECTED[loss]
    assert error.ending is ending
    assert str(error) == str(ending)


def test_cause_is_chained() -> None:
    """What broke the transport is the cause of the exception, of each that is made."""
    cause = OSError("reset")
    ending = Ending(loss=Loss.BROKEN, cause=cause)
    one, other = closed(ending), closed(ending)
    assert one is not other
    assert one.__cause__ is other.__cause__ is cause


def test_violation_tells_our_code() -> None:
    """A violation carries the code that we sent about it."""
    error = closed(Ending(sent=Close(1007, "no text"), loss=Loss.VIOLATION))
    assert isinstance(error, ProtocolViolation)
    assert error.code == 1007


def test_a_message_that_is_too_big_is_no_violation() -> None:
    """A message over our limit is told apart from what breaks the protocol (F3.10)."""
    error = closed(Ending(sent=Close(1009, "too big"), loss=Loss.TOO_BIG))
    assert isinstance(error, MessageTooBig)
    assert not isinstance(error, ProtocolViolation)
    assert error.code == 1009


@pytest.mark.parametrize(
    ("coding", "said"),
    [("gzip", "it says: 3 bytes in the coding 'gzip'"), ("identity", "it says: abc")],
)
def test_a_body_that_is_not_text(coding: str, said: str) -> None:
    """A compressed body is not shown as if it were text (F5.3)."""
    assert said in str(Rejected(Response(403, {"Content-Encoding": coding}, b"abc")))


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("wss://elsewhere/path", "wss://elsewhere/path"),
        ("/else?token=hunter2", "/else?***"),
        ("/else#token=hunter2", "/else#***"),
        ("/else#hunter2?hunter2", "/else#***"),
        ("wss://me:hunter2@h/p?hunter2", "wss://***@h/p?***"),
        ("//me:hunter2@h/", "//***@h/"),
        ("me:hunter2@h", "***@h"),
    ],
)
def test_where_a_server_points_to(location: str, shown: str) -> None:
    """The new place is named without what may be secret in it; the response has all of it."""
    error = Rejected(Response(302, {"Location": location}))
    assert str(error).endswith(f"it points to {shown}")
    assert error.response.headers["Location"] == location
