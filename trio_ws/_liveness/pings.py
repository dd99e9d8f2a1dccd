"""Pings that wait for their pongs, and what the round trips tell.

A pong answers its ping and all before it: a peer need only answer the newest (RFC 6455 §5.5.3).
A pong that answers none of them is ignored, whether it is late, doubled, forged or unsolicited.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .._concurrency.slim import SlimParkingLot

RIGHT_AFTER = 1.0
"""If a connection ends so many seconds after its first ping, the ping may be the reason."""


@dataclass(slots=True, eq=False)
class PendingPing:
    """A ping that waits for its pong; `rtt` is seconds once it has come."""

    payload: bytes
    sent_at: float
    frames_before: int
    rtt: float | None = None
    over: bool = False
    _waiting: SlimParkingLot | None = None

    async def wait(self) -> None:
        """Wait for the pong, or until none will come any more; a heartbeat does not wait."""
        self._waiting = SlimParkingLot()
        if not self.over:
            await self._waiting.park()

    def end(self, rtt: float | None = None) -> None:
        """Note the round trip, or that no pong will come; wake the task that waits."""
        self.rtt = rtt
        self.over = True
        if self._waiting is not None:
            self._waiting.unpark_all()


@dataclass(slots=True)
class RoundTrips:
    """Round trips of pings, in seconds; None before the first."""

    last: float | None = None
    smoothed: float | None = None
    least: float | None = None

    def add(self, rtt: float) -> None:
        """Take the round trip of a pong; smooth by 1/8, as TCP does it (RFC 6298 §2)."""
        self.last = rtt
        self.smoothed = rtt if self.smoothed is None else self.smoothed + (rtt - self.smoothed) / 8
        self.least = rtt if self.least is None else min(self.least, rtt)


class Pings:
    """The pings of one connection, oldest first."""

    __slots__ = ("_waiting", "frames_confirmed", "round_trips")

    def __init__(self) -> None:
        # Most of the time no ping waits, and an empty list takes 56 bytes.
        self._waiting: Sequence[PendingPing] = ()
        self.round_trips = RoundTrips()
        self.frames_confirmed = 0
        """How many data frames had been taken before the newest ping that was answered."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, payload: bytes, *, now: float, frames_before: int) -> PendingPing:
        """Remember a ping that was queued."""
        ping = PendingPing(payload, now, frames_before)
        self._waiting = [*self._waiting, ping]
        return ping

    def discard(self, ping: PendingPing | None) -> None:
        """Forget a ping for whose pong no task waits any more."""
        self._waiting = [each for each in self._waiting if each is not ping] or ()

    def on_pong(self, payload: bytes, now: float) -> float | None:
        """Take a pong, which answers its ping and all before it; return the round trip."""
        newest = next((ping for ping in self._waiting if ping.payload == payload), None)
        if newest is None:
            return None
        count = self._waiting.index(newest) + 1
        for ping in self._waiting[:count]:
            ping.end(now - ping.sent_at)
        self._waiting = self._waiting[count:] or ()
        self.frames_confirmed = newest.frames_before
        round_trip = now - newest.sent_at
        self.round_trips.add(round_trip)
        return round_trip

    def hint_at_end(self, now: float) -> str:
        """Return what to tell of a connection that breaks off now, if a ping may be the reason.

        Some peers know no pings, and end the connection at the first (Node's inspector).
        """
        last = self._waiting[-1] if self._waiting else None
        if self.round_trips.last is not None or last is None or now > last.sent_at + RIGHT_AFTER:
            return ""
        return (
            "it ended right after a ping, and has never answered one; if this peer knows no pings, "
            "give heartbeat=None, Watchdog(…) or MessageHeartbeat(…)"
        )

    def abandon_all(self) -> None:
        """Wake every task that waits for a pong: none will come any more."""
        for ping in self._waiting:
            ping.end()
        self._waiting = ()
