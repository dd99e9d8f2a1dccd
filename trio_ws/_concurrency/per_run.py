"""A value for each Trio run, made when it is first asked for.

Two runs, one after the other or in two threads, must not share a parking lot or a task.
So what the connections of one run share lives in a `trio.lowlevel.RunVar`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Generic, TypeVar, final

import trio

T = TypeVar("T")


@final
class PerRun(Generic[T]):
    """A value for each Trio run; call it for that of the present run."""

    __slots__ = ("_make", "_var")

    def __init__(self, name: str, make: Callable[[], T]) -> None:
        self._var: trio.lowlevel.RunVar[T] = trio.lowlevel.RunVar(name)
        self._make = make

    def __call__(self) -> T:
        """Return the value of the present run; make it if this is the first call."""
        try:
            return self._var.get()
        except LookupError:
            value = self._make()
            self._var.set(value)
            return value

    @contextmanager
    def replaced_by(self, value: T) -> Generator[None]:
        """Let `value` be that of the present run for the length of a block."""
        token = self._var.set(value)
        try:
            yield
        finally:
            self._var.reset(token)
