"""The state table of an open connection (RFC 6455 §5 to §7).

An open connection has three states::

    OPEN ──── we close ────▶ CLOSING ── the peer answers ──▶ ENDED
      └── the peer closes, breaks the rules, or is gone ───────▲

`TABLE` says for each state, and for everything that can happen in it,
what to do and which state comes next.  It is the only place where that is decided:
`WebSocketProtocol` looks it up, a test walks all of it, the picture in the docs is drawn from it.
"""

from __future__ import annotations

import enum


class _Word(enum.Enum):
    """A word that is looked up often: the hash of an `enum.Enum` takes longer than the rest."""

    __hash__ = object.__hash__


class State(_Word):
    """A state of an open connection."""

    OPEN = "open"
    CLOSING = "closing"
    ENDED = "ended"


class Input(_Word):
    """A thing that can happen: what the peer does, then what we ask for."""

    MESSAGE = "a message arrives"
    PING = "a ping arrives"
    PONG = "a pong arrives"
    CLOSE = "a close arrives"
    VIOLATION = "the peer breaks the rules"
    LOSS = "the peer is gone"
    SEND = "we send a message or a ping"
    SEND_CLOSE = "we close"


class Action(enum.Enum):
    """A thing that is done about it."""

    DELIVER = "deliver it"
    ANSWER = "answer with a pong"
    NOTE = "note it"
    REPLY = "reply with a close; over"
    COMPLETE = "over"
    FAIL = "close with the code of the violation; over"
    LOSE = "lost; over"
    QUEUE = "queue it"
    REFUSE = "refuse it"
    IGNORE = "ignore it"


TABLE: dict[tuple[State, Input], tuple[State, Action]] = {
    (State.OPEN, Input.MESSAGE): (State.OPEN, Action.DELIVER),
    (State.OPEN, Input.PING): (State.OPEN, Action.ANSWER),
    (State.OPEN, Input.PONG): (State.OPEN, Action.NOTE),
    (State.OPEN, Input.CLOSE): (State.ENDED, Action.REPLY),
    (State.OPEN, Input.VIOLATION): (State.ENDED, Action.FAIL),
    (State.OPEN, Input.LOSS): (State.ENDED, Action.LOSE),
    (State.OPEN, Input.SEND): (State.OPEN, Action.QUEUE),
    (State.OPEN, Input.SEND_CLOSE): (State.CLOSING, Action.QUEUE),
    # Having sent a Close we send nothing more, not even a pong (§5.5.1, §5.5.2),
    # but what the peer sent before it saw our Close is still good.
    (State.CLOSING, Input.MESSAGE): (State.CLOSING, Action.DELIVER),
    (State.CLOSING, Input.PING): (State.CLOSING, Action.IGNORE),
    (State.CLOSING, Input.PONG): (State.CLOSING, Action.NOTE),
    (State.CLOSING, Input.CLOSE): (State.ENDED, Action.COMPLETE),
    (State.CLOSING, Input.VIOLATION): (State.ENDED, Action.LOSE),
    (State.CLOSING, Input.LOSS): (State.ENDED, Action.LOSE),
    (State.CLOSING, Input.SEND): (State.CLOSING, Action.REFUSE),
    (State.CLOSING, Input.SEND_CLOSE): (State.CLOSING, Action.IGNORE),
    # What the peer sends after the end is ignored (§7.1.1).
    **{
        (State.ENDED, what): (State.ENDED, Action.IGNORE)
        for what in Input
        if what is not Input.SEND
    },
    (State.ENDED, Input.SEND): (State.ENDED, Action.REFUSE),
}
