"""`trio_ws._server.answers`: what the application answers, checked where it comes back."""

from __future__ import annotations

from typing import Any

import pytest

from trio_ws import Accept, Headers, Request, Response
from trio_ws._server.answers import checked_answer, checked_decision

FINE = Response(200)
PLAIN = Request(method="GET", target="/", headers=Headers())
UPGRADE = Request(method="GET", target="/", headers=Headers({"Upgrade": "websocket"}))


def test_what_is_fine() -> None:
    """A final response, an acceptance of an upgrade and None are returned as they are."""
    assert checked_answer("page", FINE) is FINE
    accept = Accept()
    assert checked_decision(accept, UPGRADE) is accept
    for request in (UPGRADE, PLAIN):
        assert checked_decision(FINE, request) is FINE
        assert checked_decision(None, request) is None


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        (None, TypeError, "page must return a Response, not None"),
        (True, TypeError, "page must return a Response, not a value of type bool"),
        (Accept(), TypeError, "page must return a Response, not a value of type Accept"),
        (Response(199), ValueError, "page must return a final response, not a 199"),
    ],
)
def test_no_answers(answer: Any, error: type[Exception], why: str) -> None:
    """What no page can answer is an error that says so."""
    with pytest.raises(error, match=why):
        checked_answer("page", answer)


@pytest.mark.parametrize(
    ("answer", "error", "why"),
    [
        (False, TypeError, "on_request must return a Response, Accept or None, not False"),
        (200, TypeError, "on_request must return a Response, Accept or None, not 200"),
        (Response(101), ValueError, "on_request must return a final response, not a 101"),
        (Accept(), ValueError, "on_request has returned Accept for a request that is no upgrade"),
    ],
)
def test_no_decisions(answer: Any, error: type[Exception], why: str) -> None:
    """What `on_request` cannot decide is an error that says so."""
    with pytest.raises(error, match=why):
        checked_decision(answer, PLAIN)
