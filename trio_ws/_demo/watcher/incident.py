"""What is known of one story: the events since a button was pressed, or a connection was lost.

Nothing is foretold: a fact that has not happened is not in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

HOUSEKEEPING = frozenset({"Reader.run", "Reader._wait_for_room", "SupervisorLoop._run_session"})
"""Functions of the library whose scopes end in the course of things."""

CALM = 2.5
"""Seconds after which a reader that reads again does so for good."""


def body_of(facts: dict[str, Any]) -> str:
    """Return whose connection it is whose body was cancelled; "" if another box was."""
    if facts["nursery"] or not facts["maker"]:
        return ""
    return "client" if facts["name"] == "client" else "server"


@dataclass(slots=True)
class Incident:
    """What is known of one story.

    Attributes:
        id: its number.
        button: which button began it, or "".
        code: the close code of that button.
        began: when.
        cancelled: the boxes that were cancelled, with the tasks that this reached.
        unwound: the tasks that ended after the first of these, in order, with the time.
        left: how the client's session was left.
        handler: what the server's handler raised.
        lost: the supervisor's step when the connection ended, or None.
        attempts: the supervisor's steps since then.
        program: how the client's program ended, or None.
        back: the supervisor's step when a connection was open again, or None.
        server: what the server said last.
        stopped: when the client's reader stopped reading because its queue was full, or None.
        last_stopped: when it was last seen so.
        reads_since: since when it reads again, for good; 0: it does not.
        waiting: how many bytes have waited in its queue at most.
        sending: how many tasks of the server have waited in `send` at most.
    """

    id: int
    button: str
    code: int | None
    began: float
    cancelled: list[dict[str, Any]] = field(default_factory=list)
    unwound: list[tuple[str, float]] = field(default_factory=list)
    left: dict[str, Any] | None = None
    handler: str = ""
    lost: dict[str, Any] | None = None
    attempts: list[dict[str, Any]] = field(default_factory=list)
    program: dict[str, Any] | None = None
    back: dict[str, Any] | None = None
    server: dict[str, Any] | None = None
    stopped: float | None = None
    last_stopped: float = 0.0
    reads_since: float = 0.0
    waiting: int = 0
    sending: int = 0

    @property
    def done(self) -> bool:
        """Return True if all is well again."""
        return self.back is not None or self.calm_again

    @property
    def calm_again(self) -> bool:
        """Return True if nothing was lost, and the reader reads again for good."""
        return self.lost is None and self.reads_since > 0

    def hear(self, kind: str, now: float, facts: dict[str, Any]) -> None:
        """Take note of an event."""
        match kind:
            case "cancelled" if facts["function"] not in HOUSEKEEPING:
                self._cancelled(facts)
            case "exited" if self.cancelled or self.left or self.handler:
                self.unwound.append((facts["name"], now))
            case "left" if facts["error"]:
                self.left = self.left or facts
            case "handler":
                self.handler = facts["error"]
            case "server":
                self.server = facts
            case "program":
                self.program = facts if not facts["up"] else self.program
            case "lease" if self.button in ("slow", "flood"):
                self._pressed(now, facts["leases"])
            case "state":
                self._step(facts)

    def _cancelled(self, facts: dict[str, Any]) -> None:
        """Keep a cancellation that reaches further than those before it; the others follow."""
        before = {each["task"] for told in self.cancelled for each in told["reached"]}
        if not {each["task"] for each in facts["reached"]} <= before:
            self.cancelled.append(facts)

    def _pressed(self, now: float, leases: list[dict[str, Any]]) -> None:
        """Note whether the client's reader reads: for good, if it has not stopped for a while."""
        for lease in leases:
            if lease["side"] == "server":
                self.sending = max(self.sending, lease["sending"])
            elif lease["paused"]:
                self.stopped = now if self.stopped is None else self.stopped
                self.waiting = max(self.waiting, lease["waiting"])
                self.last_stopped = now
            elif self.stopped is not None and now - self.last_stopped > CALM:
                self.reads_since = self.last_stopped

    def _step(self, step: dict[str, Any]) -> None:
        if step["lost"] or step["state"] in ("closed", "failed"):
            self.lost = self.lost or step
        elif step["state"] == "open" and (self.lost or self.program):
            self.back = step
        if self.lost:
            self.attempts.append(step)
