"""The two tasks behind a connection: one reads, one writes, nobody else touches the stream.

    IN   stream ─▶ reader ─▶ Session.feed ─▶ inbox ─▶ WebSocket.receive
    OUT  WebSocket.send ─▶ Session.send ─▶ outbox ─▶ writer ─▶ stream

They run in one shielded scope, so that a cancelled application can still say goodbye.
A shield without a bound would be a trap: from the moment when the connection begins to end,
for whatever reason, `scope.deadline` says when the services are cut off by force.

Invariants (the numbers are those of the laws in the docs):

1. One task reads, one task writes.
2. The reader never waits for the writer: it queues pongs and close replies and goes on.
3. Between a change of the session and its bytes in the outbox there is no ``await``;
   every change is followed by `_settle`, which acts on the ending and wakes the writer.
5. When a write fails the session is told, and everyone who waits is woken.
6. `Session.ending` is the one fact that says it is over; `over` is the bell that rings for it.
7. Whoever waits, waits for "its thing or the ending".
"""

from __future__ import annotations

import logging
import os
import random
from dataclasses import dataclass, field

import trio

from ._errors import closed
from ._inbox import Inbox
from ._lease import Beat, Lease, Verdict
from ._message_beats import MessageBeats
from ._policy import FOREVER, MessageHeartbeat, Policies
from ._sansio.assembly import Part
from ._sansio.handshake import Opening
from ._sansio.session import Happening, Session, State
from ._sansio.trace import line
from ._suspend import watch_for_suspension
from ._transport import Transport
from ._values import NORMAL, Close, CloseCode, Ending, Loss


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


class Services:
    """The machine room of one connection."""

    def __init__(
        self,
        stream: trio.abc.Stream,
        opening: Opening,
        *,
        client: bool,
        policies: Policies,
        ident: str,
    ) -> None:
        now = trio.current_time()
        self.ident = ident
        self.policies = policies
        self.client = client
        self.logger = logging.getLogger("trio_ws.client" if client else "trio_ws.server")
        self.session = Session(
            client=client,
            limits=policies.limits,
            extensions=opening.extensions,
            trace=self._trace if self.logger.isEnabledFor(logging.DEBUG) else None,
        )
        self.transport = Transport(stream)
        self.inbox = Inbox()
        self.lease = Lease(policies.beats, policies.timeouts, now=now, phase=random.random())
        self._messages = MessageBeats(policies.heartbeats, self.lease)
        self._trailing = opening.trailing
        self.mid_stream = False
        self._watches_idle = policies.timeouts.idle is not None
        self._may_write_now = False
        # Scopes: the user's block, and ours
        self.body = trio.CancelScope()
        self.scope = trio.CancelScope(shield=True)
        self.leaving = False
        # What a supervisor changes
        self.quiet: frozenset[int] = NORMAL
        self.grace = FOREVER
        # Bells
        self.over = trio.Event()
        self.finished = trio.Event()
        self.room = trio.lowlevel.ParkingLot()
        self._writer_rest = trio.lowlevel.ParkingLot()
        self._reader_rest: trio.Event | None = None
        self._lease_scope = trio.CancelScope()
        # Facts
        self.pings: list[PingSent] = []
        self._beat: PingSent | None = None
        self.round_trips = RoundTrips()
        self.seconds_paused = 0.0
        self.frames_flushed = 0
        self.frames_confirmed = 0
        self._write_error: BaseException | None = None
        self._deaf = False

    def _trace(self, direction: str, event: object) -> None:
        self.logger.debug("[%s] %s", self.ident, line(direction, event))  # type: ignore[arg-type]

    # Everything that changes the session goes through here

    def settle(self) -> None:
        """Act on what has just changed in the session: the ending, bytes to write."""
        if self.session.ending is not None and not self.over.is_set():
            self._on_over(self.session.ending)
        if self._messages.replies:
            self._send_replies()
        if self._writer_rest:
            self._writer_rest.unpark()

    def settle_message(self) -> None:
        """`settle` after a message was queued: it may leave at once, waking nobody.

        Not when others are about to follow (there are more messages to answer,
        or this is not the first since we last read): then one write takes them all.
        """
        if self._watches_idle:
            self.lease.data(trio.current_time())
        if self._may_write_now and self._writer_rest and not self.inbox:
            self._may_write_now = False
            if self._write_now():
                return
        self.settle()

    def _write_now(self) -> bool:
        """Write what is queued in the writer's stead; whether all of it is gone."""
        outbox = self.session.outbox
        chunk = outbox.take()
        if chunk is not None:
            gone = self.transport.send_now(chunk)
            if gone < len(chunk):
                outbox.put_back(chunk[gone:])
                return False
            self.frames_flushed = outbox.frames_out
        return True

    def _on_over(self, ending: Ending) -> None:
        self.over.set()
        timeouts = self.policies.timeouts
        self.cut_off_in(timeouts.close if ending.clean else timeouts.goodbye)
        self.inbox.wake_all()
        self.room.unpark_all()
        self.let_reader_go_on()
        for ping in self.pings:
            ping.answered.set()
        self.pings.clear()
        self.logger.debug("[%s] over: %s", self.ident, ending)
        if self.deadly:
            self._on_lost()
        elif ending.received_first:
            self.body.deadline = trio.current_time() + self.grace

    @property
    def deadly(self) -> bool:
        """Whether the connection was lost while we wanted it (P3): that cancels the body."""
        ending = self.session.ending
        return ending is not None and ending.loss not in (None, Loss.UNANSWERED)

    def _on_lost(self) -> None:
        if self.inbox:
            self.body.deadline = trio.current_time() + self.policies.timeouts.close
        else:
            self.cancel_body()

    def cancel_body(self) -> None:
        """Cancel the user's block: its connection is dead and it has read everything (P3)."""
        self.body.cancel(reason=str(self.session.ending))

    def cut_off_in(self, seconds: float) -> None:
        """Bound what is left of the services; a bound that is nearer stays."""
        self.scope.deadline = min(self.scope.deadline, trio.current_time() + seconds)

    def begin_close(self, code: int, reason: str = "") -> None:
        """Close politely: what was accepted goes out first; bounded by `Timeouts.close`."""
        self.session.close(code, reason)
        self.cut_off_in(self.policies.timeouts.close)
        self.let_reader_go_on()
        self.settle()

    def hurry(self, code: int, reason: str = "") -> None:
        """Close now: a close frame jumps the queue; bounded by `Timeouts.goodbye`."""
        self.session.close(code, reason)
        self.session.outbox.clear()
        self.cut_off_in(self.policies.timeouts.goodbye)
        self.let_reader_go_on()
        self.settle()

    # The services task

    @trio.lowlevel.enable_ki_protection
    async def run(self) -> None:
        """Read and write until both directions have ended, or the time is up."""
        suspension = watch_for_suspension()
        suspension.tell(self)
        try:
            with self.scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write)
                    await self._read()
                    self.settle()
                await self.transport.aclose()
        except Exception as error:
            self.session.lose(Loss.BROKEN, "an error of our own", cause=error)
            raise
        finally:
            suspension.tell_no_more(self)
            self._lose_unless_over(Loss.UNANSWERED, "no answer in time")
            self.settle()
            with trio.CancelScope(shield=True, deadline=-FOREVER):
                await self.transport.aclose()
            self.finished.set()

    # Writing

    @trio.lowlevel.enable_ki_protection
    async def _write(self) -> None:
        """Write what is queued until our Close is out, or the stream breaks."""
        outbox = self.session.outbox
        try:
            while True:
                while chunk := outbox.take():
                    if self._messages.replies:
                        self._send_replies()
                    frames = outbox.frames_out
                    self._announce_room()
                    await self._send_all(chunk)
                    self._note_flushed(frames)
                if ending := self.session.ending:
                    if not (self.client and ending.clean):
                        await self.transport.send_eof()
                    return
                self._may_write_now = True
                await self._writer_rest.park()
        except trio.BrokenResourceError as error:
            self._on_write_error(error)

    def _note_flushed(self, frames: int) -> None:
        if self._watches_idle and frames > self.frames_flushed:
            self.lease.data(trio.current_time())
        self.frames_flushed = frames
        self._announce_room()

    def _announce_room(self) -> None:
        if self.room:
            self.room.unpark_all()

    async def _send_all(self, chunk: bytes) -> None:
        gone = self.transport.send_now(chunk)
        now = trio.current_time()
        self.lease.writing(now)
        if gone == len(chunk):
            self.lease.written(now)
            return
        data = memoryview(chunk)[gone:]
        self._rearm_lease()
        while data:
            data = data[await self.transport.send_some(data) :]
            self.lease.progress(trio.current_time())
        self.lease.written(trio.current_time())

    def _on_write_error(self, error: BaseException) -> None:
        """The peer takes no more; what it said before that may still be in the socket."""
        self._write_error = error
        self.cut_off_in(self.policies.timeouts.goodbye)
        self.let_reader_go_on()

    # Reading

    async def _read(self) -> None:
        """Read until the stream ends; after the ending, only to let it end well."""
        try:
            if self._trailing:
                self._take_in(self._trailing)
                self._trailing = b""
            while self.session.ending is None:
                if self._full():
                    await self._rest()
                if await self._read_under_lease():
                    self._lose_unless_over(Loss.EOF)
                    return
            await self._read_to_the_end()
        except trio.BrokenResourceError as error:
            self.session.lose(Loss.BROKEN, str(error), cause=error)

    async def _read_under_lease(self) -> bool:
        """Read until the inbox is full, the connection is over, or a policy wants something.

        Returns whether the stream has ended.
        """
        with trio.CancelScope(deadline=self._lease_due()) as self._lease_scope:
            while self.session.ending is None and not self._full():
                data = await self.transport.receive_some(self.session.wanted)
                if not data:
                    return True
                self.lease.heard(trio.current_time())
                questioning = self.lease.questioning
                self._take_in(data)
                if questioning:
                    self._rearm_lease()
        if self._lease_scope.cancelled_caught:
            self._act_on_lease()
        return False

    def _lease_due(self) -> float:
        """A closing connection has a bound already; nobody is pinged any more."""
        return self.lease.due() if self.session.state is State.OPEN else FOREVER

    def _take_in(self, data: bytes) -> None:
        self._may_write_now = True
        happenings = self.session.feed(data)
        if self._nothing_special():
            for happening in happenings:
                if isinstance(happening, str | bytes):
                    self.inbox.put(happening)
                else:
                    self._hand_over(happening)
        else:
            for happening in happenings:
                self._hand_over(happening)
        self.settle()

    def _nothing_special(self) -> bool:
        """Whether every message simply goes into the inbox."""
        if self.leaving or self._deaf or self._watches_idle or self._messages:
            return False
        return not self._reads_on()

    def _hand_over(self, happening: Happening) -> None:
        if isinstance(happening, Part):
            self._hand_over_part(happening)
        elif isinstance(happening, str | bytes):
            self._hand_over_message(happening)
        else:
            self._on_pong(bytes(happening.payload))

    def _hand_over_message(self, message: str | bytes) -> None:
        now = trio.current_time()
        if self._messages.inspect(message, now):
            return
        self.lease.data(now)
        if self._listens():
            self.inbox.put(message)

    def _hand_over_part(self, part: Part) -> None:
        now = trio.current_time()
        is_whole = part.finished and not self.mid_stream
        if is_whole and self._messages.inspect(part.data, now):
            self.session.stream()  # it was not for the one who streams: the next one is
            return
        self.mid_stream = not part.finished
        self.lease.data(now)
        if self._listens():
            self.inbox.put_part(part)

    def _listens(self) -> bool:
        """Whether what arrives is kept: not if nobody will take it, or we read on though full.

        Once something was dropped all the rest is, so that what is kept has no holes.
        """
        if self.leaving or (self._reads_on() and self._over_full()):
            self._deaf = True
        return not self._deaf

    def _reads_on(self) -> bool:
        """Whether we read whatever happens: only thus do we hear the peer's Close, or its end."""
        return self.session.state is State.CLOSING or self._write_error is not None

    def _over_full(self) -> bool:
        size = self.inbox.size + self.session.assembling
        return bool(self.inbox) and size >= self.policies.limits.receive_buffer

    def _full(self) -> bool:
        """Whether to stop reading, so that TCP stops the peer (P7)."""
        return self.session.state is State.OPEN and self._over_full() and not self._write_error

    async def _rest(self) -> None:
        """Wait for room in the inbox; say each interval that it is not us who died (P12)."""
        interval = min(self._intervals(), default=FOREVER)
        began = trio.current_time()
        while self._full():
            self._reader_rest = trio.Event()
            with trio.move_on_after(interval) as nap:
                await self._reader_rest.wait()
            self._reader_rest = None
            if nap.cancelled_caught and self._full():
                self.session.pong(b"")
                self.settle()
        now = trio.current_time()
        self.seconds_paused += now - began
        self.lease.resume(now)

    def _intervals(self) -> list[float]:
        return [beat.interval for beat in self.lease.beats if beat.interval is not None]

    def let_reader_go_on(self) -> None:
        """Something that the resting reader waits for may have changed."""
        if self._reader_rest is not None and not self._full():
            self._reader_rest.set()

    @property
    def reading_paused(self) -> bool:
        """Whether the reader rests because the inbox is full."""
        return self._reader_rest is not None

    async def _read_to_the_end(self) -> None:
        """After the ending: give the peer the time to close, so that no reset eats our Close.

        The server is the first to end TCP (RFC 6455 §7.1.1); where the stream cannot end
        one direction, it has to close both.
        """
        ending = self.session.ending
        assert ending is not None
        if ending.clean and not self.client and not self.transport.can_half_close:
            return
        while await self.transport.receive_some():
            pass

    def _lose_unless_over(self, loss: Loss, detail: str = "") -> None:
        """The stream has nothing more to tell; a write that failed before it tells the cause."""
        if error := self._write_error:
            self.session.lose(Loss.BROKEN, str(error), cause=error)
        else:
            self.session.lose(loss, detail)

    # Liveness

    def _act_on_lease(self) -> None:
        if self.session.state is not State.OPEN:
            return  # armed before we began to close: nothing is due any more
        now = trio.current_time()
        due = self.lease.judge(now)
        match due.verdict:
            case Verdict.ASK:
                assert due.beat is not None
                self._ask(due.beat, now)
            case Verdict.LOST:
                farewell = Close(int(CloseCode.INTERNAL_ERROR), "heartbeat timeout")
                story = self.lease.story(due, now)
                self.session.lose(Loss.HEARTBEAT, story, farewell=farewell)
            case Verdict.STUCK:
                self.session.lose(Loss.SEND_TIMEOUT, self.lease.story(due, now))
            case Verdict.IDLE:
                self._on_idle(now)
            case Verdict.WAIT:
                pass
        self.settle()

    def _on_idle(self, now: float) -> None:
        """Close, unless a message is on its way: to crawl is not to be idle."""
        receiving = self.session.assembling > 0 or self.mid_stream
        moved = self.lease.last_moved(receiving=receiving)
        if self.lease.is_idle_since(moved, now):
            self.begin_close(CloseCode.GOING_AWAY, "idle")
        else:
            self.lease.data(moved)

    def _ask(self, beat: Beat, now: float) -> None:
        """Ask for a sign of life, in the way of the beat's policy."""
        if not isinstance(beat.policy, MessageHeartbeat):
            self.forget_ping(self._beat)
            self._beat = self.send_ping(os.urandom(8))
        elif self.session.mid_message:
            beat.postpone(now)
            return
        else:
            self.session.send(beat.policy.make())
        beat.asked(now)

    def _send_replies(self) -> None:
        """Answer the peer's heartbeat messages, unless that would break into a message."""
        session = self.session
        while self._messages.replies and session.state is State.OPEN:
            if session.mid_message or not self.has_room(0):
                return
            session.send(self._messages.next_reply())

    def probe(self) -> None:
        """Ask for a sign of life at once: the machine was suspended (`_suspend`)."""
        self.lease.probe(trio.current_time())
        self._rearm_lease()

    def _rearm_lease(self) -> None:
        """Something may be due earlier than the reader expects."""
        if self.session.state is State.OPEN:
            self._lease_scope.deadline = min(self._lease_scope.deadline, self.lease.due())

    def send_ping(self, payload: bytes) -> PingSent:
        """Queue a ping and remember it until its pong comes."""
        self.session.ping(payload)
        ping = PingSent(payload, trio.current_time(), self.session.outbox.frames_out)
        self.pings.append(ping)
        self.settle()
        return ping

    def forget_ping(self, ping: PingSent | None) -> None:
        """Nobody waits for this pong any more."""
        if ping in self.pings:
            self.pings.remove(ping)

    def _on_pong(self, payload: bytes) -> None:
        """A pong answers its ping and all before it (RFC 6455 §5.5.3); others are ignored."""
        payloads = [ping.payload for ping in self.pings]
        if payload not in payloads:
            return
        now = trio.current_time()
        count = payloads.index(payload) + 1
        for ping in self.pings[:count]:
            ping.rtt = now - ping.sent_at
            ping.answered.set()
        self.round_trips.add(now - self.pings[count - 1].sent_at)
        self.frames_confirmed = self.pings[count - 1].frames_before
        del self.pings[:count]

    # Sending

    def has_room(self, size: int) -> bool:
        """Whether a message of `size` bytes may be queued; one may always be if none is."""
        waiting = self.session.outbox.size
        return waiting == 0 or waiting + size <= self.policies.limits.send_buffer

    async def wait_for_room(self, size: int) -> None:
        """Wait until `has_room`, or the connection is over."""
        while self.session.ending is None and not self.has_room(size):
            await self.room.park()

    async def wait_until_flushed(self) -> None:
        """Wait until the kernel has every data frame queued so far; raise if it never will."""
        wanted = self.session.outbox.frames_in
        while self.frames_flushed < wanted:
            if self.session.ending is not None:
                raise closed(self.session.ending)
            await self.room.park()

    async def wait_for_control_room(self) -> None:
        """Wait until the control frames that we queued ourselves are within bounds, or the end."""
        limit = self.policies.limits.send_buffer
        while self.session.ending is None and self.session.outbox.control_size > limit:
            await self.room.park()

    async def check_open(self) -> None:
        """Raise `ConnectionClosed` unless messages may be sent.

        While the closing handshake goes on this waits for its end, which is bounded.
        """
        if self.session.state is not State.OPEN:
            await self.over.wait()
            assert self.session.ending is not None
            raise closed(self.session.ending)
