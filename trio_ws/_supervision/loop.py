"""Supervision: connect, run the session, and when the connection ends, know what to do.

Three things end a round, and they are never mixed up::

    the session returns            that is the end; its value is the result
    the session raises             that is the end, too: its bugs are nobody else's business
    the connection ends            judge why, wait, and connect again; or give up

The judgement is `_classify`, the waiting is `_backoff`, who may connect at the same time
is `_throttle`, where to is `_endpoints`, and who is told is `_journal`.
What is left for this file is the loop::

            ┌────────────── wait: delay, budget ◀──────────────┐
            ▼                                                  │ worth it
    ask the endpoint ─▶ a slot ─▶ connect ─▶ session ─▶ failure judged ─▶ raise
                                               └─ returned ─▶ value

A reconnecting channel has something to do before its session: ``prepare``, its ``on_connect``.
That takes `Timeouts.connect` at most, and no connection is stable before it is done.

There is no async generator in it, hence no point at which leaving a loop early
could tear a scope; ``return``, ``raise`` and cancellation do in a session
what they do everywhere.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

import trio

from .._client.options import ClientOptions
from .._concurrency.background import BackgroundTask
from .._concurrency.exceptions import iter_leaves
from .._connection.core import Supervised
from .._connection.websocket import WebSocket
from .._ending import CloseCode
from .._errors import ConnectionClosed, HandshakeError, Rejected, SupervisorGaveUp, closed
from .._policies import Timeouts
from .._url import parse_url
from .._validation import check_callable, check_flag, check_instance, check_plain_callable
from .backoff import Backoff, BackoffState, Delay
from .endpoints import Endpoints
from .retry_rules import Classify, Failure, Remedy, classify, is_unknown_name
from .states import SupervisorState
from .throttle import Throttle, current_throttle
from .transitions import TransitionLog

T = TypeVar("T")

Session: TypeAlias = Callable[[WebSocket], Awaitable[T]]
"""An async function of one `WebSocket`, run once for each connection."""

Connect: TypeAlias = Callable[..., AbstractAsyncContextManager[WebSocket]]
"""What opens one connection, as `open_websocket` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupervisorConfig:
    """What a supervision goes by; `supervise` tells what each is."""

    backoff: Backoff
    classify: Classify | None
    reconnect_on_normal_close: bool
    throttle: Throttle | None
    jitter: Callable[[], float]
    connect: Connect
    options: ClientOptions

    def __post_init__(self) -> None:
        check_instance("backoff", self.backoff, Backoff, "Backoff(…)")
        check_instance("throttle", self.throttle, Throttle, "Throttle(…)", optional=True)
        check_flag("reconnect_on_normal_close", self.reconnect_on_normal_close)
        check_plain_callable("classify", self.classify, optional=True)
        check_plain_callable("jitter", self.jitter)
        check_plain_callable("connect", self.connect)

    @property
    def timeouts(self) -> Timeouts:
        """The timeouts of each connection."""
        return self.options.get("timeouts", Timeouts())


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlan(Generic[T]):
    """What is done with each connection: `prepare` it, then `session`; `done` tells of its end."""

    session: Session[T]
    prepare: Session[object] | None = None
    done: str = "the session returned"

    def __post_init__(self) -> None:
        check_callable("session", self.session)


@dataclass(slots=True)
class Counters:
    """What is counted."""

    attempts: int = 0
    connections: int = 0
    losses: int = 0
    downtime: float = 0.0
    down_since: float | None = None
    last_failure: Failure | None = None

    def down(self, now: float) -> None:
        """There is no connection from now on."""
        self.down_since = now

    def up(self, now: float) -> None:
        """There is one, or nobody wants one any more."""
        self.downtime = self.downtime_until(now)
        self.down_since = None

    def downtime_until(self, now: float) -> float:
        """Seconds without a connection."""
        return self.downtime + (0.0 if self.down_since is None else now - self.down_since)


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
        self._endpoint: str | None = None
        self._host = ""
        self._known_hosts: set[str] = set()
        self._disconnected_at = now
        self.retry_requested = trio.Event()

    async def run(self) -> T | None:
        """Go round until there is an end, and say which."""
        self._counters.down(trio.current_time())
        try:
            returned = await self._go_round()
        except Exception as error:
            self._end(SupervisorState.FAILED, cause=error)
            raise
        except BaseException as error:
            self._end(SupervisorState.CLOSED, detail=_why_cancelled(error))
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
        """Attempts, until one returns or its failure is an end; None after a 1000."""
        while True:
            outcome = await self._attempt()
            if isinstance(outcome, _Returned):
                return outcome
            delay = self._next_delay(outcome)
            if delay is None:
                return None
            await self._wait(delay, outcome)

    # An attempt

    async def _attempt(self) -> _Returned[T] | Failure:
        """Connect and run the session; return its value, or what came between."""
        ws: WebSocket | None = None
        self._begin_attempt()
        try:
            url = await self._endpoints.get(self._config.timeouts.connect)
            place = parse_url(url)
            self._endpoint, self._host = str(place), place.host
            async with (
                self._throttle.slot(place.host, place.port) as slot,
                self._config.connect(url, **self._config.options) as ws,
            ):
                slot.leave()
                return _Returned(await self._run_session(ws))
        except HandshakeError as error:
            if ws is not None:
                raise
            return error
        except ConnectionClosed as error:
            if ws is None or error.ending is not ws.ending:
                raise
            return error

    def _begin_attempt(self) -> None:
        known = self._endpoints.known
        self._endpoint = None if known is None else str(known)
        self._counters.attempts += 1
        self._backoff.attempt()
        self._record(SupervisorState.CONNECTING)

    async def _run_session(self, ws: WebSocket) -> T:
        once = frozenset({int(CloseCode.NORMAL_CLOSURE)})
        quiet = frozenset[int]() if self._config.reconnect_on_normal_close else once
        ws._connection.core.supervise(Supervised(quiet, self._config.timeouts.close))
        self._counters.up(trio.current_time())
        self._counters.connections += 1
        self._record(SupervisorState.OPEN)
        if self._plan.prepare is not None:
            await self._prepare(ws, self._plan.prepare)

        async def become_stable() -> None:
            after = self._backoff.stable_after()
            await trio.sleep(after)
            if ws.ending is None:
                self._backoff.succeeded(trio.current_time())
                self._record(SupervisorState.STABLE, detail=f"up for {after:g} s")

        async with BackgroundTask(become_stable, name=f"{self._transitions.name} stability"):
            return await self._plan.session(ws)

    async def _prepare(self, ws: WebSocket, prepare: Session[object]) -> None:
        """Call `prepare`; a connection for which it takes too long is closed, and has failed."""
        patience = self._config.timeouts.connect
        with trio.move_on_after(patience) as scope:
            await prepare(ws)
        if scope.cancelled_caught:
            await ws.close(CloseCode.GOING_AWAY, f"on_connect was not done within {patience:g} s")
            raise closed(await ws.wait_closed())

    # After a failure

    def _next_delay(self, error: Failure) -> Delay | None:
        """The delay before the next attempt; None is the end, and so is what is raised."""
        now = trio.current_time()
        lost = isinstance(error, ConnectionClosed)
        self._counters.last_failure = error
        if lost:
            self._counters.down(now)
            self._disconnected_at = now
            self._backoff.lost(now)
        remedy = self._remedy(error)
        if remedy is Remedy.DONE:
            return None
        if remedy is Remedy.NONE or (remedy is Remedy.REFRESH and not self._may_refresh()):
            raise error
        self._counters.losses += lost
        delay = self._backoff.failed(
            now,
            remedy,
            retry_after=error.retry_after if isinstance(error, Rejected) else None,
            endpoints=len(self._endpoints),
        )
        if why := self._backoff.is_exhausted(now + delay.seconds):
            raise SupervisorGaveUp(
                f"gave up on {self._endpoint or 'the endpoint'}: {why}: {error}",
                attempts=self._backoff.attempts,
                endpoint=self._endpoint,
            ) from error
        return delay

    def _may_refresh(self) -> bool:
        return self._endpoints.can_refresh and not self._backoff.refreshed

    def _remedy(self, error: Failure) -> Remedy:
        known = self._host in self._known_hosts
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

    async def _wait(self, delay: Delay, error: Failure) -> None:
        """Wait for the delay, or until somebody is in a hurry, and then for the budget."""
        now = trio.current_time()
        due = now + delay.seconds
        suspend_at = self._disconnected_at + self._config.backoff.suspend_after
        self.retry_requested = trio.Event()
        if now < suspend_at:
            self._record(SupervisorState.WAITING, cause=error, delay=delay)
            await self._wait_until(min(due, suspend_at))
        if now >= suspend_at or (suspend_at < due and not self.retry_requested.is_set()):
            left = Delay(due - trio.current_time(), delay.flapping)
            self._record(SupervisorState.SUSPENDED, cause=error, delay=left)
            await self._wait_until(due)
        self._endpoints.rotate()
        await self._throttle.wait_for_retry()

    async def _wait_until(self, due: float) -> None:
        with trio.move_on_at(due):
            await self.retry_requested.wait()

    def _record(
        self,
        state: SupervisorState,
        *,
        cause: BaseException | None = None,
        delay: Delay | None = None,
        detail: str = "",
    ) -> None:
        self._transitions.record(
            state,
            attempt=self._backoff.attempts,
            endpoint=self._endpoint,
            cause=cause,
            delay=delay.seconds if delay else None,
            flapping=delay.flapping if delay else False,
            detail=detail,
        )


def _why_cancelled(error: BaseException) -> str:
    """With the text that somebody gave to ``cancel(reason=…)``."""
    for leaf in iter_leaves(error):
        if isinstance(leaf, trio.Cancelled) and leaf.source == "explicit" and leaf.reason:
            return f"cancelled: {leaf.reason}"
    return "cancelled"
