"""The task that reads, and the lease under which it waits.

What arrives goes through the session; messages go into the inbox, pongs to whoever pinged.
The reader never waits for the writer.  It waits for two things only:

* for bytes, in a cancel scope whose deadline is when the next heartbeat policy wants something
  (`_lease`): when the scope expires, `_act_on_lease` does what is due;
* for room in the inbox, outside that scope, so that the lease is suspended while we do not read.

After the ending it reads on for a moment and drops what comes:
closing a socket with unread data would send a reset, and that could overtake our Close.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import trio

from ._lease import Beat, Verdict
from ._message_beats import MessageBeats
from ._pings import PingSent
from ._policy import FOREVER, MessageHeartbeat
from ._sansio.assembly import Part
from ._sansio.session import Happening, State
from ._values import Close, CloseCode, Loss

if TYPE_CHECKING:
    from ._services import Services


class Reader:
    """Reads for the session of `services`."""

    def __init__(self, services: Services, messages: MessageBeats, trailing: bytes) -> None:
        self._services = services
        self._session = services.session
        self._inbox = services.inbox
        self._lease = services.lease
        self._transport = services.transport
        self._messages = messages
        self._trailing = trailing
        self._lease_scope = trio.CancelScope()
        self._rest: trio.Event | None = None
        self._beat: PingSent | None = None
        self._deaf = False
        self.mid_stream = False
        self.seconds_paused = 0.0

    # The task

    async def run(self) -> None:
        """Read until the stream ends; after the ending, only to let it end well."""
        try:
            if self._trailing:
                self._take_in(self._trailing)
                self._trailing = b""
            while self._session.ending is None:
                if self._full():
                    await self._wait_for_room()
                if await self._read_under_lease():
                    self._services.lose_unless_over(Loss.EOF)
                    return
            await self._read_to_the_end()
        except trio.BrokenResourceError as error:
            self._session.lose(Loss.BROKEN, str(error), cause=error)

    async def _read_under_lease(self) -> bool:
        """Read until the inbox is full, the connection is over, or a policy wants something.

        Returns whether the stream has ended.
        """
        with trio.CancelScope(deadline=self._lease_due()) as self._lease_scope:
            while self._session.ending is None and not self._full():
                data = await self._transport.receive_some(self._session.wanted)
                if not data:
                    return True
                self._lease.heard(trio.current_time())
                questioning = self._lease.questioning
                self._take_in(data)
                if questioning:
                    self.rearm_lease()
        if self._lease_scope.cancelled_caught:
            self._act_on_lease()
        return False

    async def _read_to_the_end(self) -> None:
        """After the ending: give the peer the time to close, so that no reset eats our Close.

        The server is the first to end TCP (RFC 6455 §7.1.1); where the stream cannot end
        one direction, it has to close both.
        """
        ending = self._session.ending
        assert ending is not None
        if ending.clean and not self._services.client and not self._transport.can_half_close:
            return
        while await self._transport.receive_some():
            pass

    # What arrives

    def _take_in(self, data: bytes) -> None:
        self._services.writer.may_write_now = True
        happenings = self._session.feed(data)
        if self._nothing_special():
            for happening in happenings:
                if isinstance(happening, str | bytes):
                    self._inbox.put(happening)
                else:
                    self._hand_over(happening)
        else:
            for happening in happenings:
                self._hand_over(happening)
        self._services.settle()

    def _nothing_special(self) -> bool:
        """Whether every message simply goes into the inbox."""
        if self._services.leaving or self._deaf or self._services.watches_idle or self._messages:
            return False
        return not self._reads_on()

    def _hand_over(self, happening: Happening) -> None:
        if isinstance(happening, Part):
            self._hand_over_part(happening)
        elif isinstance(happening, str | bytes):
            self._hand_over_message(happening)
        else:
            self._services.pings.answer(bytes(happening.payload), trio.current_time())

    def _hand_over_message(self, message: str | bytes) -> None:
        now = trio.current_time()
        if self._messages.inspect(message, now):
            return
        self._lease.data(now)
        if self._listens():
            self._inbox.put(message)

    def _hand_over_part(self, part: Part) -> None:
        now = trio.current_time()
        is_whole = part.finished and not self.mid_stream
        if is_whole and self._messages.inspect(part.data, now):
            self._session.stream()  # it was not for the one who streams: the next one is
            return
        self.mid_stream = not part.finished
        self._lease.data(now)
        if self._listens():
            self._inbox.put_part(part)

    def _listens(self) -> bool:
        """Whether what arrives is kept: not if nobody will take it, or we read on though full.

        Once something was dropped all the rest is, so that what is kept has no holes.
        """
        if self._services.leaving or (self._reads_on() and self._over_full()):
            self._deaf = True
        return not self._deaf

    def _reads_on(self) -> bool:
        """Whether we read whatever happens: only thus do we hear the peer's Close, or its end."""
        return self._session.state is State.CLOSING or self._services.writer.error is not None

    # Backpressure

    def _over_full(self) -> bool:
        size = self._inbox.size + self._session.assembling
        return bool(self._inbox) and size >= self._services.policies.limits.receive_buffer

    def _full(self) -> bool:
        """Whether to stop reading, so that TCP stops the peer (P7)."""
        return (
            self._session.state is State.OPEN
            and self._over_full()
            and not self._services.writer.error
        )

    async def _wait_for_room(self) -> None:
        """Wait for room in the inbox; say each interval that it is not us who died (P12)."""
        interval = min(self._intervals(), default=FOREVER)
        began = trio.current_time()
        while self._full():
            self._rest = trio.Event()
            with trio.move_on_after(interval) as nap:
                await self._rest.wait()
            self._rest = None
            if nap.cancelled_caught and self._full():
                self._session.pong(b"")
                self._services.settle()
        now = trio.current_time()
        self.seconds_paused += now - began
        self._lease.resume(now)

    def _intervals(self) -> list[float]:
        return [beat.interval for beat in self._lease.beats if beat.interval is not None]

    def go_on(self) -> None:
        """Something that the resting reader waits for may have changed."""
        if self._rest is not None and not self._full():
            self._rest.set()

    @property
    def paused(self) -> bool:
        """Whether the reader rests because the inbox is full."""
        return self._rest is not None

    # The lease

    def _lease_due(self) -> float:
        """A closing connection has a bound already; nobody is pinged any more."""
        return self._lease.due() if self._session.state is State.OPEN else FOREVER

    def rearm_lease(self) -> None:
        """Something may be due earlier than the reader expects."""
        if self._session.state is State.OPEN:
            self._lease_scope.deadline = min(self._lease_scope.deadline, self._lease.due())

    def _act_on_lease(self) -> None:
        if self._session.state is not State.OPEN:
            return  # armed before we began to close: nothing is due any more
        now = trio.current_time()
        due = self._lease.judge(now)
        match due.verdict:
            case Verdict.ASK:
                assert due.beat is not None
                self._ask(due.beat, now)
            case Verdict.LOST:
                farewell = Close(int(CloseCode.INTERNAL_ERROR), "heartbeat timeout")
                story = self._lease.story(due, now)
                self._session.lose(Loss.HEARTBEAT, story, farewell=farewell)
            case Verdict.STUCK:
                self._session.lose(Loss.SEND_TIMEOUT, self._lease.story(due, now))
            case Verdict.IDLE:
                self._on_idle(now)
            case Verdict.WAIT:
                pass
        self._services.settle()

    def _on_idle(self, now: float) -> None:
        """Close, unless a message is on its way: to crawl is not to be idle."""
        receiving = self._session.assembling > 0 or self.mid_stream
        moved = self._lease.last_moved(receiving=receiving)
        if self._lease.is_idle_since(moved, now):
            self._services.begin_close(CloseCode.GOING_AWAY, "idle")
        else:
            self._lease.data(moved)

    def _ask(self, beat: Beat, now: float) -> None:
        """Ask for a sign of life, in the way of the beat's policy."""
        if not isinstance(beat.policy, MessageHeartbeat):
            self._services.pings.forget(self._beat)
            self._beat = self._services.send_ping(os.urandom(8))
        elif self._session.mid_message:
            beat.postpone(now)
            return
        else:
            self._session.send(beat.policy.make())
        beat.asked(now)
