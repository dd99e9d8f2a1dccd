"""The options that a client and a server share: each written once, checked, as a frozen value.

What only one of them has is in `_client.options` and `_server.options`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypedDict, TypeVar

from ._handshake.extensions import check_extensions
from ._instrument import Instrument, Observers
from ._policies import BeatPolicy, Heartbeat, HeartbeatOption, HeartbeatPolicy, Limits, Timeouts
from ._protocol.extensions.base import Extension
from ._protocol.extensions.deflate import Deflate
from ._validation import check_instance

NOTHING: tuple[()] = ()
"""The default of options that are lists; there is nothing to check about it."""


class PolicyOptions(TypedDict, total=False):
    """The policies of a connection, for functions that pass them on."""

    heartbeat: HeartbeatOption
    timeouts: Timeouts
    limits: Limits
    compression: Deflate | None
    extensions: Sequence[Extension]
    instruments: Sequence[Instrument]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOptions:
    """What both roles are told about a connection, as the doors hand it inside."""

    heartbeat: HeartbeatOption = Heartbeat()
    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()
    compression: Deflate | None = None
    extensions: Sequence[Extension] = NOTHING
    instruments: Sequence[Instrument] = NOTHING

    def __post_init__(self) -> None:
        check_instance("timeouts", self.timeouts, Timeouts, "Timeouts(…)")
        check_instance("limits", self.limits, Limits, "Limits(…)")
        if self.extensions is not NOTHING:
            object.__setattr__(self, "extensions", check_extensions(self.extensions))
        if self.compression is not None:
            check_instance("compression", self.compression, Deflate, "Deflate(…) or None")
            check_extensions(self.all_extensions)
        object.__setattr__(self, "instruments", Observers.on(self.instruments))
        for policy in self.heartbeats:
            if not isinstance(policy, HeartbeatPolicy):
                raise TypeError(
                    f"heartbeat must be Heartbeat(), Watchdog(), MessageHeartbeat(), "
                    f"MessageReply(), several of them, or None; got {policy!r}"
                )

    @property
    def all_extensions(self) -> tuple[Extension, ...]:
        """Return what is offered or accepted, compression last: it is applied last."""
        compression = () if self.compression is None else (self.compression,)
        return (*self.extensions, *compression)

    @property
    def observers(self) -> Observers:
        """Return the instruments, bound to what each of them wants to know."""
        return Observers.on(self.instruments)

    @property
    def heartbeats(self) -> tuple[HeartbeatPolicy, ...]:
        """Return the heartbeat policies: none, one or several."""
        if self.heartbeat is None:
            return ()
        return tuple(self.heartbeat) if isinstance(self.heartbeat, Sequence) else (self.heartbeat,)

    @property
    def beats(self) -> tuple[BeatPolicy, ...]:
        """Return those that may give the peer up."""
        return tuple(each for each in self.heartbeats if isinstance(each, BeatPolicy))


C = TypeVar("C", bound=ConnectionOptions)


def config_from(
    config: type[C], options: Mapping[str, Any], function: str, *, also: Sequence[str] = ()
) -> C:
    """Return the value of the options that were given to a function, which has others `also`.

    Raises:
        TypeError: there is no such option; the message says which there are.
    """
    known = [field.name for field in fields(config)]
    check_names(options, known, function, also=also)
    return config(**options)


def check_names(
    options: Iterable[str], known: list[str], function: str, *, also: Sequence[str] = ()
) -> None:
    """Refuse names of options that a function has not.

    Raises:
        TypeError: there is no such option; the message says which there are.
    """
    for name in options:
        if name not in known:
            raise TypeError(f"{function}() has no option {name!r}{_hint(name, [*also, *known])}")


def _hint(name: str, known: list[str]) -> str:
    """Say what was meant, or which options there are."""
    if remedy := _ELSEWHERE.get(name):
        return f": write {remedy}"
    from difflib import get_close_matches  # takes long to import, for something rare

    if close := get_close_matches(name, known, n=1):
        return f"; did you mean {close[0]!r}?"
    return f"; there are {', '.join(known)}"


_ELSEWHERE = {
    "cap": "backoff=Backoff(cap=…)",
    "close_timeout": "timeouts=Timeouts(close=…)",
    "connect_timeout": "timeouts=Timeouts(connect=…)",
    "additional_headers": "headers=…",
    "extra_headers": "headers=…",
    "follow_redirects": "max_redirects=…",
    "http_proxy_host": "proxy=…",
    "proxies": "proxy=…",
    "delay": "backoff=Backoff(first=…)",
    "max_attempts": "backoff=Backoff(max_attempts=…)",
    "max_elapsed": "backoff=Backoff(max_elapsed=…)",
    "max_message_size": "limits=Limits(max_message_size=…)",
    "max_size": "limits=Limits(max_message_size=…)",
    "open_timeout": "timeouts=Timeouts(connect=…)",
    "ping_interval": "heartbeat=Heartbeat(interval=…)",
    "ping_timeout": "heartbeat=Heartbeat(timeout=…)",
    "reconnect": "backoff=Backoff(…)",
    "retries": "backoff=Backoff(max_attempts=…)",
    "ssl": "ssl_context=…",
    "timeout": "timeouts=Timeouts(connect=…)",
}
"""Options as they are called elsewhere, and how they are given here."""
