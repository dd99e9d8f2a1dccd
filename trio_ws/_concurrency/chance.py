"""Chance: what jitter, the phase of a heartbeat and the payload of a ping are drawn from.

That is the system's, unless another source was put in its place for the Trio run::

    with current_chance.replaced_by(Random(7)): ...

so a simulation does the same again.
"""

from __future__ import annotations

import os
import random
from typing import Protocol

from .per_run import PerRun


class Chance(Protocol):
    """A source, such as `random.Random`."""

    def random(self) -> float:
        """Return a number in ``[0, 1)``."""

    def randbytes(self, n: int, /) -> bytes:
        """Return so many bytes."""


class SystemChance:
    """What a Trio run draws from as a rule."""

    def random(self) -> float:
        """Return a number in ``[0, 1)``, of the generator that the process shares."""
        return random.random()

    def randbytes(self, n: int, /) -> bytes:
        """Return so many bytes of the system's entropy."""
        return os.urandom(n)


current_chance: PerRun[Chance] = PerRun("trio_ws.chance", SystemChance)
"""Return the source of the present Trio run."""


def draw() -> float:
    """Return a number in ``[0, 1)``."""
    return current_chance().random()


def draw_bytes(size: int) -> bytes:
    """Return so many bytes."""
    return current_chance().randbytes(size)
