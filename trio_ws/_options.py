"""The options that a client and a server share: each written once, checked, as a frozen value.

What only one of them has is in `_client.options` and `_server.options`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from ._handshake.extensions import check_extensions
from ._policies import BeatPolicy, Heartbeat, HeartbeatOption, HeartbeatPolicy, Limits, Timeouts
from ._protocol.extensions.base import Extension
from ._protocol.extensions.deflate import Deflate
from ._validation import check_instance


class PolicyOptions(TypedDict, total=False):
    """The policies of a connection, for functions that pass them on."""

    heartbeat: HeartbeatOption
    timeouts: Timeouts
    limits: Limits
    compression: Deflate | None
    extensions: Sequence[Extension]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOptions:
    """What both roles are told about a connection, as the doors hand it inside."""

    heartbeat: HeartbeatOption = Heartbeat()
    timeouts: Timeouts = Timeouts()
    limits: Limits = Limits()
    compression: Deflate | None = None
    extensions: Sequence[Extension] = ()

    def __post_init__(self) -> None:
        check_instance("timeouts", self.timeouts, Timeouts, "Timeouts(…)")
        check_instance("limits", self.limits, Limits, "Limits(…)")
        if self.compression is not None:
            check_instance("compression", self.compression, Deflate, "Deflate(…) or None")
        object.__setattr__(self, "extensions", check_extensions(self.extensions))
        check_extensions(self.all_extensions)
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
    def heartbeats(self) -> tuple[HeartbeatPolicy, ...]:
        """The heartbeat policies, none, one or several."""
        if self.heartbeat is None:
            return ()
        return tuple(self.heartbeat) if isinstance(self.heartbeat, Sequence) else (self.heartbeat,)

    @property
    def beats(self) -> tuple[BeatPolicy, ...]:
        """Those that may give the peer up."""
        return tuple(each for each in self.heartbeats if isinstance(each, BeatPolicy))
