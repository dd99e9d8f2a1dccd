"""The options of a supervisor: each written once, checked when it is given, as a frozen value.

`supervise` spells them out, for `help` and for editors; `SupervisorOptions` is what all other
functions take (``**options: Unpack[SupervisorOptions]``); `SupervisorConfig` is the value.
A test holds the three together.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, fields
from typing import Any, Generic, Literal, Self, TypeAlias, TypeVar, cast

from .._client.connect import open_websocket
from .._client.options import ClientConfig, ClientOptions
from .._concurrency.chance import draw
from .._connection.websocket import WebSocket
from .._instrument import Observers
from .._options import config_from
from .._policies import Timeouts
from .._url import URL
from .._validation import check_callable, check_flag, check_instance, check_plain_callable
from .backoff import Backoff
from .retry_rules import Classify
from .throttle import Throttle
from .transitions import TransitionHook

T = TypeVar("T")

Session: TypeAlias = Callable[[WebSocket], Awaitable[T]]
"""An async function of one `WebSocket`, run once for each connection."""

Connect: TypeAlias = Callable[..., AbstractAsyncContextManager[WebSocket]]
"""What opens one connection, as `open_websocket` does."""

UnknownHost: TypeAlias = Literal["fail", "retry"]
"""What ``unknown_host`` may be."""


class SupervisorOptions(ClientOptions, total=False):
    """The options of `supervise`, for those who pass them on."""

    backoff: Backoff
    classify: Classify | None
    on_transition: TransitionHook | None
    reconnect_on_normal_close: bool
    unknown_host: UnknownHost
    throttle: Throttle | None
    jitter: Callable[[], float]
    connect: Connect


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorConfig:
    """The options of a supervisor, checked; `supervise` says what they mean.

    Attributes:
        client: the options that are those of `open_websocket`, as they were given.

    Raises:
        TypeError, ValueError, LocalProtocolError: an option makes no sense.
    """

    backoff: Backoff = Backoff()
    classify: Classify | None = None
    on_transition: TransitionHook | None = None
    reconnect_on_normal_close: bool = False
    unknown_host: UnknownHost = "fail"
    throttle: Throttle | None = None
    jitter: Callable[[], float] = draw
    connect: Connect = open_websocket
    client: ClientOptions = field(default_factory=ClientOptions)

    def __post_init__(self) -> None:
        check_instance("backoff", self.backoff, Backoff, "Backoff(…)")
        check_instance("throttle", self.throttle, Throttle, "Throttle(…)", optional=True)
        check_flag("reconnect_on_normal_close", self.reconnect_on_normal_close)
        if self.unknown_host not in ("fail", "retry"):
            raise ValueError(f'unknown_host must be "fail" or "retry", not {self.unknown_host!r}')
        check_plain_callable("classify", self.classify, optional=True)
        instead = ", and could iterate over events()"
        check_plain_callable("on_transition", self.on_transition, optional=True, instead=instead)
        check_plain_callable("jitter", self.jitter)
        check_plain_callable("connect", self.connect)

    @classmethod
    def of(cls, options: SupervisorOptions, urls: Sequence[URL]) -> Self:
        """Return the value of these options; refuse what is of no use for `urls`."""
        given = cast(dict[str, Any], options)
        own = {name: given[name] for name in _OWN & given.keys()}
        rest = {name: given[name] for name in given.keys() - _OWN}
        client = config_from(ClientConfig, rest, "supervise", also=sorted(_OWN))
        for url in urls:
            client.check_url(url)
        if "headers" in rest:  # they may be an iterator, which is read once
            rest["headers"] = client.headers
        if "instruments" in rest:  # so may these; and they are bound once
            rest["instruments"] = client.instruments
        return cls(**own, client=cast(ClientOptions, rest))

    @property
    def observers(self) -> Observers:
        """Return the instruments, which are told of transitions, too."""
        return Observers.on(self.client.get("instruments", ()))

    @property
    def can_refresh_headers(self) -> bool:
        """Return True if a function is asked for the headers of each attempt."""
        return callable(self.client.get("headers"))

    @property
    def timeouts(self) -> Timeouts:
        """Return the timeouts of each connection."""
        return self.client.get("timeouts", Timeouts())


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlan(Generic[T]):
    """What is done with each connection: `prepare` it, then `session`; `done` tells of its end."""

    session: Session[T]
    prepare: Session[object] | None = None
    done: str = "the session returned"

    def __post_init__(self) -> None:
        check_callable("session", self.session)


_OWN = {each.name for each in fields(SupervisorConfig)} - {"client"}
