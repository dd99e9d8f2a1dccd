"""The options, each written once: what the doors are given, checked, as frozen values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ._policies import BeatPolicy, Heartbeat, HeartbeatOption, HeartbeatPolicy, Limits, Timeouts


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOptions:
    """What both roles are told about a connection, as the doors hand it inside."""

    heartbeat: HeartbeatOption = Heartbeat()
    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        if not isinstance(self.timeouts, Timeouts):
            raise TypeError(f"timeouts must be Timeouts(…); got {self.timeouts!r}")
        if not isinstance(self.limits, Limits):
            raise TypeError(f"limits must be Limits(…); got {self.limits!r}")
        for policy in self.heartbeats:
            if not isinstance(policy, HeartbeatPolicy):
                raise TypeError(
                    f"heartbeat must be Heartbeat(), Watchdog(), MessageHeartbeat(), "
                    f"MessageReply(), several of them, or None; got {policy!r}"
                )

    @property
    def heartbeats(self) -> tuple[HeartbeatPolicy, ...]:
        """The heartbeat policies, none, one or several."""
        if self.heartbeat is None:
            return ()
        return tuple(self.heartbeat) if isinstance(self.heartbeat, Sequence) else (self.heartbeat,)

    @property
    def beats(self) -> tuple[BeatPolicy, ...]:
        """Those that may give the peer up."""
        return tuple(each for each in self.heartbeats if isinstance(each, BeatPolicy))
