"""Two sentences about an incident: what was cancelled and why; what left, and what comes back."""

from __future__ import annotations

from .incident import Incident, body_of

BEGINNINGS = {
    "cut": "The cable is cut: the readers of both ends will find the connection broken.",
    "black_hole": "Nothing happens at first, since neither end is told: only the lease can notice, "
    "which drains while no byte arrives.",
    "freeze": "Nothing happens at first: the peer's host still takes bytes, and says nothing, "
    "so the lease drains.",
    "slow": "The client takes 2 s over each message, and prices come twice a second.",
    "flood": "The server sends faster than the client takes.",
}
"""What there is to say before anything was cancelled."""


def first_sentence(incident: Incident) -> str:
    """Say what happened, and what it cancelled."""
    first = _ctrl_c(incident) or _handler(incident) or _server(incident) or _client(incident)
    first = first or _closing(incident) or _given_up(incident)
    return first or _pressure(incident) or BEGINNINGS.get(incident.button, "")


def _pressure(incident: Incident) -> str:
    if incident.stopped is None:
        return ""
    text = (
        f"{BEGINNINGS[incident.button][:-1]}, so its receive queue was full "
        f"({incident.waiting:,} bytes), and its reader stopped reading"
    )
    return (
        f"{text}; in the server {incident.sending} tasks waited in “send”."
        if (incident.sending)
        else f"{text}."
    )


def _ctrl_c(incident: Incident) -> str:
    if incident.button != "ctrl_c" or not incident.cancelled:
        return ""
    text = (
        "KeyboardInterrupt was raised in the task “keyboard”, so its nursery cancelled "
        "the supervisor and all that was below it, each task where it waited."
    )
    if incident.program is None:
        return text
    return f"{text} The connection said goodbye with 1001, so the server's handler ended, too."


def _handler(incident: Incident) -> str:
    if not incident.handler and not (incident.button == "raise" and incident.cancelled):
        return ""
    text = (
        "The task “buttons” of the handler raised RuntimeError, so its nursery cancelled the others"
    )
    if not incident.handler:
        return f"{text}."
    return f"{text}, and the server closed this connection with 1011 and went on."


def _server(incident: Incident) -> str:
    if incident.button != "restart" or not incident.cancelled:
        return ""
    text = "The server's scope was cancelled, so its handler was cancelled where it waited"
    return f"{text}, and its connection said goodbye with 1001." if incident.server else f"{text}."


def _closing(incident: Incident) -> str:
    """Say whose iteration a close has ended, while the client's session unwinds."""
    if incident.button != "close" or not incident.cancelled:
        return ""
    if _line_of_client(incident):
        why = "The server's Close has arrived, so the client's iteration is over"
    else:
        why = "The server has closed the connection, so its handler's iteration is over"
    return f"{why}, and the nursery around it cancels the tasks beside it."


def _given_up(incident: Incident) -> str:
    """Say which sides have given the connection up, while the supervisor has said nothing."""
    sides = {body_of(facts) for facts in incident.cancelled}
    if "client" in sides:
        return "The client has given the connection up: the body of its block is cancelled."
    if "server" not in sides:
        return ""
    heard = "heard nothing for 6 s" if incident.button in ("black_hole", "freeze") else ""
    why = f"The server {heard or 'found the connection broken'}"
    return f"{why}, so the body of its handler was cancelled; the client does not know yet."


def _client(incident: Incident) -> str:
    if not (cause := _cause(incident)):
        return ""
    if "HeartbeatTimeout" in cause:
        why, where = "The client heard nothing for 6 s", _line_of_client(incident)
        return f"{why}, so the body of its block was cancelled{where}."
    if "ConnectionLost" in cause:
        why, where = "The client's reader found the connection broken", _line_of_client(incident)
        return f"{why}, so the body of its block was cancelled{where}."
    return f"The server closed the connection, so {_iteration(incident)}."


def _cause(incident: Incident) -> str:
    """Return what ended the client's session; "" if nothing has."""
    if incident.lost is None:
        return incident.left["error"] if incident.left is not None else ""
    return incident.lost["cause"] or "1000"


def _line_of_client(incident: Incident) -> str:
    """Return the line at which the client's session was cancelled."""
    for facts in incident.cancelled:
        for each in facts["reached"]:
            if each["name"] == "client":
                return f" at {each['line']}"
    return ""


def _iteration(incident: Incident) -> str:
    """Say what the end of the connection meant for the session's ``async for``."""
    if incident.left is None:
        return "the client's iteration ended, and the session returned"
    where = f" at {incident.left['where']}" if incident.left["where"] else ""
    return f"the client's iteration raised{where}"


CALM = (
    "Nothing is cancelled and nothing is lost: while the reader does not read, "
    "the lease is suspended, since silence proves nothing then."
)


def second_sentence(incident: Incident) -> str:
    """Say how it unwound, which exception left, and what comes back."""
    if incident.lost is None:
        return CALM if incident.stopped is not None else ""
    told = f"{len(incident.unwound)} tasks ended, in the order below; {_then(incident)}."
    if incident.button in ("raise", "restart") and (incident.handler or incident.server):
        text = _iteration(incident)
        return f"{text[0].upper()}{text[1:]}; {told}"
    return told


def _then(incident: Incident) -> str:
    if incident.program is not None:
        return f"the program ended ({incident.program['ended']}), and the supervisor with it"
    if incident.lost is None or not incident.lost["cause"]:
        return "the supervisor is done"
    name = incident.lost["cause"].partition(":")[0]
    return f"one exception left the block, {name}, and {_next(incident)}"


def _next(incident: Incident) -> str:
    if incident.back is not None:
        return f"the supervisor connected again after {incident.back['away'] or 0:.1f} s"
    delay = incident.attempts[-1]["delay"]
    if delay is None:
        return "the supervisor is trying again"
    return f"the supervisor tries again in {delay:.1f} s"
