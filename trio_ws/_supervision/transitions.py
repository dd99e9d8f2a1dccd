"""What a supervisor has done, for everybody who wants to know.

The journal keeps the newest transition only.
An iteration over `events` remembers the number of the last one that it gave out,
so an observer who is slow finds the newest when he comes back, and nobody waits for him.
Whoever waits for a state in particular is told even if it has passed before he runs.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Self, TypeAlias

import trio

from .states import ENDED, SupervisorState, Transition, check_step

TransitionHook: TypeAlias = Callable[[Transition], object]
"""A function that is called, at once, with each transition."""

_logger = logging.getLogger("trio_ws.supervisor")
_numbers = itertools.count(1)


@dataclass(slots=True, eq=False)
class _Waiter:
    states: frozenset[SupervisorState]
    rung: trio.Event = field(default_factory=trio.Event)
    got: Transition | None = None


class TransitionLog:
    """The state of one supervisor, and who is told when it changes."""

    def __init__(self, observer: TransitionHook | None) -> None:
        self.ident = f"supervisor-{next(_numbers)}"
        self.last: Transition | None = None
        self._observer = observer
        self._waiters: list[_Waiter] = []
        self._changed = trio.lowlevel.ParkingLot()

    @property
    def state(self) -> SupervisorState:
        """The state that was entered last."""
        return SupervisorState.IDLE if self.last is None else self.last.state

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ENDED

    def enter(
        self,
        state: SupervisorState,
        *,
        attempt: int,
        endpoint: str | None = None,
        cause: BaseException | None = None,
        delay: float | None = None,
        flapping: bool = False,
        detail: str = "",
    ) -> None:
        """Take a step, and tell everybody; raises only what the observer raises."""
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
            detail=detail,
        )
        self.last = transition
        self._ring(transition)
        _logger.info("[%s] %s", self.ident, transition)
        self._call_observer(transition)

    def _ring(self, transition: Transition) -> None:
        self._changed.unpark_all()
        for waiter in self._waiters:
            if transition.state in waiter.states and waiter.got is None:
                waiter.got = transition
                waiter.rung.set()
            elif self.ended:
                waiter.rung.set()

    def _call_observer(self, transition: Transition) -> None:
        """Call it; one that fails is not called again, not even about its own failure."""
        if self._observer is None:
            return
        observer, self._observer = self._observer, None
        result = observer(transition)
        if isawaitable(result):
            close = getattr(result, "close", None)
            if close is not None:
                close()
            raise TypeError(
                "on_transition must be a plain function; an async one iterates over events()"
            )
        self._observer = observer

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
                await waiter.rung.wait()
            finally:
                self._waiters.remove(waiter)
        if waiter.got is None:
            raise trio.ClosedResourceError(f"the supervisor has ended: {self.last}")
        return waiter.got


class Events(AsyncIterator[Transition]):
    """An iteration over transitions, newest first to be told; ends with the supervisor."""

    def __init__(self, journal: TransitionLog) -> None:
        self._journal = journal
        self._told = 0

    def __aiter__(self) -> Self:
        """Iterate over the transitions."""
        return self

    async def __anext__(self) -> Transition:
        """The newest transition, once there is one that was not given out yet."""
        await trio.lowlevel.checkpoint()
        journal = self._journal
        while True:
            last = journal.last
            if last is not None and last.number > self._told:
                self._told = last.number
                return last
            if journal.ended:
                raise StopAsyncIteration
            await journal._changed.park()
