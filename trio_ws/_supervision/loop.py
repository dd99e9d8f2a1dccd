"""Supervision: connect, run the session, and when the connection ends, know what to do.

Four things end a round, and they are never mixed up::

    the session returns            that is the end; its value is the result
    the session raises             that is the end, too: its bugs are not retried
    the session raises `Reconnect` wait, and connect again, to the same endpoint
    the connection ends            classify why, wait, and connect again; or give up

The rules are in `retry_rules`, the delays in `backoff`, the limits that supervisors share
in `throttle`, the choice of an endpoint in `endpoints`, and observers are told by `transitions`.
What is left for this file is the loop::

        ┌────────────── wait: delay, budget ◀──────────────────┐
        ▼                                                      │ worth it
    a slot ─▶ the endpoint ─▶ connect ─▶ session ─▶ failure classified ─▶ raise
                                           └─ returned ─▶ value

What an endpoint function returns may hold for seconds only (a ticket, a token).
So it is called once the slot is there, and not before that wait, which has no bound.

A reconnecting channel has something to do before its session: ``prepare``, its ``on_connect``.
That takes `Timeouts.connect` at most, and no connection is stable before it is done.

There is no async generator in it, hence no point at which leaving a loop early
could tear a scope; ``return``, ``raise`` and cancellation do in a session
what they do everywhere.
A Ctrl-C lands in the user's functions, or where this waits, and not between two lines of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic

import trio

from .._client.options import ClientOptions
from .._concurrency.background import BackgroundTask
from .._concurrency.body import call_unprotected
from .._concurrency.exceptions import cancel_reason, iter_leaves
from .._connection.core import Supervised
from .._connection.websocket import WebSocket
from .._ending import CloseCode
from .._errors import (
    ConnectionClosed,
    HandshakeError,
    Reconnect,
    Rejected,
    SupervisorGaveUp,
    closed,
    is_end_of,
)
from .backoff import BackoffState, Delay
from .config import Session, SessionPlan, SupervisorConfig, T
from .connecting import SupervisedBlock
from .counters import Cause, Counters
from .endpoints import Endpoints
from .retry_rules import Failure, Remedy, classify, is_unknown_name
from .retry_timer import RetryTimer
from .states import SupervisorState
from .throttle import Slot, current_throttle
from .transitions import TransitionLog

MAX_SLOT_WAITS = 2
"""How many slots one attempt waits for, if the endpoint function names another host each time."""


@dataclass(frozen=True, slots=True)
class _Returned(Generic[T]):
    value: T


class SupervisorLoop(Generic[T]):
    """One run: a session, called again and again; see the top of this file."""

    def __init__(
        self,
        plan: SessionPlan[T],
        endpoints: Endpoints,
        config: SupervisorConfig,
        log: TransitionLog,
        counters: Counters,
    ) -> None:
        now = trio.current_time()
        self._plan = plan
        self._endpoints = endpoints
        self._config = config
        self._transitions = log
        self._counters = counters
        self._throttle = config.throttle or current_throttle()
        self._backoff = BackoffState(config.backoff, config.jitter, now=now)
        self._timer = RetryTimer(config.jitter)
        once = frozenset({int(CloseCode.NORMAL_CLOSURE)})
        quiet = frozenset[int]() if config.reconnect_on_normal_close else once
        self._supervised = Supervised(quiet, config.timeouts.close)
        self._endpoint: str | None = None
        self._host = ""
        self._known_hosts: set[str] = set()
        self._disconnected_at = now

    def retry_now(self) -> None:
        """Do not wait any longer, if it is waiting."""
        self._timer.bring_forward(trio.current_time())

    async def run(self) -> T | None:
        """Go round until there is an end, and say which."""
        self._counters.down(trio.current_time())
        try:
            returned = await self._go_round()
        except Exception as error:
            self._end(SupervisorState.FAILED, cause=error)
            raise
        except BaseException as error:
            self._end(SupervisorState.CLOSED, detail=_how_cancelled(error))
            raise
        if returned is None:
            self._end(SupervisorState.CLOSED, detail="the peer closed with 1000")
            return None
        self._end(SupervisorState.CLOSED, detail=self._plan.done)
        return returned.value

    def _end(
        self, state: SupervisorState, *, cause: Exception | None = None, detail: str = ""
    ) -> None:
        self._counters.up(trio.current_time())
        self._record(state, cause=cause, detail=detail)

    async def _go_round(self) -> _Returned[T] | None:
        """Make attempts until one returns or its failure is an end; None after a 1000."""
        while True:
            outcome = await self._attempt()
            if isinstance(outcome, _Returned):
                return outcome
            delay = self._next_delay(outcome)
            if delay is None:
                return None
            await self._wait(delay, outcome)

    # An attempt

    async def _attempt(self) -> _Returned[T] | Cause:
        """Connect and run the session; return its value, or what came between."""
        ws: WebSocket | None = None
        self._begin_attempt()
        try:
            async with self._throttle.slot() as slot:
                url, options = await self._find_endpoint(slot)
                block = self._config.connect(url, **options)
                async with SupervisedBlock(block, self._supervised) as ws:
                    slot.leave()
                    return await self._run_session(ws)
        except HandshakeError as error:
            if ws is not None:
                raise
            return error
        except ConnectionClosed as error:
            if ws is None or not is_end_of(error, ws.ending):
                raise
            return error

    def _begin_attempt(self) -> None:
        expected = self._endpoints.expected
        known = expected is not None and not self._endpoints.can_refresh
        self._endpoint = str(expected) if known else None
        self._counters.attempt()
        self._backoff.attempt()
        self._record(SupervisorState.CONNECTING)

    async def _find_endpoint(self, slot: Slot) -> tuple[str, ClientOptions]:
        """Return the URL and the options for this attempt, once its host may be connected to.

        A function is asked when its slot is there.  Which slot that is, it tells itself:
        so its last answer is taken for the next one, and if that was wrong, it is asked again.
        """
        url = ""
        spent = 0.0
        waits = 0
        place = self._endpoints.expected
        if place is not None:
            await slot.acquire(place.host, place.port)
        while True:
            began = trio.current_time()
            url, place = await self._endpoints.get(self._config.timeouts.connect - spent)
            spent += trio.current_time() - began
            self._endpoint, self._host = str(place), place.host
            if waits == MAX_SLOT_WAITS or not await slot.acquire(place.host, place.port):
                return url, self._options(spent)
            waits += 1

    def _options(self, spent: float) -> ClientOptions:
        """Return the options of the connection; `Timeouts.connect` is what is left of it."""
        options = self._config.client
        if spent:
            timeouts = self._config.timeouts
            options = {**options, "timeouts": replace(timeouts, connect=timeouts.connect - spent)}
        return options

    async def _run_session(self, ws: WebSocket) -> _Returned[T] | Reconnect:
        now = trio.current_time()
        self._record(SupervisorState.OPEN, away=self._counters.opened(now))
        try:
            if self._plan.prepare is not None:
                await self._prepare(ws, self._plan.prepare)
            async with BackgroundTask(
                lambda: self._become_stable(ws), name=f"{self._transitions.name} stability"
            ):
                return _Returned(await call_unprotected("session", self._plan.session, ws))
        except (Reconnect, BaseExceptionGroup) as error:
            if (request := _reconnect_request(error, ws)) is None:
                raise
            return request  # here, within the connection's block, so that it closes with 1000

    @trio.lowlevel.enable_ki_protection
    async def _become_stable(self, ws: WebSocket) -> None:
        after = self._backoff.stable_after()
        await trio.sleep(after)
        if ws.ending is None:
            self._backoff.succeeded(trio.current_time())
            self._endpoints.succeeded()
            self._record(SupervisorState.STABLE, detail=f"up for {after:g} s")

    async def _prepare(self, ws: WebSocket, prepare: Session[object]) -> None:
        """Call `prepare`; a connection for which it takes too long is closed, and has failed."""
        limit = self._config.timeouts.connect
        with trio.move_on_after(limit) as scope:
            await call_unprotected("on_connect", prepare, ws)
        if scope.cancelled_caught:
            await ws.close(CloseCode.GOING_AWAY, f"on_connect was not done within {limit:g} s")
            assert ws.ending is not None
            raise closed(ws.ending)

    # After a failure

    def _next_delay(self, cause: Cause) -> Delay | None:
        """Return the delay before the next attempt; None is the end, and so is what is raised."""
        now = trio.current_time()
        self._counters.failed(cause)
        if not isinstance(cause, HandshakeError):
            self._counters.down(now)
            self._disconnected_at = now
            self._backoff.lost(now)
        if isinstance(cause, Reconnect):
            delay: Delay | None = self._backoff.requested(now, cause.delay)
        else:
            delay = self._delay_after(cause, now)
        if delay is None:
            return None
        if not isinstance(cause, HandshakeError):
            self._counters.lost()
        self._backoff.will_wait(delay.seconds)
        if why := self._backoff.is_exhausted(now + delay.seconds):
            raise SupervisorGaveUp(
                f"gave up on {self._endpoint or 'the endpoint'}: {why}: {cause}",
                attempts=self._backoff.attempts,
                endpoint=self._endpoint,
            ) from cause
        return delay

    def _delay_after(self, error: Failure, now: float) -> Delay | None:
        """Return the delay after a failure, before the endpoint that is chosen to be next."""
        remedy = self._remedy(error)
        if remedy is Remedy.DONE:
            return None
        for_good = remedy is Remedy.NONE or (remedy is Remedy.REFRESH and not self._may_refresh())
        told = error.retry_after if isinstance(error, Rejected) else None
        delay = self._backoff.failed(now, remedy, retry_after=told)
        self._endpoints.failed(rests_until=now + delay.rest, for_good=for_good)
        if self._endpoints.all_failed_for_good:
            raise error
        return replace(delay, seconds=self._endpoints.choose(now, delay.seconds))

    def _may_refresh(self) -> bool:
        can_refresh = self._endpoints.can_refresh or self._config.can_refresh_headers
        return can_refresh and not self._backoff.refreshed

    def _remedy(self, error: Failure) -> Remedy:
        known = self._host in self._known_hosts or self._config.unknown_host == "retry"
        if not is_unknown_name(error):
            self._known_hosts.add(self._host)
        overrule = self._config.classify
        remedy = None if overrule is None else overrule(error)
        if remedy is None:
            remedy = classify(error, host_is_known=known)
            again = remedy is Remedy.DONE and self._config.reconnect_on_normal_close
            return Remedy.WAIT if again else remedy
        if not isinstance(remedy, Remedy):
            raise TypeError(f"classify must return a Remedy or None, not {remedy!r}")
        return remedy

    async def _wait(self, delay: Delay, cause: Cause) -> None:
        """Wait for the delay, unless something cuts it short, and then for the budget."""
        now = trio.current_time()
        suspend_at = self._disconnected_at + self._config.backoff.suspend_after
        timer = self._timer
        with timer.running(now + delay.seconds, not_before=self._endpoints.rests_until):
            if now < suspend_at:
                self._record(SupervisorState.WAITING, cause=cause, delay=delay)
                await timer.wait(suspend_at)
            if (left := timer.due - trio.current_time()) > 0:
                delay = replace(delay, seconds=left)
                self._record(SupervisorState.SUSPENDED, cause=cause, delay=delay)
                await timer.wait()
        if timer.resumed:
            self._backoff.resumed()
        expected = self._endpoints.expected
        await self._throttle.wait_for_retry(expected.host if expected else "")

    def _record(
        self,
        state: SupervisorState,
        *,
        cause: BaseException | None = None,
        delay: Delay | None = None,
        away: float | None = None,
        detail: str = "",
    ) -> None:
        self._transitions.record(
            state,
            attempt=self._backoff.attempts,
            endpoint=self._endpoint,
            cause=cause,
            delay=delay.seconds if delay else None,
            flapping=delay.flapping if delay else False,
            away=away,
            detail=detail,
        )


def _reconnect_request(error: BaseException, ws: WebSocket) -> Reconnect | None:
    """Return the `Reconnect` that a session raised: alone, or beside nothing but the ends of it.

    Those are this connection's end, and cancellations: whatever cancelled, goes on doing so.
    """
    request: Reconnect | None = None
    for leaf in iter_leaves(error):
        if isinstance(leaf, Reconnect):
            request = request or leaf
        elif not isinstance(leaf, trio.Cancelled) and not is_end_of(leaf, ws.ending):
            return None
    return request


def _how_cancelled(error: BaseException) -> str:
    reason = cancel_reason(error)
    return f"cancelled: {reason}" if reason else "cancelled"
