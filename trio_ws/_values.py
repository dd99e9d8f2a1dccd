"""The values that users meet: requests and responses, close codes, the ending.

All of them are plain facts, frozen once made.
The one that needs explaining is `Ending`.

A connection is over for one of two reasons.
Either both sides said goodbye (the *closing handshake* of RFC 6455 §7.1.2:
each sent one Close frame), or it was *lost*, and `Loss` names how.
`WebSocket.ending` is None until then and never changes afterwards;
every exception that reports an end carries it,
so that asking "is it over, and why" has one answer wherever it is asked.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

HeaderSource = Mapping[str, str] | Iterable[tuple[str, str]]
"""What may be given where headers are asked for: a mapping, or (name, value) pairs."""


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
        """The name as one would say it: "normal closure"."""
        return self.name.replace("_", " ").lower()


NEVER_SENT = frozenset(
    {CloseCode.NO_STATUS_RECEIVED, CloseCode.ABNORMAL_CLOSURE, CloseCode.TLS_HANDSHAKE}
)
"""Codes that describe what did not happen; RFC 6455 §7.4.1 forbids them in a frame."""

_NAMED = frozenset(CloseCode) - NEVER_SENT

NORMAL = frozenset({CloseCode.NORMAL_CLOSURE, CloseCode.GOING_AWAY, CloseCode.NO_STATUS_RECEIVED})
"""Codes of an ending that is nobody's fault; 1005 is what a page's ``socket.close()`` sends."""


def may_be_sent(code: int) -> bool:
    """Whether `code` is allowed in a Close frame (RFC 6455 §7.4)."""
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
        EOF: TCP was ended in order, but nobody had said goodbye: a process that died, a proxy.
        BROKEN: reading or writing failed; `Ending.cause` is the error.
        HEARTBEAT: a heartbeat gave the peer up; leaves the block as `HeartbeatTimeout`.
        SEND_TIMEOUT: `Timeouts.send` has passed.
        VIOLATION: the peer broke RFC 6455 or exceeded `Limits`; leaves as `ProtocolViolation`.
        UNANSWERED: we said goodbye, and `Timeouts.close` (or `Timeouts.goodbye`) has passed.
    """

    EOF = "the peer ended the transport without a closing handshake"
    BROKEN = "the transport broke"
    HEARTBEAT = "the peer fell silent"
    SEND_TIMEOUT = "the peer stopped taking data"
    VIOLATION = "the peer broke the protocol"
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
    """

    sent: Close | None = None
    received: Close | None = None
    received_first: bool = False
    loss: Loss | None = None
    detail: str = ""
    cause: BaseException | None = field(default=None, compare=False)

    @property
    def code(self) -> int:
        """The connection close code of RFC 6455 §7.1.5: the one received, or 1006."""
        return self.received.code if self.received else CloseCode.ABNORMAL_CLOSURE

    @property
    def reason(self) -> str:
        """The reason received with the code (RFC 6455 §7.1.6), or ``""``."""
        return self.received.reason if self.received else ""

    @property
    def clean(self) -> bool:
        """Whether the closing handshake was completed (RFC 6455 §7.1.4)."""
        return self.loss is None

    @property
    def normal(self) -> bool:
        """Whether it is clean and nobody's fault: 1000, 1001 or no code at all."""
        return self.clean and self.code in NORMAL

    def __str__(self) -> str:
        ours = f"sent {self.sent}" if self.sent else ""
        theirs = f"received {self.received}" if self.received else ""
        order = (theirs, ours) if self.received_first else (ours, theirs)
        story = "; then ".join(part for part in order if part)
        if self.loss is None:
            return story
        said_already = self.sent is not None and self.sent.reason == self.detail
        detail = f" ({printable(self.detail)})" if self.detail and not said_already else ""
        return f"{self.loss.value}{detail}; {story or 'no close frame was exchanged'}"


class Headers(Mapping[str, str]):
    """HTTP headers: names without regard to case, repeated names allowed, order kept.

    ``headers[name]`` joins the values of a repeated name with ``", "`` (RFC 9110 §5.3);
    `get_all` gives them apart, `items_all` gives every line in order.
    """

    __slots__ = ("_parts",)

    def __init__(self, source: HeaderSource = ()) -> None:
        # name, value, name, value …: every open connection keeps its headers, and a tuple of
        # pairs takes more than twice the memory.
        if isinstance(source, Headers):
            self._parts: tuple[str, ...] = source._parts
        else:
            lines = source.items() if isinstance(source, Mapping) else source
            self._parts = tuple([part for name, value in lines for part in (name, value)])

    def get_all(self, name: str) -> list[str]:
        """All values of `name`, in order; empty if it is absent."""
        wanted = name.lower()
        return [value for key, value in self._lines() if key.lower() == wanted]

    def items_all(self) -> tuple[tuple[str, str], ...]:
        """Every header line as (name, value), in order."""
        return tuple(self._lines())

    def _lines(self) -> Iterator[tuple[str, str]]:
        return zip(self._parts[::2], self._parts[1::2], strict=True)

    def __getitem__(self, name: str) -> str:
        if values := self.get_all(name):
            return ", ".join(values)
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.get_all(name))

    def __iter__(self) -> Iterator[str]:
        return iter({key.lower(): key for key, _ in reversed(self.items_all())}.values())

    def __len__(self) -> int:
        return len({key.lower() for key in self._parts[::2]})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return self._folded() == {str(name).lower(): value for name, value in other.items()}

    def __hash__(self) -> int:
        return hash(frozenset(self._folded().items()))

    def _folded(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.items()}

    def __repr__(self) -> str:
        return f"Headers({list(self._lines())!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request, as `on_request` sees it and as `WebSocket.request` keeps it.

    Attributes:
        method: ``"GET"`` for every upgrade.
        target: path and query as they stood in the request line.
        headers: every header, in order.
        remote_address: where it came from, as the socket tells it; None on other streams.
    """

    method: str
    target: str
    headers: Headers
    remote_address: object = None

    @property
    def path(self) -> str:
        """The target without its query; not percent-decoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, list[str]]:
        """The query's parameters, percent-decoded; a repeated one keeps all values."""
        return parse_qs(self.target.partition("?")[2], keep_blank_values=True)


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response: what `on_request` may answer, and what `Rejected` carries.

    `body` may be given as `str` (sent as UTF-8) or bytes; it is kept as bytes.
    ``Content-Length`` is added when the response is sent.
    """

    status: int
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    def __init__(self, status: int, headers: HeaderSource = (), body: str | bytes = b"") -> None:
        object.__setattr__(self, "status", status)
        object.__setattr__(self, "headers", Headers(headers))
        object.__setattr__(self, "body", body.encode() if isinstance(body, str) else body)


def printable(text: str, limit: int = 200) -> str:
    """`text` as it may stand in a log or an error: control characters escaped, shortened."""
    if len(text) > limit:
        text = f"{text[:limit]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
