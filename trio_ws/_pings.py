"""Pings that wait for their pongs, and what the round trips tell.

A pong answers its ping and all before it: a peer need only answer the newest (RFC 6455 §5.5.3).
A pong that answers none of them is ignored, whether it is late, doubled, forged or unsolicited.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import trio


@dataclass(slots=True, eq=False)
class PingSent:
    """A ping that waits for its pong; `rtt` is seconds once it has come."""

    payload: bytes
    sent_at: float
    frames_before: int
    answered: trio.Event = field(default_factory=trio.Event)
    rtt: float | None = None


@dataclass(slots=True)
class RoundTrips:
    """Round trips of pings, in seconds; None before the first."""

    last: float | None = None
    smoothed: float | None = None
    least: float | None = None

    def add(self, rtt: float) -> None:
        """A pong came; smoothed by 1/8, as TCP does it (RFC 6298 §2)."""
        self.last = rtt
        self.smoothed = rtt if self.smoothed is None else self.smoothed + (rtt - self.smoothed) / 8
        self.least = rtt if self.least is None else min(self.least, rtt)


class Pings:
    """The pings of one connection, oldest first."""

    def __init__(self) -> None:
        self._waiting: list[PingSent] = []
        self.round_trips = RoundTrips()
        self.frames_confirmed = 0
        """So many data frames had been taken before the newest ping that was answered."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, payload: bytes, *, now: float, frames_before: int) -> PingSent:
        """A ping was queued."""
        ping = PingSent(payload, now, frames_before)
        self._waiting.append(ping)
        return ping

    def forget(self, ping: PingSent | None) -> None:
        """Nobody waits for this pong any more."""
        if ping in self._waiting:
            self._waiting.remove(ping)

    def answer(self, payload: bytes, now: float) -> None:
        """A pong came."""
        payloads = [ping.payload for ping in self._waiting]
        if payload not in payloads:
            return
        count = payloads.index(payload) + 1
        for ping in self._waiting[:count]:
            ping.rtt = now - ping.sent_at
            ping.answered.set()
        newest = self._waiting[count - 1]
        self.round_trips.add(now - newest.sent_at)
        self.frames_confirmed = newest.frames_before
        del self._waiting[:count]

    def give_up(self) -> None:
        """No pong will come any more: wake everybody who waits for one."""
        for ping in self._waiting:
            ping.answered.set()
        self._waiting.clear()
