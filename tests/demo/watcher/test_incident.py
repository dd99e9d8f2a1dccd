"""What an incident keeps of the events, and what it passes over."""

from __future__ import annotations

from typing import Any

import pytest

from trio_ws._demo.watcher.incident import CALM, HOUSEKEEPING, Incident, body_of


def cancelled(*tasks: int, function: str = "f") -> dict[str, Any]:
    """Return the event of a cancellation that reaches these tasks."""
    return {"function": function, "reached": [{"task": task} for task in tasks]}


def step(state: str, *, lost: bool = False) -> dict[str, Any]:
    """Return a step of the supervisor."""
    return {"state": state, "lost": lost}


def test_cancellations_that_follow_from_others() -> None:
    """Of those that reach the same tasks the first is kept, and none of the library's routine."""
    incident = Incident(1, "cut", None, 0.0)
    for facts in (cancelled(1, 2), cancelled(2), cancelled(2, 3), cancelled(3, 1)):
        incident.hear("cancelled", 0, facts)
    for function in sorted(HOUSEKEEPING):
        incident.hear("cancelled", 0, cancelled(9, function=function))
    assert incident.cancelled == [cancelled(1, 2), cancelled(2, 3)]


@pytest.mark.parametrize(
    ("name", "maker", "nursery", "side"),
    [
        ("client", "SupervisedBlock", False, "client"),
        ("trio_ws server-1", "ConnectionBlock", False, "server"),
        ("client", "ConnectionBlock", True, ""),
        ("client", "", False, ""),
    ],
)
def test_whose_body_it_is(name: str, maker: str, nursery: bool, side: str) -> None:
    """A body is a scope of the library's own, and no nursery; its task tells the side."""
    assert body_of({"name": name, "maker": maker, "nursery": nursery}) == side


def test_tasks_unwind_after_something_was_cancelled() -> None:
    """What ends before ends by itself."""
    incident = Incident(1, "cut", None, 0.0)
    incident.hear("exited", 1, {"name": "before"})
    incident.hear("left", 2, {"error": ""})
    incident.hear("left", 2, {"error": "A"})
    incident.hear("left", 2, {"error": "B"})
    incident.hear("exited", 3, {"name": "after"})
    assert incident.left == {"error": "A"}
    assert incident.unwound == [("after", 3)]


def test_a_connection_is_back() -> None:
    """After a loss, or after the program has ended; not just because it is open."""
    incident = Incident(1, "cut", None, 0.0)
    incident.hear("state", 1, step("open"))
    assert (incident.lost, incident.back, incident.attempts) == (None, None, [])
    incident.hear("state", 2, step("waiting", lost=True))
    incident.hear("state", 3, step("connecting"))
    assert not incident.done
    incident.hear("state", 4, step("open"))
    assert incident.done
    assert len(incident.attempts) == 3


@pytest.mark.parametrize("state", ["closed", "failed"])
def test_a_program_ends(state: str) -> None:
    """The supervisor's last step is a loss, too; what starts again is no end."""
    incident = Incident(1, "ctrl_c", None, 0.0)
    incident.hear("state", 1, step(state))
    incident.hear("program", 1, {"up": False})
    incident.hear("program", 2, {"up": True})
    incident.hear("server", 2, {"up": True})
    incident.hear("handler", 2, {"error": "RuntimeError"})
    incident.hear("whatever", 2, {})
    assert incident.lost == step(state)
    assert incident.program == {"up": False}
    assert incident.server == {"up": True}
    assert incident.handler == "RuntimeError"


def test_pressure() -> None:
    """When the reader stopped, how much waited, when it went on for good."""

    def lease(now: float, *, paused: bool, waiting: int = 0, sending: int = 0) -> None:
        client = {"side": "client", "paused": paused, "waiting": waiting}
        server = {"side": "server", "paused": False, "sending": sending}
        incident.hear("lease", now, {"leases": [client, server]})

    incident = Incident(1, "flood", None, 0.0)
    lease(0, paused=False)
    lease(1, paused=True, waiting=100, sending=2)
    lease(2, paused=True, waiting=50)
    lease(3, paused=False)
    assert not incident.calm_again
    lease(2 + CALM + 0.1, paused=False)
    assert incident.calm_again
    assert (incident.stopped, incident.reads_since) == (1, 2)
    assert (incident.waiting, incident.sending) == (100, 2)
    other = Incident(1, "cut", None, 0.0)
    other.hear("lease", 1, {"leases": [{"side": "client", "paused": True, "waiting": 1}]})
    assert other.stopped is None
