"""What may leave the task of one connection, and what must not touch the others (P9).

A Ctrl-C, an exit and a cancellation pass through the server.
Everything else stays with its connection, whatever it is derived from:
an exception of the user's own that is no `Exception` would end the server otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from .._concurrency.exceptions import may_pass


class Outcome(NamedTuple):
    """What a function of the user's raised: its failure, and what must pass."""

    failure: BaseException | None = None
    passing: BaseException | None = None

    def let_pass(self) -> None:
        """Raise what must pass, if there is anything."""
        if self.passing is not None:
            raise self.passing from self.passing.__cause__


def split(
    error: BaseException, *, is_no_failure: Callable[[BaseException], bool] = lambda _: False
) -> Outcome:
    """Part an exception, or a group, into the failure and what must pass."""
    if not isinstance(error, BaseExceptionGroup):
        if may_pass(error):
            return Outcome(passing=error)
        return Outcome(failure=None if is_no_failure(error) else error)
    passing, failures = error.split(_is_leaf(may_pass))
    if failures is not None:
        failures = failures.split(_is_leaf(is_no_failure))[1]
    return Outcome(failures, passing)


def _is_leaf(
    predicate: Callable[[BaseException], bool],
) -> Callable[[BaseException], bool]:
    """Ask about the exceptions of a group only, not about the groups within it."""
    return lambda error: not isinstance(error, BaseExceptionGroup) and predicate(error)
