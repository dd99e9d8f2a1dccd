"""`trio_ws._supervision.config`: the options of a supervisor, checked when they are given."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from trio_ws import Headers, Instrument, LocalProtocolError, Timeouts
from trio_ws._client.connect import open_websocket
from trio_ws._supervision.backoff import Backoff
from trio_ws._supervision.config import SessionPlan, SupervisorConfig
from trio_ws._url import parse_url

URLS = [parse_url("ws://a/")]


def test_nothing_given() -> None:
    """Without options the value has its defaults."""
    config = SupervisorConfig.of({}, URLS)
    assert config == SupervisorConfig()
    assert (config.backoff, config.unknown_host) == (Backoff(), "fail")
    assert config.connect is open_websocket
    assert config.timeouts == Timeouts()


def test_what_is_passed_on() -> None:
    """Options of the connection go to what connects, as given; headers can be read again."""
    config = SupervisorConfig.of(
        {
            "backoff": Backoff(cap=7),
            "timeouts": Timeouts(connect=3),
            "headers": iter([("X", "1")]),
        },
        URLS,
    )
    assert config.backoff.cap == 7
    assert config.timeouts.connect == 3
    assert config.client == {
        "timeouts": Timeouts(connect=3),
        "headers": Headers([("X", "1")]),
    }


def test_instruments() -> None:
    """The supervisor and each of its connections have the same ones, bound once."""
    instrument = Instrument()
    config = SupervisorConfig.of({"instruments": iter([instrument])}, URLS)  # type: ignore[typeddict-item]
    assert list(config.observers) == [instrument]
    assert config.client["instruments"] is config.observers
    assert not SupervisorConfig.of({}, URLS).observers


async def plain() -> None:
    """Do nothing, but asynchronously."""


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"backoff": 5}, TypeError, r"backoff must be Backoff\(…\), not"),
        ({"throttle": 5}, TypeError, r"throttle must be Throttle\(…\) or None, not"),
        ({"classify": {}}, TypeError, "classify must be a function or None"),
        ({"classify": plain}, TypeError, "classify must be a plain function"),
        ({"on_transition": plain}, TypeError, r"on_transition .* async, and could iterate over"),
        ({"jitter": None}, TypeError, "jitter must be a function"),
        ({"connect": "ws://a/"}, TypeError, "connect must be a function"),
        ({"reconnect_on_normal_close": 1}, TypeError, "reconnect_on_normal_close must be True or"),
        ({"unknown_host": True}, ValueError, 'unknown_host must be "fail" or "retry", not True'),
        ({"retries": 5}, TypeError, r"no option 'retries': write backoff=Backoff\("),
        ({"timeouts": 5}, TypeError, "timeouts must be"),
        ({"headers": {"Host": "x"}}, LocalProtocolError, "the header Host"),
    ],
)
def test_refused(options: Any, error: type[Exception], text: str) -> None:
    """What makes no sense is refused, and the message names it."""
    with pytest.raises(error, match=text):
        SupervisorConfig.of(options, URLS)


def test_an_option_and_a_url() -> None:
    """A context for TLS is refused where a URL asks for none."""
    options: Any = {"ssl_context": ssl.create_default_context()}
    with pytest.raises(ValueError, match="of no use for ws://a/"):
        SupervisorConfig.of(options, [parse_url("wss://b/"), *URLS])


def test_a_plan() -> None:
    """What is to be run must be a function."""
    with pytest.raises(TypeError, match="session must be a function"):
        SessionPlan(session="ws://a/")  # type: ignore[arg-type]


def test_headers_that_may_be_new() -> None:
    """A function is passed on, and may know better when it is asked again."""
    config = SupervisorConfig.of({"headers": dict}, URLS)
    assert config.client == {"headers": dict}
    assert config.can_refresh_headers
    assert not SupervisorConfig.of({"headers": {"X": "1"}}, URLS).can_refresh_headers
    assert not SupervisorConfig.of({}, URLS).can_refresh_headers
