"""What a supervisor has done, told to all who want to know.

The log keeps the newest transition only.
An iteration over `events` remembers the number of the last transition that it gave out.
So a slow iteration finds the newest one when it comes back, and the supervisor never waits for it.
A task that waits for one state is woken even if the state has passed before the task runs.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Self, TypeAlias

import trio

from .._instrument import NO_OBSERVERS, Observers
from .._log import Log
from .states import ENDED, SupervisorState, Transition, check_step

TransitionHook: TypeAlias = Callable[[Transition], object]
"""A function that is called, at once, with each transition."""

_log = Log("trio_ws.supervisor")
_numbers = itertools.count(1)

LEVELS = {SupervisorState.SUSPENDED: _log.warning, SupervisorState.FAILED: _log.error}
"""At which level a step is logged; all others are information."""


@dataclass(slots=True, eq=False)
class _Waiter:
    states: frozenset[SupervisorState]
    event: trio.Event = field(default_factory=trio.Event)
    transition: Transition | None = None

    def wake(self, transition: Transition, *, ended: bool) -> None:
        """Wake the task if this is a state that it waits for, or if none will come any more."""
        if transition.state in self.states and self.transition is None:
            self.transition = transition
            self.event.set()
        elif ended:
            self.event.set()


class TransitionLog:
    """The state of one supervisor, and who is told when it changes."""

    def __init__(
        self, on_transition: TransitionHook | None, observers: Observers = NO_OBSERVERS
    ) -> None:
        self.name = f"supervisor-{next(_numbers)}"
        self.last: Transition | None = None
        self._on_transition = on_transition
        self._observers = observers
        self._waiters: list[_Waiter] = []
        self._changed = trio.lowlevel.ParkingLot()

    @property
    def state(self) -> SupervisorState:
        """Return the state that was entered last."""
        return SupervisorState.IDLE if self.last is None else self.last.state

    @property
    def ended(self) -> bool:
        """Return True if nothing more will happen."""
        return self.state in ENDED

    def record(
        self,
        state: SupervisorState,
        *,
        attempt: int,
        endpoint: str | None = None,
        cause: BaseException | None = None,
        delay: float | None = None,
        flapping: bool = False,
        away: float | None = None,
        detail: str = "",
    ) -> None:
        """Take a step, and tell all observers; raise only what on_transition raises."""
        check_step(self.state, state)
        transition = Transition(
            number=self.last.number + 1 if self.last else 1,
            state=state,
            previous=self.state,
            at=trio.current_time(),
            attempt=attempt,
            endpoint=endpoint,
            cause=cause,
            delay=delay,
            flapping=flapping,
            away=away,
            detail=detail,
        )
        self.last = transition
        self._ring(transition)
        LEVELS.get(state, _log.info)("[%s] %s", self.name, transition)
        self._observers.tell("transition", self.name, transition)
        self._call_hook(transition)

    def _ring(self, transition: Transition) -> None:
        self._changed.unpark_all()
        for waiter in self._waiters:
            waiter.wake(transition, ended=self.ended)

    def _call_hook(self, transition: Transition) -> None:
        """Call it; one that fails is not called again, not even about its own failure."""
        if self._on_transition is None:
            return
        on_transition, self._on_transition = self._on_transition, None
        result = on_transition(transition)
        if isawaitable(result):
            close = getattr(result, "close", None)
            if close is not None:
                close()
            raise TypeError(
                "on_transition must be a plain function; an async one iterates over events()"
            )
        self._on_transition = on_transition

    async def wait_for(self, *states: SupervisorState) -> Transition:
        """Wait until one of these states is entered, or return at once if it is the present one."""
        if self.last is not None and self.last.state in states:
            await trio.lowlevel.checkpoint()
            return self.last
        waiter = _Waiter(frozenset(states))
        if self.ended:
            await trio.lowlevel.checkpoint()
        else:
            self._waiters.append(waiter)
            try:
                await waiter.event.wait()
            finally:
                self._waiters.remove(waiter)
        if waiter.transition is None:
            raise trio.ClosedResourceError(f"the supervisor has ended: {self.last}")
        return waiter.transition


class Events(AsyncIterator[Transition]):
    """An iteration over transitions, newest first to be told; ends with the supervisor."""

    def __init__(self, log: TransitionLog) -> None:
        self._transitions = log
        self._last_number = 0

    def __aiter__(self) -> Self:
        """Iterate over the transitions."""
        return self

    async def __anext__(self) -> Transition:
        """Return the newest transition, once there is one that was not given out yet."""
        await trio.lowlevel.checkpoint()
        log = self._transitions
        while True:
            last = log.last
            if last is not None and last.number > self._last_number:
                self._last_number = last.number
                return last
            if log.ended:
                raise StopAsyncIteration
            await log._changed.park()
