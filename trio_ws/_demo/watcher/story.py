"""The story of a button, made from what happened: two sentences and four facts.

A story begins when a button is pressed, or when a connection is lost by itself.
It gathers what the watcher sees (`cancelled`, `exited`) and what the world says
(`left`, `state`, `handler`, `program`, `server`), and is told anew with each of them.
It ends when a connection is open again.

Nothing is foretold: a fact that has not happened is not in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..world.buttons import BUTTONS
from .incident import Incident, body_of
from .sentences import first_sentence, second_sentence

Keep = Callable[[str, dict[str, Any]], None]

TOLD = frozenset({"press", "left", "state", "handler", "program", "server", "cancelled", "lease"})
"""After which events the story is told anew."""


def label_of(name: str) -> str:
    """Return what a task is called in the picture."""
    words = name.split()
    if words[0] == "trio_ws":
        side = words[-1].partition("-")[0]
        return f"{words[1]} ({side})" if len(words) > 2 else "handler"
    if words[-1] == "stability":
        return "stability timer"
    path = name.split(".")
    if path[-1] == "serve_forever":
        return "accept"
    return path[-2].lower() if path[-1] == "run" else path[-1]


class Story:
    """Gathers what happens, and tells it."""

    def __init__(self, keep: Keep) -> None:
        self._keep = keep
        self._incident: Incident | None = None
        self._count = 0
        self._told: dict[str, Any] = {}

    def hear(self, kind: str, now: float, facts: dict[str, Any]) -> None:
        """Take note of an event, and tell the story anew if it adds to it."""
        if kind == "press":
            self._begin(now, facts["button"], facts["code"])
        elif self._incident is None and kind == "state" and facts["lost"]:
            self._begin(now, "", None)
        incident = self._incident
        if incident is None:
            return
        incident.hear(kind, now, facts)
        if kind in TOLD and (told := _tell(incident)) != self._told:
            self._told = told
            self._keep("story", told)
        if incident.done:
            self._incident = None

    def _begin(self, now: float, button: str, code: int | None) -> None:
        self._count += 1
        self._incident = Incident(self._count, button, code, now)


def _tell(incident: Incident) -> dict[str, Any]:
    """Return the story as far as it is known."""
    button = BUTTONS.get(incident.button)
    title = button.label if button else "The connection was lost"
    if incident.code is not None:
        title = title.replace("a code", str(incident.code))
    return {
        "id": incident.id,
        "button": incident.button,
        "title": title,
        "does": button.does if button else "No button was pressed.",
        "sentences": [first_sentence(incident), second_sentence(incident)],
        "cancelled": _cancellations(incident.cancelled[:8]),
        "unwound": [
            {"name": label_of(name), "after": round(when - incident.began, 3)}
            for name, when in incident.unwound[:24]
        ],
        "exception": _exception(incident),
        "back": _back(incident),
        "done": incident.done,
    }


def _cancellations(boxes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tell of boxes; the second of a kind belongs to a connection that came later."""
    told: list[dict[str, Any]] = []
    for each in map(_cancelled, boxes):
        again = any(each["what"] == other["what"] for other in told)
        told.append(each | {"what": f"{each['what']}, at a later attempt"} if again else each)
    return told


def _cancelled(facts: dict[str, Any]) -> dict[str, Any]:
    what = f"the {'nursery' if facts['nursery'] else 'scope'} in {facts['function']}"
    if facts["function"] in ("Connection.run", "Writer.run"):
        what = f"the shield of the {label_of(facts['name'])}, at its deadline"
    if side := body_of(facts):
        what = f"the body of the {side}'s connection"
    return {
        "box": facts["box"],
        "what": what,
        "reached": [
            {"name": label_of(each["name"]), "line": each["line"]} for each in facts["reached"]
        ],
    }


def _exception(incident: Incident) -> str:
    """Return the exception that left the client's block, or else what left its program."""
    if incident.program is not None and "Interrupt" in incident.program["ended"]:
        return str(incident.program["ended"])
    if incident.lost is not None and incident.lost["cause"]:
        return str(incident.lost["cause"])
    return "none" if incident.program is not None else ""


def _back(incident: Incident) -> str:
    if incident.calm_again:
        since = incident.reads_since - (incident.stopped or 0)
        return f"the reader reads again; for {since:.1f} s it had to stop now and then"
    if incident.back is not None:
        if incident.program is not None:
            return "the demo has started the program again: a new connection"
        away = incident.back["away"]
        return f"a new connection, {away:.1f} s later" if away else "a new connection"
    if incident.program is not None:
        return f"the demo starts the program again in {incident.program['seconds']:g} s"
    step = incident.attempts[-1] if incident.attempts else None
    if step is None:
        return ""
    if step["delay"] is not None:
        return f"attempt {step['attempt'] + 1} in {step['delay']:.1f} s"
    return f"attempt {step['attempt']} is under way"
