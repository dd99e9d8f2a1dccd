"""The options that a client and a server share: each written once, checked, as a frozen value.

What only one of them has is in `_client.options` and `_server.options`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from ._policies import BeatPolicy, Heartbeat, HeartbeatOption, HeartbeatPolicy, Limits, Timeouts
from ._validation import check_instance


class PolicyOptions(TypedDict, total=False):
    """The policies of a connection, for functions that pass them on."""

    heartbeat: HeartbeatOption
    timeouts: Timeouts
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOptions:
    """What both roles are told about a connection, as the doors hand it inside."""

    heartbeat: HeartbeatOption = Heartbeat()
    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()

    def __post_init__(self) -> None:
        check_instance("timeouts", self.timeouts, Timeouts, "Timeouts(…)")
        check_instance("limits", self.limits, Limits, "Limits(…)")
        for policy in self.heartbeats:
            if not isinstance(policy, HeartbeatPolicy):
                raise TypeError(
                    f"heartbeat must be Heartbeat(), Watchdog(), MessageHeartbeat(), "
                    f"MessageReply(), several of them, or None; got {policy!r}"
                )

    @property
    def heartbeats(self) -> tuple[HeartbeatPolicy, ...]:
        """Return the heartbeat policies: none, one or several."""
        if self.heartbeat is None:
            return ()
        return tuple(self.heartbeat) if isinstance(self.heartbeat, Sequence) else (self.heartbeat,)

    @property
    def beats(self) -> tuple[BeatPolicy, ...]:
        """Those that may give the peer up."""
        return tuple(each for each in self.heartbeats if isinstance(each, BeatPolicy))
