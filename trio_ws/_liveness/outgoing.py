"""How far our bytes have got: taken by the kernel, then acknowledged by the peer's kernel.

A byte of ours passes through three hands::

    writer ──taken──▶ our kernel ──acknowledged──▶ the peer's kernel ──▶ its process
    in hand           unacknowledged               arrived

What the kernel takes proves little: it takes megabytes for a peer that is dead,
and on a slow link it takes nothing for half a minute while bytes arrive all the time.
An acknowledgement proves that the way to the peer is alive (P12).
So where the system tells, only acknowledgements are progress.
Where it does not tell, the hand-over to the kernel stands in.

If a packet is lost, acknowledgements stand still until it was sent again and has arrived,
which takes as long as the queue of a slow link is: half a minute perhaps.
What arrives behind it is acknowledged selectively (RFC 2018), and `delivered` counts that, too.

The kernel tells nothing by itself.
`look` is given what it answered when it was asked: `Outgoing` knows of progress from looks only.
"""

from __future__ import annotations

from .._policies import FOREVER

_NEVER = -FOREVER


class Outgoing:
    """How far the bytes of one connection have got, as far as looks have shown."""

    __slots__ = (
        "_delivered",
        "acknowledged",
        "in_hand",
        "looked_at",
        "moved_at",
        "taken_at",
        "told",
        "unacknowledged",
        "waiting_since",
    )

    def __init__(self, now: float, *, told: bool) -> None:
        self.told = told
        """Whether the system tells what was acknowledged."""
        self.in_hand = False
        """Whether the writer has bytes that the kernel has not taken yet."""
        self.taken_at = self.moved_at = now
        self.acknowledged: int | None = None
        self.unacknowledged = 0
        self._delivered = 0
        self.looked_at = _NEVER
        self.waiting_since: float | None = None
        """Since when bytes of ours wait, in hand or unacknowledged, without a break."""

    def wait(self, now: float) -> bool:
        """Note that bytes of ours are on their way; return True if none were before."""
        if self.waiting_since is not None:
            return False
        self.waiting_since = now
        return True

    def begin(self, now: float) -> None:
        """Note that the writer has bytes in hand."""
        self.in_hand = True
        self.taken_at = now
        self.wait(now)

    def take(self, now: float) -> None:
        """Note that the kernel took some."""
        self.taken_at = now

    def finish(self) -> None:
        """Note that the kernel took the rest; if it tells, a look shows when they have arrived."""
        self.in_hand = False
        if not self.told:
            self.waiting_since = None

    def restart(self, now: float) -> None:
        """Count what waits from now on."""
        self.waiting_since = now if self.in_hand else None

    def look(self, now: float, sent: int, unacknowledged: int | None, delivered: int = 0) -> None:
        """Note the kernel's answer: of so many bytes sent so many are not acknowledged.

        None: it does not tell, and is not asked again.
        `delivered` counts what arrived in packets, also behind one that was lost;
        0: not asked for.
        """
        self.told = unacknowledged is not None
        self.unacknowledged = unacknowledged or 0
        acknowledged = sent - self.unacknowledged
        moved = self.acknowledged is not None and acknowledged > self.acknowledged
        if moved or (delivered and self._delivered and delivered != self._delivered):
            self.moved_at = now
        self.looked_at = now
        self.acknowledged = acknowledged
        self._delivered = delivered
        if self.waits:
            self.wait(now)
        else:
            self.waiting_since = None

    @property
    def waits(self) -> bool:
        """Return True if bytes of ours had not arrived when the kernel was asked."""
        return self.in_hand or self.unacknowledged > 0

    @property
    def progress_at(self) -> float:
        """Return when bytes of ours last made progress that proves something."""
        return self.moved_at if self.told else self.taken_at

    def describe(self, now: float) -> str:
        """Return since when nothing has moved."""
        fate = "acknowledged" if self.told else "taken"
        since = max(self.progress_at, self.waiting_since or _NEVER)
        return f"nothing of ours {fate} for {now - since:.1f} s"
