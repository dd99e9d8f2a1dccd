"""Pings that wait for their pongs, and what the round trips tell.

A pong answers its ping and all before it: a peer need only answer the newest (RFC 6455 §5.5.3).
A pong that answers none of them is ignored, whether it is late, doubled, forged or unsolicited.
"""

from __future__ import annotations

from dataclasses import dataclass

from .._concurrency.slim import SlimParkingLot


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
        """Wait for the pong, or until none will come any more; for a heartbeat nobody does."""
        self._waiting = SlimParkingLot()
        if not self.over:
            await self._waiting.park()

    def end(self) -> None:
        """Wake whoever waits."""
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
        """A pong came; smoothed by 1/8, as TCP does it (RFC 6298 §2)."""
        self.last = rtt
        self.smoothed = rtt if self.smoothed is None else self.smoothed + (rtt - self.smoothed) / 8
        self.least = rtt if self.least is None else min(self.least, rtt)


class Pings:
    """The pings of one connection, oldest first."""

    __slots__ = ("_waiting", "frames_confirmed", "round_trips")

    def __init__(self) -> None:
        self._waiting: list[PendingPing] = []
        self.round_trips = RoundTrips()
        self.frames_confirmed = 0
        """So many data frames had been taken before the newest ping that was answered."""

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, payload: bytes, *, now: float, frames_before: int) -> PendingPing:
        """A ping was queued."""
        ping = PendingPing(payload, now, frames_before)
        self._waiting.append(ping)
        return ping

    def forget(self, ping: PendingPing | None) -> None:
        """Nobody waits for this pong any more."""
        if ping in self._waiting:
            self._waiting.remove(ping)

    def answer(self, payload: bytes, now: float) -> None:
        """A pong came."""
        newest = next((ping for ping in self._waiting if ping.payload == payload), None)
        if newest is None:
            return
        count = self._waiting.index(newest) + 1
        for ping in self._waiting[:count]:
            ping.rtt = now - ping.sent_at
            ping.end()
        del self._waiting[:count]
        self.round_trips.add(now - newest.sent_at)
        self.frames_confirmed = newest.frames_before

    def give_up(self) -> None:
        """No pong will come any more: wake everybody who waits for one."""
        for ping in self._waiting:
            ping.end()
        self._waiting.clear()
