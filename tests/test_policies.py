"""`trio_ws._policies`: nonsense fails where it was written."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import pytest

from trio_ws._policies import (
    Heartbeat,
    Limits,
    MessageHeartbeat,
    MessageReply,
    Timeouts,
    Watchdog,
)
from trio_ws._validation import DAY

Make = Callable[..., Any]


def message_heartbeat(**fields: Any) -> MessageHeartbeat:
    return MessageHeartbeat(**{"message": "?", **fields})


def message_reply(**fields: Any) -> MessageReply:
    return MessageReply(**{"is_ping": bool, "reply": "!", **fields})


DURATIONS = [
    (Heartbeat, "interval"),
    (Heartbeat, "timeout"),
    (Watchdog, "timeout"),
    (message_heartbeat, "interval"),
    (message_heartbeat, "timeout"),
    (Timeouts, "connect"),
    (Timeouts, "close"),
    (Timeouts, "idle"),
    (Timeouts, "send"),
]
SIZES = [field.name for field in dataclasses.fields(Limits)]


@pytest.mark.parametrize(("make", "name"), [*DURATIONS, (Timeouts, "goodbye")])
@pytest.mark.parametrize("value", [-1, -0.001, DAY + 1, 10**400, math.nan, math.inf, "1", True])
def test_no_duration(make: Make, name: str, value: object) -> None:
    """A duration is a number of seconds up to a day, not negative; the error names the field."""
    error = TypeError if value in ("1", True) else ValueError
    with pytest.raises(error, match=rf"\.{name} must be a number .*; got {value!r}"):
        make(**{name: value})


@pytest.mark.parametrize(("make", "name"), DURATIONS)
def test_zero(make: Make, name: str) -> None:
    """Zero is too short, except for the goodbye."""
    with pytest.raises(ValueError, match="more than zero"):
        make(**{name: 0})
    assert Timeouts(goodbye=0).goodbye == 0


@pytest.mark.parametrize(("make", "name"), DURATIONS)
@pytest.mark.parametrize("value", [0.001, 1, DAY])
def test_durations(make: Make, name: str, value: float) -> None:
    """Whole and broken numbers of seconds are good."""
    assert getattr(make(**{name: value}), name) == value


@pytest.mark.parametrize("make", [Heartbeat, Watchdog, Timeouts, Limits])
def test_defaults(make: Make) -> None:
    """The defaults are good, equal, and can be shared: nobody can change them."""
    value = make()
    assert value == make()
    assert hash(value) == hash(make())
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, dataclasses.fields(value)[0].name, 1)


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        (Heartbeat(), [20, 20]),
        (Watchdog(), [60, None]),
        (message_heartbeat(), ["?", 20, 20, None, True]),
        (Timeouts(), [10, 10, 0.5, None, None, None, 75]),
        (Limits(), [1 << 20, 4096, 1 << 20, 1 << 16, 1 << 14, 100, 1 << 20, 4096]),
    ],
)
def test_numbers(value: Any, numbers: list[object]) -> None:
    """The defaults are these: applications rely on them, and so does the documentation."""
    assert list(dataclasses.astuple(value)) == numbers


@pytest.mark.parametrize("name", SIZES)
@pytest.mark.parametrize("value", [0, -1, 1.0, "1", None, True])
def test_no_limit(name: str, value: Any) -> None:
    """A limit is a whole number of at least one; the error names it."""
    error = ValueError if type(value) is int else TypeError
    with pytest.raises(error, match=rf"Limits\.{name} must be .*; got {value!r}"):
        Limits(**{name: value})


@pytest.mark.parametrize("name", SIZES)
def test_limits(name: str) -> None:
    """One is enough for a limit, and none is too large."""
    for value in (1, 2**63):
        assert getattr(Limits(**{name: value}), name) == value


# Heartbeats made of messages


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        (Watchdog, "is_beat", 1),
        (message_heartbeat, "is_reply", "pong"),
        (message_heartbeat, "message", None),
        (message_heartbeat, "message", 1),
        (message_reply, "is_ping", None),
        (message_reply, "is_ping", "ping"),
        (message_reply, "reply", None),
    ],
)
def test_no_function(make: Make, name: str, value: object) -> None:
    """What must be a function or a message is checked, and the error names the field."""
    with pytest.raises(TypeError, match=rf"\.{name} must be .*function"):
        make(**{name: value})


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (Watchdog, "is_beat"),
        (message_heartbeat, "is_reply"),
        (message_heartbeat, "message"),
        (message_reply, "is_ping"),
        (message_reply, "reply"),
    ],
)
def test_no_async_function(make: Make, name: str) -> None:
    """They are called in the reader, which does not wait: an async one is refused."""

    async def function(message: str) -> bool:
        return True

    with pytest.raises(TypeError, match=rf"\.{name} must be a plain function; this one is async"):
        make(**{name: function})


def test_no_flag() -> None:
    """Whether replies are hidden is True or False, and no text that looks like it."""
    with pytest.raises(TypeError, match=r"hide_replies must be True or False"):
        message_heartbeat(hide_replies="no")


@pytest.mark.parametrize("message", ["ping", b"ping"])
def test_messages(message: str | bytes) -> None:
    """A heartbeat message and a reply are fixed, or made anew each time."""
    assert message_heartbeat(message=message).make() == message
    assert message_heartbeat(message=lambda: message).make() == message
    assert message_reply(reply=message).make("?") == message
    assert message_reply(reply=lambda ping: ping + ping).make(message) == message * 2
