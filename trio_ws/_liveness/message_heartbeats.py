"""Heartbeats made of messages: what the policies have to know of each message that arrives.

A `Watchdog` or `MessageHeartbeat` may recognise its beats among the messages,
and a `MessageReply` the heartbeat messages of the peer, which want an answer.
The functions that recognise them are the user's and run in the reader;
if one raises, the connection ends with 1011 and the exception leaves the block, bare.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from .._policies import HeartbeatPolicy, MessageHeartbeat, MessageReply, Watchdog
from .timer import HeartbeatTimer


class _Watched(NamedTuple):
    """A beat that only chosen messages renew."""

    beat: HeartbeatTimer
    is_beat: Callable[[str | bytes], bool]
    hide: bool


class MessageHeartbeats:
    """The policies that look at each message before a receiver does."""

    __slots__ = ("_answered", "_watched", "replies")

    def __init__(
        self, policies: Iterable[HeartbeatPolicy], beats: Iterable[HeartbeatTimer]
    ) -> None:
        self._watched = tuple([watched for beat in beats if (watched := _watched(beat))])
        self._answered = tuple([each for each in policies if isinstance(each, MessageReply)])
        self.replies: dict[MessageReply, str | bytes] = {}
        """The newest heartbeat message of the peer that waits for its reply, per policy."""

    def __bool__(self) -> bool:
        """Return True if any policy wants to see the messages."""
        return bool(self._watched or self._answered)

    def inspect(self, message: str | bytes, now: float) -> bool:
        """Note what `message` means to the policies; return True if it is to be hidden."""
        hide = False
        for watched in self._watched:
            if watched.is_beat(message):
                watched.beat.renew(now)
                hide = hide or watched.hide
        for policy in self._answered:
            if policy.is_ping(message):
                self.replies[policy] = message
                hide = True
        return hide

    def make_reply(self) -> str | bytes:
        """Remove the oldest of `replies` and return the message that it asks for."""
        policy = next(iter(self.replies))
        return policy.make(self.replies.pop(policy))


_NONE = MessageHeartbeats((), ())


def message_heartbeats(
    policies: Iterable[HeartbeatPolicy], beats: Iterable[HeartbeatTimer]
) -> MessageHeartbeats:
    """Return what shows messages to the policies; one for all connections where none looks."""
    found = MessageHeartbeats(policies, beats)
    return found or _NONE


def _watched(beat: HeartbeatTimer) -> _Watched | None:
    policy = beat.policy
    if isinstance(policy, Watchdog) and policy.is_beat is not None:
        return _Watched(beat, policy.is_beat, hide=False)
    if isinstance(policy, MessageHeartbeat) and policy.is_reply is not None:
        return _Watched(beat, policy.is_reply, hide=policy.hide_replies)
    return None
