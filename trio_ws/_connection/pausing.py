"""What happens while the reader waits for room in the receive queue.

The lease is suspended: silence proves nothing while nothing is read (P12).
Instead, `act` is called at least once a second:

* If the connection has broken, or the peer has ended it, that shows without reading.
* Some verdicts do not depend on reading (`_liveness.pause`).
* The peer cannot know that we live: its pings are not read.
  So it gets an unsolicited pong now and then.

If the peer has ended in order, what it sent before may wait in the kernel, a Close even.
An application that takes messages, however slowly, may go on until it has read that.
If it has taken nothing for `Timeouts.close`, the connection is lost:
a program that only sends must notice that its peer has gone.
"""

from __future__ import annotations

from typing import final

from .._ending import Close, CloseCode, Loss
from .._liveness.lease import Expiry
from .._liveness.pause import Pause
from .._liveness.timer import Verdict
from .._policies import FOREVER
from .core import ConnectionCore
from .lifetime import Initiator


@final
class Pauses:
    """The pauses in reading of one connection.

    It changes the protocol and never writes: `Writer.after_change` has to follow.

    Attributes:
        active: whether there is a pause now.
        next_pong_at: when to send the next pong.
    """

    __slots__ = (
        "_began",
        "_core",
        "_ended",
        "_first_delay",
        "_interval",
        "_pause",
        "_seconds",
        "_taken_at",
        "active",
        "next_pong_at",
    )

    def __init__(self, core: ConnectionCore) -> None:
        self._core = core
        asking = [beat for beat in core.lease.beats if beat.interval is not None]
        # The peer may have asked us at the very moment when we stopped reading.  If it has the
        # same policies as we, it waits for `timeout` after that, and asks each `interval`.
        self._interval = min((beat.interval or FOREVER for beat in asking), default=FOREVER)
        half = min((beat.timeout / 2 for beat in asking), default=FOREVER)
        self._first_delay = min(self._interval, half)
        self.next_pong_at = FOREVER
        self._began = 0.0
        self._ended = self._taken_at = -FOREVER
        self._seconds = 0.0
        self._pause: Pause | None = None
        self.active = False

    def begin(self, now: float) -> None:
        """Stop reading; soon after another pause, the plan of that one for pongs stays."""
        self.active = True
        self._began = now
        self._pause = Pause(self._core.lease, now)
        if now - self._ended >= self._interval:
            self.next_pong_at = now + self._first_delay

    def next_wakeup(self) -> float:
        """Return when to `act` if nothing happens until then."""
        assert self._pause is not None
        return min(self.next_pong_at, self._pause.due())

    def act(self, now: float) -> None:
        """Look at the connection, and do what is due."""
        assert self._pause is not None
        self._note_takers(now)
        if self._has_ended(now):
            return
        if self._core.lease.outgoing.told:
            self._core.look(now)
        expiry = self._pause.decide(now)
        if expiry.verdict is Verdict.IDLE:
            self._core.begin_close(CloseCode.GOING_AWAY, "idle", initiator=Initiator.IDLE)
        elif expiry.verdict is not Verdict.WAIT:
            self._lose(expiry, self._pause.describe(now))
        elif now >= self.next_pong_at:
            self._send_pong(now)

    def end(self, now: float) -> None:
        """Read again: the silence was ours."""
        self.active = False
        self._ended = now
        self._seconds += now - self._began
        self._pause = None
        self._core.lease.resume(now, now - self._began)

    def seconds(self, now: float) -> float:
        """Return for how many seconds we have not read so far, this pause included."""
        return self._seconds + (now - self._began if self.active else 0.0)

    def _note_takers(self, now: float) -> None:
        """Note whether the application takes messages: then it is not idle, and may go on."""
        if self._core.receive_queue.was_taken_from():
            self._taken_at = now
            self._core.lease.data(now)

    def _has_ended(self, now: float) -> bool:
        """Return True if the connection has ended, and lose it."""
        if (hang_up := self._core.transport.hang_up()) is None:
            return False
        story = f"noticed while we did not read, for {now - self._began:.1f} s"
        if hang_up.error is not None:
            story = f"{hang_up.error}; {story}"
            self._core.lose_unless_over(Loss.BROKEN, story, cause=hang_up.error)
            return True
        if now < self._taken_at + self._core.options.timeouts.close:
            return False
        self._core.lose_unless_over(Loss.EOF, story)
        return True

    def _lose(self, expiry: Expiry, story: str) -> None:
        if expiry.verdict is Verdict.LOST:
            farewell = Close(int(CloseCode.INTERNAL_ERROR), "heartbeat timeout")
            self._core.protocol.lose(Loss.HEARTBEAT, story, farewell=farewell)
        else:
            self._core.protocol.lose(Loss.SEND_TIMEOUT, story)

    def _send_pong(self, now: float) -> None:
        """Queue an unsolicited pong, unless something like it waits to be sent."""
        self.next_pong_at = now + self._interval
        if not self._core.protocol.send_queue.control_size:
            self._core.protocol.pong(b"")
