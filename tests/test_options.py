"""`trio_ws._options`: an option is written once, and checked where it is given."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from trio_ws._options import ConnectionOptions
from trio_ws._policies import Heartbeat, MessageReply, Watchdog


def test_heartbeats() -> None:
    """A connection has no heartbeat policy, one, or several in their order."""
    reply = MessageReply(is_ping=lambda _: False, reply="pong")
    assert ConnectionOptions(heartbeat=None).heartbeats == ()
    assert ConnectionOptions(heartbeat=Watchdog()).heartbeats == (Watchdog(),)
    both = ConnectionOptions(heartbeat=[reply, Heartbeat()])
    assert both.heartbeats == (reply, Heartbeat())
    assert both.beats == (Heartbeat(),)


@pytest.mark.parametrize("name", ["Timeouts", "Limits"])
@pytest.mark.parametrize("value", [3, None, Heartbeat()])
def test_no_policy(name: str, value: Any) -> None:
    """What are no timeouts or no limits is refused; the error says what would do."""
    with pytest.raises(TypeError, match=rf"{name.lower()} must be {name}\(…\); got "):
        ConnectionOptions(**{name.lower(): value})


@pytest.mark.parametrize("value", [20, "20", [Heartbeat(), None], {Heartbeat()}, Heartbeat])
def test_no_heartbeat(value: Any) -> None:
    """What is no heartbeat policy is refused; the error says what would do."""
    with pytest.raises(TypeError, match=r"heartbeat must be Heartbeat\(\), Watchdog\(\)"):
        ConnectionOptions(heartbeat=value)


def test_frozen() -> None:
    """Options cannot be changed once they are made."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        ConnectionOptions().heartbeat = None  # type: ignore[misc]
