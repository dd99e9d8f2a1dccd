"""The supervisor's face: `supervise`, and `open_supervisor` for those who want a handle on it.

The work is done in `loop`; here is what users hold.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Unpack, final

import trio

from .._client.connect import open_websocket
from .._client.options import ClientOptions
from .._concurrency.blocks import Block, check_in_trio
from .._concurrency.body import is_own_exception
from .._concurrency.chance import draw
from .._validation import check_instance
from .backoff import Backoff
from .config import (
    Connect,
    Session,
    SessionPlan,
    SupervisorConfig,
    SupervisorOptions,
    T,
    UnknownHost,
)
from .counters import Counters, SupervisorStatistics
from .endpoints import Endpoint, Endpoints
from .loop import SupervisorLoop
from .retry_rules import Classify
from .states import SupervisorState, Transition
from .throttle import Throttle
from .transitions import Events, TransitionHook, TransitionLog


async def supervise(
    session: Session[T],
    endpoint: Endpoint,
    *,
    backoff: Backoff = Backoff(),
    classify: Classify | None = None,
    on_transition: TransitionHook | None = None,
    reconnect_on_normal_close: bool = False,
    unknown_host: UnknownHost = "fail",
    throttle: Throttle | None = None,
    jitter: Callable[[], float] = draw,
    connect: Connect = open_websocket,
    **connection_options: Unpack[ClientOptions],
) -> T | None:
    """Run ``session(ws)`` on one connection after another, until it returns::

        async def session(ws):
            await ws.send_json({"subscribe": "trades"})
            async for message in ws:
                print(message)

        await supervise(session, "wss://example.com/feed")

    The session is called anew for each connection, so it begins with what every connection needs.
    When it returns, its value is returned;
    when it raises anything but the end of its own connection, that leaves, bare,
    and is never taken for a reason to reconnect; but for `Reconnect`, which asks for that.
    When the connection ends, the table of `Remedy` decides:
    wait and connect again, raise what ended it, or (1000) return None.

    On a supervised connection ``async for`` ends quietly with 1000 only;
    every other end raises, and is seen here.
    When the peer has closed and the session waits for something else,
    it is cancelled after `Timeouts.close`.

    If cancelled, the connection says goodbye (1001) within `Timeouts.goodbye`.

    Args:
        session: an async function of one `WebSocket`.
        endpoint: a URL; several, the preferred one first: each failure leads to another,
            and what one says (404, 1012, ``Retry-After``) is not about the others;
            or an async function that returns one for each attempt (fresh tokens),
            called once the host's turn has come; it counts against `Timeouts.connect`.
            Redirects are followed anew with each attempt; ``headers`` may be a function, too.
        backoff: how long to wait, and when to give up.
        classify: a function that overrules the table for a failure; None where it does not.
        on_transition: is called with each `Transition`, at once, so it must be quick;
            what it raises ends the supervision.  `Supervisor.events` is for those who take long.
        reconnect_on_normal_close: whether to connect again after a normal close by the peer, too.
        unknown_host: what to do about a host whose name was never found: ``"fail"``,
            it is probably misspelt; or ``"retry"``, the network may not be up yet.
        throttle: the limits that several supervisors share; None: those of this Trio run.
        jitter: a source of random numbers in ``[0, 1)``; give a seeded one in tests.
        connect: opens one connection, as `open_websocket` does.
        connection_options: the options of `open_websocket`.

    Raises:
        TypeError, ValueError, LocalProtocolError: an option or the endpoint is invalid;
            this is checked before the first attempt.
        SupervisorGaveUp: `Backoff.max_attempts` or `Backoff.max_elapsed` is reached.
        HandshakeError: no connection came about, and waiting would not help;
            of several endpoints: against none of them.
        ConnectionClosed: the connection ended, and waiting would not help.
        InvalidURL: an endpoint is not a URL.
    """
    check_in_trio("supervise(…)")
    supervisor = Supervisor(
        endpoint,
        backoff=backoff,
        classify=classify,
        on_transition=on_transition,
        reconnect_on_normal_close=reconnect_on_normal_close,
        unknown_host=unknown_host,
        throttle=throttle,
        jitter=jitter,
        connect=connect,
        **connection_options,
    )
    return await supervisor.run(session)


@final
class Supervisor:
    """`supervise` with a handle on it; made by `open_supervisor`, never by hand.

    `run` may be called once; everything else may be called from any task, at any time.
    """

    def __init__(self, endpoint: Endpoint, **options: Unpack[SupervisorOptions]) -> None:
        self._endpoints = Endpoints(endpoint)
        self._config = SupervisorConfig.of(options, self._endpoints.known_urls)
        self._transitions = TransitionLog(self._config.on_transition, self._config.observers)
        self._counters = Counters()
        self._scope = trio.CancelScope()
        self._finished: trio.Event | None = None
        self._loop: SupervisorLoop[Any] | None = None

    def __repr__(self) -> str:
        return f"<Supervisor {self._label}>"

    @property
    def _label(self) -> str:
        """Return its name and what it is doing, for people to read."""
        return f"{self._transitions.name}: {self.transition or self.state.value}"

    @property
    def state(self) -> SupervisorState:
        """Return what it is doing."""
        return self._transitions.state

    @property
    def transition(self) -> Transition | None:
        """Return the step that led to the present state, with its cause and the next delay."""
        return self._transitions.last

    async def wait_for(self, *states: SupervisorState) -> Transition:
        """Wait until one of `states` is entered; return at once if it is the present one.

        A state that lasts for a moment only is not missed.

        Raises:
            trio.ClosedResourceError: the supervisor has ended without it.
            TypeError, ValueError: one of `states` is no `SupervisorState`, or there is none.
        """
        if not states:
            raise ValueError("states must be one SupervisorState or more: none is never entered")
        for state in states:
            check_instance("each of states", state, SupervisorState)
        return await self._transitions.wait_for(*states)

    def events(self) -> AsyncIterator[Transition]:
        """Iterate over the transitions, beginning with the last one that was made::

            async for transition in supervisor.events():
                ...

        A slow iteration gets the newest one next and misses those between:
        their numbers tell.  The iteration ends when the supervisor has.
        """
        return Events(self._transitions)

    def retry_now(self) -> None:
        """Do not wait any longer, if it is waiting: the network is back, or a person says so.

        The retry budget of the `Throttle` still holds.
        """
        if self._loop is not None:
            self._loop.retry_now()

    def statistics(self) -> SupervisorStatistics:
        """Return a snapshot of counters."""
        return self._counters.snapshot(trio.current_time())

    async def run(self, session: Session[T]) -> T | None:
        """Do what `supervise` does, once.

        Raises:
            trio.ClosedResourceError: the block of `open_supervisor` was left meanwhile, or before.
            RuntimeError: it was called before.
        """
        return await self._run(SessionPlan(session=session))

    @trio.lowlevel.enable_ki_protection  # a Ctrl-C must not leave `_close` waiting
    async def _run(self, plan: SessionPlan[T]) -> T | None:
        if self._scope.cancel_called:
            raise trio.ClosedResourceError("the block of open_supervisor was left")
        if self._finished is not None:
            raise RuntimeError("a supervisor runs once")
        self._finished = trio.Event()
        try:
            self._loop = loop = SupervisorLoop(
                plan, self._endpoints, self._config, self._transitions, self._counters
            )
            with self._scope:
                return await loop.run()
            raise trio.ClosedResourceError("the block of open_supervisor was left")
        finally:
            self._finished.set()

    async def _close(self) -> None:
        """End the run, or the waiting for one."""
        self._scope.cancel(reason="the block of open_supervisor was left")
        if self._finished is None:
            self._transitions.record(SupervisorState.CLOSED, attempt=0, detail="it never ran")
        elif not self._finished.is_set():
            await self._finished.wait()


@final
class _SupervisorScope(AbstractAsyncContextManager[Supervisor, None]):
    """The block of `open_supervisor`."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    async def __aenter__(self) -> Supervisor:
        await trio.lowlevel.checkpoint()
        return self._supervisor

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._supervisor._close()  # noqa: ASYNC102 - bounded by the goodbye of the run
        except trio.Cancelled:  # noqa: ASYNC103
            # What the block raised leaves (P2).  The run is cancelled already, and the task
            # that called it waits for it; this cancellation comes again where the task waits next.
            if not is_own_exception(exc):
                raise


def open_supervisor(
    endpoint: Endpoint, **options: Unpack[SupervisorOptions]
) -> AbstractAsyncContextManager[Supervisor]:
    """Return a supervisor with a handle: to watch it, to wait for a state, to let it try at once::

        async with open_supervisor("wss://example.com/feed") as supervisor:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(show, supervisor.events())
                await supervisor.run(session)

    Takes what `supervise` takes, but for the session.
    Leaving the block ends a run that another task has begun.
    """
    return Block("open_supervisor(…)", _SupervisorScope(Supervisor(endpoint, **options)))
