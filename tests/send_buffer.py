"""A kernel's send buffer on a slow link, as arithmetic.

A program that has a long message to send fills the buffer at once.
The link empties it byte by byte, and the peer's kernel acknowledges as steadily::

    program ──takes now and then──▶ [ send buffer ] ──all the time──▶ acknowledged

But the kernel takes more only when a third of its buffer is free (``sk_stream_is_writeable``).
So the program sees bytes leave once in `THIRD` / `RATE` seconds,
and once the last of them are in the buffer it sees nothing more, for as long as that empties.
"""

from __future__ import annotations

from typing import NamedTuple

RATE = 8_000
"""Bytes a second: 64 kbit/s."""

SEND_BUFFER = 300_000
"""How many bytes the kernel holds that are not acknowledged; Linux allows 4 MiB by default."""

THIRD = SEND_BUFFER // 3


class Upload(NamedTuple):
    """A message that leaves over a slow link; nothing more is acknowledged after `death`."""

    start: float
    end: float
    death: float = float("inf")

    @property
    def size(self) -> int:
        """Return how many bytes the message has."""
        return int((self.end - self.start) * RATE)

    def acknowledged(self, now: float) -> int:
        """Return how many bytes have arrived by now."""
        if now >= self.end and self.death >= self.end:
            return self.size
        return int((max(self.start, min(now, self.death, self.end)) - self.start) * RATE)

    def takes(self) -> list[float]:
        """Return the moments at which the kernel takes bytes; with the last it has all of them."""
        beyond = max(0, self.size - SEND_BUFFER)
        times = [self.start + k * THIRD / RATE for k in range(-(-beyond // THIRD) + 1)]
        return [time for time in times if time <= self.death]

    @property
    def handed(self) -> float:
        """Return when the kernel has taken all of it, or infinity if it never does."""
        beyond = max(0, self.size - SEND_BUFFER)
        time = self.start - (-beyond // THIRD) * THIRD / RATE
        return time if time <= self.death else float("inf")

    def taken(self, now: float) -> int:
        """Return how many bytes the kernel has taken by now."""
        times = sum(time <= now for time in self.takes())
        return min(self.size, SEND_BUFFER + (times - 1) * THIRD) if times else 0
