"""The table: what is said on a connection, what the peer must be able to do, how it must end."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field

from trio_ws import ConnectionClosed, Deflate, Heartbeat, Limits

from . import bodies, endings
from .converse import Body, Setup
from .endings import Verdict, they_close, we_close
from .kinds import Can


@dataclass(frozen=True)
class Scenario:
    """One row of the table."""

    name: str
    body: Body
    needs: Set[Can] = frozenset()
    setup: Setup = field(default_factory=Setup)
    ends: Verdict = field(default_factory=we_close)

    def __str__(self) -> str:
        return self.name


CODES = ((1000, ""), (1001, "au revoir ☃"), (3000, "library"), (4321, "r" * 123))

SCENARIOS = (
    Scenario("texts", bodies.texts),
    Scenario("binaries", bodies.binaries),
    Scenario("large", bodies.large),
    Scenario("sizes", bodies.sizes),
    Scenario("in-order", bodies.in_order),
    Scenario("json", bodies.json_values),
    Scenario("bulk-both-ways", bodies.bulk_both_ways),
    Scenario("our-fragments", bodies.our_fragments),
    Scenario("our-fragments-counted", bodies.our_fragments_counted, {Can.COUNT_FRAMES}),
    Scenario("our-fragments-and-their-ping", bodies.our_fragments_and_their_ping, {Can.PING}),
    Scenario("their-fragments", bodies.their_fragments, {Can.FRAGMENT}),
    Scenario("their-fragments-as-a-stream", bodies.their_fragments_as_a_stream, {Can.FRAGMENT}),
    Scenario("large-as-a-stream", bodies.large_as_a_stream),
    Scenario("our-pings", bodies.our_pings),
    Scenario("our-pings-seen", bodies.our_pings_seen, {Can.SHOW_PINGS}),
    Scenario("their-pings", bodies.their_pings, {Can.PING}),
    Scenario("our-unsolicited-pong", bodies.our_unsolicited_pong),
    Scenario("our-unsolicited-pong-seen", bodies.our_unsolicited_pong_seen, {Can.SHOW_PONGS}),
    Scenario(
        "our-heartbeat",
        bodies.our_heartbeat,
        setup=Setup(ours={"heartbeat": Heartbeat(interval=0.1, timeout=10)}),
    ),
    Scenario(
        "their-heartbeat",
        bodies.their_heartbeat,
        {Can.BEAT},
        Setup(ours={"heartbeat": None}, theirs={"ping_interval": 0.1}),
    ),
    Scenario(
        "common-subprotocol",
        bodies.common_subprotocol,
        setup=Setup(
            ours={"subprotocols": ("chat.v3", "chat.v2")},
            theirs={"subprotocols": ["chat.v2", "chat.v1"]},
        ),
    ),
    Scenario(
        "no-subprotocol",
        bodies.no_subprotocol,
        setup=Setup(ours={"subprotocols": ("chat.v3", "chat.v2")}),
    ),
    Scenario(
        "headers",
        bodies.headers,
        {Can.SET_HEADERS},
        Setup(
            ours_as_client={"headers": {"X-From-Us": "2; c=d"}},
            theirs={"headers": {"X-From-Peer": "1; a=b"}},
        ),
    ),
    Scenario("target", bodies.target),
    Scenario(
        "compression-declined",
        bodies.compression_declined,
        {Can.COMPRESS},
        Setup(theirs={"compression": True}),
    ),
    Scenario(
        "compression",
        bodies.compression,
        {Can.COMPRESS},
        Setup(
            ours={"compression": Deflate(), "limits": Limits(max_message_size=1 << 21)},
            theirs={"compression": True},
        ),
    ),
    Scenario(
        "compression-without-takeover",
        bodies.compression,
        {Can.COMPRESS},
        Setup(
            ours={
                "compression": Deflate(context_takeover=False, window_bits=9, threshold=0),
                "limits": Limits(max_message_size=1 << 21),
            },
            theirs={"compression": True},
        ),
    ),
    Scenario("over-tls", bodies.over_tls, setup=Setup(tls=True)),
    Scenario("say-nothing", bodies.say_nothing),
    Scenario("say-and-leave", bodies.say_and_leave),
    Scenario(
        "raise-own-fault", bodies.raise_own_fault, ends=we_close(1011, leaves=bodies.OwnFault)
    ),
    Scenario("be-cancelled", bodies.be_cancelled, ends=endings.we_are_cancelled),
    *(
        Scenario(f"close-with-{code}", bodies.close_with(code, reason), ends=we_close(code, reason))
        for code, reason in CODES
    ),
    *(
        Scenario(
            f"be-closed-with-{code}",
            bodies.be_closed_with(code, reason),
            {Can.CLOSE_AS_ANYBODY} if code == 1001 else set(),
            ends=they_close(code, reason),
        )
        for code, reason in CODES
    ),
    Scenario(
        "be-closed-without-code",
        bodies.be_closed_with(None, ""),
        {Can.CLOSE_EMPTY},
        ends=they_close(1005),
    ),
    Scenario("iterate-to-the-end", bodies.iterate_to_the_end, ends=they_close(1000)),
    Scenario(
        "iterate-to-a-bad-end",
        bodies.iterate_to_a_bad_end,
        {Can.CLOSE_AS_ANYBODY},
        ends=they_close(1011, "out of order", leaves=ConnectionClosed),
    ),
    Scenario("both-close", bodies.both_close, ends=endings.both_closed),
    Scenario(
        "be-dropped-while-receiving",
        bodies.be_dropped_while_receiving,
        {Can.ABORT},
        ends=endings.they_vanish,
    ),
    Scenario(
        "be-dropped-while-elsewhere",
        bodies.be_dropped_while_elsewhere,
        {Can.ABORT},
        ends=endings.they_vanish,
    ),
    *(
        Scenario(
            name,
            body,
            {Can.FREEZE},
            Setup(ours={"heartbeat": Heartbeat(interval=0.2, timeout=0.5)}),
            endings.they_fall_silent,
        )
        for name, body in (
            ("face-a-frozen-peer", bodies.face_a_frozen_peer),
            ("send-to-a-frozen-peer", bodies.send_to_a_frozen_peer),
        )
    ),
    Scenario(
        "be-sent-too-much",
        bodies.be_sent_too_much,
        setup=Setup(ours={"limits": Limits(max_message_size=1000)}),
        ends=endings.we_refuse_to_go_on(1009),
    ),
)
