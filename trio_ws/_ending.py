"""How a connection ends: close codes, the Close frame, and the one fact that tells the end.

A connection is over for one of two reasons.
Either both sides completed the *closing handshake* (RFC 6455 §7.1.2: each sent one Close frame),
or the connection was *lost*, and `Loss` names how.
`WebSocket.ending` is None until then and never changes afterwards.
Every exception that reports an end carries it,
so "is it over, and why" has one answer wherever it is asked.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

from ._text import printable


class CloseCode(enum.IntEnum):
    """The close codes of RFC 6455 §7.4.1 and of the IANA registry.

    1005, 1006 and 1015 never travel in a frame: they stand for the absence of one.
    3000–3999 are for libraries and frameworks, 4000–4999 for applications; they have no names here.
    """

    NORMAL_CLOSURE = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 1002
    UNSUPPORTED_DATA = 1003
    NO_STATUS_RECEIVED = 1005
    ABNORMAL_CLOSURE = 1006
    INVALID_PAYLOAD = 1007
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    MANDATORY_EXTENSION = 1010
    INTERNAL_ERROR = 1011
    SERVICE_RESTART = 1012
    TRY_AGAIN_LATER = 1013
    BAD_GATEWAY = 1014
    TLS_HANDSHAKE = 1015

    @property
    def label(self) -> str:
        """Return the name in words: "normal closure"."""
        return self.name.replace("_", " ").lower()


NEVER_SENT = frozenset(
    {CloseCode.NO_STATUS_RECEIVED, CloseCode.ABNORMAL_CLOSURE, CloseCode.TLS_HANDSHAKE}
)
"""Codes that describe what did not happen; RFC 6455 §7.4.1 forbids them in a frame."""

_NAMED = frozenset(CloseCode) - NEVER_SENT

NORMAL_CLOSE_CODES = frozenset(
    {CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY, CloseCode.NO_STATUS_RECEIVED}
)
"""Codes of an ending that is no error; 1005 is what a page's ``socket.close()`` sends."""


def may_be_sent(code: int) -> bool:
    """Return True if `code` is allowed in a Close frame (RFC 6455 §7.4)."""
    if 3000 <= code <= 4999:
        return True
    return code in _NAMED


@dataclass(frozen=True, slots=True)
class Close:
    """What a Close frame says: a code, and a reason of at most 123 bytes of UTF-8.

    A frame without a code is shown as 1005 (RFC 6455 §7.1.5).
    """

    code: int
    reason: str = ""

    def __str__(self) -> str:
        try:
            text = f"{self.code} ({CloseCode(self.code).label})"
        except ValueError:
            text = str(self.code)
        return f"{text} {self.reason!r}" if self.reason else text


class Loss(enum.Enum):
    """How a connection ended without a closing handshake; the value is the sentence for it.

    Attributes:
        EOF: TCP was ended in order, but without a Close: a process that died, a proxy.
        BROKEN: reading or writing failed; `Ending.cause` is the error.
        HEARTBEAT: a heartbeat gave the peer up; leaves the block as `HeartbeatTimeout`.
        SEND_TIMEOUT: `Timeouts.send` has passed.
        VIOLATION: the peer broke RFC 6455; leaves as `ProtocolViolation`.
        TOO_BIG: a message exceeded `Limits`, which is no fault of the peer's;
            leaves as `MessageTooBig`.
        UNANSWERED: we said goodbye, and `Timeouts.close` (or `Timeouts.goodbye`) has passed.
    """

    EOF = "the peer ended the transport without a closing handshake"
    BROKEN = "the transport broke"
    HEARTBEAT = "the peer fell silent"
    SEND_TIMEOUT = "the peer stopped taking data"
    VIOLATION = "the peer broke the protocol"
    TOO_BIG = "a message was over our limit"
    UNANSWERED = "the peer did not answer our close"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a connection ended; `WebSocket.ending` from then on.

    Attributes:
        sent: the Close frame that we sent, or None.
        received: the Close frame that came, or None.
        received_first: whether the peer's came before ours was sent.
        loss: None after a closing handshake, otherwise the way the connection was lost.
        detail: what is known besides, for people to read; may be empty.
        cause: the exception that broke the transport, if one did.
        age: for how many seconds the connection was open.
        silence: for how many of the last seconds no byte had arrived.
    """

    sent: Close | None = None
    received: Close | None = None
    received_first: bool = False
    loss: Loss | None = None
    detail: str = ""
    cause: BaseException | None = field(default=None, compare=False)
    age: float = field(default=0.0, compare=False)
    silence: float = field(default=0.0, compare=False)

    @property
    def code(self) -> int:
        """Return the connection close code of RFC 6455 §7.1.5: the one received, or 1006."""
        return self.received.code if self.received else CloseCode.ABNORMAL_CLOSURE

    @property
    def reason(self) -> str:
        """Return the reason received with the code (RFC 6455 §7.1.6), or ``""``."""
        return self.received.reason if self.received else ""

    @property
    def clean(self) -> bool:
        """Return True if the closing handshake was completed (RFC 6455 §7.1.4)."""
        return self.loss is None

    @property
    def normal(self) -> bool:
        """Return True if it is clean and no error: 1000, 1001 or no code at all."""
        return self.clean and self.code in NORMAL_CLOSE_CODES

    def __str__(self) -> str:
        ours = f"sent {self.sent}" if self.sent else ""
        theirs = f"received {self.received}" if self.received else ""
        order = (theirs, ours) if self.received_first else (ours, theirs)
        story = "; then ".join(part for part in order if part)
        if self.loss is None:
            return f"{story} ({printable(self.detail)})" if self.detail else story
        said_already = self.sent is not None and self.sent.reason == self.detail
        detail = f" ({printable(self.detail)})" if self.detail and not said_already else ""
        return f"{self.loss.value}{detail}; {story or 'no close frame was exchanged'}"
