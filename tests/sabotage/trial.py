"""A trial: the tests of a guard, run without it, and what came of that."""

from __future__ import annotations

import enum
import re
import time
from dataclasses import dataclass

from .copies import without
from .guard import Guard, NotFoundOnce
from .hosts import Host
from .stuck import EXIT_CODE

SECONDS = 30.0
"""So long may the tests of one guard take."""

BASE_SECONDS = 900.0
"""So long may those of all guards take while the guards are there."""

STUCK_SECONDS = 10.0
"""So long may they take if they are expected to wait for ever."""

# A mutation that leaves a name without a value breaks everything, and proves nothing.
BROKEN = re.compile(r"^E +(?:NameError|UnboundLocalError|SyntaxError|ImportError).*", re.MULTILINE)
FAILED = re.compile(r"^(?:FAILED|ERROR) tests/(.+?)(?: - .*)?$", re.MULTILINE)

TESTS_FAILED = 1
"""The exit code of pytest if tests ran, and some failed."""


class Result(enum.Enum):
    """What came of the removal of a guard."""

    NOTICED = "noticed"
    HUNG = "noticed: it hangs"
    SURVIVED = "NOT NOTICED"
    HANGS = "IT HANGS"
    BROKEN = "IT DOES NOT RUN"
    OUTDATED = "NOT FOUND ONCE"

    @property
    def good(self) -> bool:
        """Return True if a test has noticed that the guard was gone."""
        return self in (Result.NOTICED, Result.HUNG)


@dataclass(frozen=True)
class Trial:
    """What came of the removal of one guard.

    Attributes:
        by: the test that failed.
        output: what pytest said.
    """

    guard: Guard
    result: Result
    seconds: float
    by: str = ""
    output: str = ""


def try_without(guard: Guard, host: Host) -> Trial:
    """Remove a guard from a copy and run its tests; put it back."""
    began = time.monotonic()
    try:
        with without(guard, host.copy):
            code, output = host.run(guard.node_ids, STUCK_SECONDS if guard.hangs else SECONDS)
    except NotFoundOnce as error:
        return Trial(guard, Result.OUTDATED, 0.0, output=str(error))
    by = FAILED.search(output)
    result = _result(guard, code, output)
    return Trial(guard, result, time.monotonic() - began, by[1] if by else "", output)


def _result(guard: Guard, code: int | None, output: str) -> Result:
    if code in (None, EXIT_CODE):
        return Result.HUNG if guard.hangs else Result.HANGS
    if code == 0:
        return Result.SURVIVED
    if code != TESTS_FAILED or BROKEN.search(output):
        return Result.BROKEN
    return Result.NOTICED
