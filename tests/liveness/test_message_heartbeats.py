"""`_liveness.message_heartbeats`: which messages are beats, want a reply, are hidden."""

from __future__ import annotations

import pytest

from trio_ws._liveness.lease import Lease
from trio_ws._liveness.message_heartbeats import MessageHeartbeats, message_heartbeats
from trio_ws._liveness.timer import Verdict
from trio_ws._policies import (
    BeatPolicy,
    Heartbeat,
    HeartbeatPolicy,
    MessageHeartbeat,
    MessageReply,
    Timeouts,
    Watchdog,
)


def starts_with_ping(message: str | bytes) -> bool:
    return isinstance(message, str) and message.startswith("ping")


def is_pong(message: str | bytes) -> bool:
    return message == "pong"


def is_tick(message: str | bytes) -> bool:
    return message == b"tick"


WATCHDOG = Watchdog(timeout=30, is_beat=is_tick)
ASKING = MessageHeartbeat(message="ping", interval=20, timeout=10, is_reply=is_pong)
OPEN_ASKING = MessageHeartbeat(
    message="ping", interval=20, timeout=10, is_reply=is_pong, hide_replies=False
)
REPLY = MessageReply(is_ping=starts_with_ping, reply=lambda ping: f"re: {ping!r}")


def beats_of(*policies: HeartbeatPolicy) -> tuple[Lease, MessageHeartbeats]:
    """A lease that begins at 0, and what looks at its messages."""
    active = [policy for policy in policies if isinstance(policy, BeatPolicy)]
    lease = Lease(active, Timeouts(), now=0, phase=1)
    return lease, message_heartbeats(policies, lease.beats)


@pytest.mark.parametrize(
    ("policy", "wants"),
    [
        (Heartbeat(), False),
        (Watchdog(), False),
        (MessageHeartbeat(message="ping"), False),
        (WATCHDOG, True),
        (ASKING, True),
        (REPLY, True),
    ],
)
def test_who_wants_to_see_the_messages(policy: HeartbeatPolicy, wants: bool) -> None:
    """Only policies with a function for messages want to see them; the others share a value."""
    messages = beats_of(policy)[1]
    assert bool(messages) is wants
    assert (messages is beats_of()[1]) is not wants


def test_no_policy_sees_nothing() -> None:
    """Without policies no message is hidden and none wants a reply."""
    _, messages = beats_of()
    assert not messages
    assert messages.inspect("ping", 1) is False
    assert messages.replies == {}


@pytest.mark.parametrize(
    ("policy", "beat", "hidden", "due"),
    [
        (WATCHDOG, b"tick", False, 5 + 30),
        (ASKING, "pong", True, 5 + 20),
        (OPEN_ASKING, "pong", False, 5 + 20),
    ],
)
def test_chosen_beats(policy: BeatPolicy, beat: str | bytes, hidden: bool, due: float) -> None:
    """A chosen message renews its policy's lease, and is hidden where the policy says so."""
    lease, messages = beats_of(policy)
    before = lease.next_wakeup().at
    assert messages.inspect("something else", 3) is False
    assert lease.next_wakeup().at == before
    assert messages.inspect(beat, 5) is hidden
    assert lease.next_wakeup().at == due


def test_each_beat_renews_its_own_policy() -> None:
    """Of several policies each is renewed by its own beats only."""
    lease, messages = beats_of(WATCHDOG, ASKING)
    watchdog, asking = lease.beats
    messages.inspect(b"tick", 5)
    assert (watchdog.renewed_at, asking.renewed_at) == (5, 0)
    messages.inspect("pong", 7)
    assert (watchdog.renewed_at, asking.renewed_at) == (5, 7)


def test_one_message_for_two() -> None:
    """A message may be a beat to two policies; it is hidden if one of them hides it."""
    lease, messages = beats_of(OPEN_ASKING, ASKING)
    assert messages.inspect("pong", 4) is True
    assert [beat.renewed_at for beat in lease.beats] == [4, 4]


def test_reply() -> None:
    """A message that asks is hidden, and its reply can be made once."""
    _, messages = beats_of(REPLY)
    assert messages.inspect("data", 1) is False
    assert messages.inspect(b"ping", 1) is False, "the user's function told them apart"
    assert messages.inspect("ping 1", 1) is True
    assert messages.make_reply() == "re: 'ping 1'"
    assert messages.replies == {}


def test_only_the_newest_is_answered() -> None:
    """Of several that wait for a reply to be sent only the newest is answered, per policy."""
    other = MessageReply(is_ping=is_tick, reply=b"tock")
    _, messages = beats_of(REPLY, other)
    for message in ("ping 1", b"tick", "ping 2", "ping 3"):
        assert messages.inspect(message, 1) is True
    assert [messages.make_reply(), messages.make_reply()] == ["re: 'ping 3'", b"tock"]
    assert messages.replies == {}


def test_failing_function() -> None:
    """What a function of a policy raises comes out as it is, and nothing was noted."""

    def fail(message: str | bytes) -> bool:
        raise ZeroDivisionError

    lease, messages = beats_of(Watchdog(timeout=30, is_beat=fail))
    with pytest.raises(ZeroDivisionError):
        messages.inspect("beat", 5)
    assert lease.next_wakeup().at == 30
    assert lease.decide(30).verdict is Verdict.LOST
