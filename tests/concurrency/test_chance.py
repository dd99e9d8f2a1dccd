"""`trio_ws._concurrency.chance`: what is drawn by lot."""

from __future__ import annotations

import os
import random
from random import Random

import pytest

from trio_ws._concurrency.chance import current_chance, draw, draw_bytes


async def test_chance_is_the_system_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers come from the generator of the process, bytes from the system's entropy."""
    monkeypatch.setattr(random, "random", lambda: 0.25)
    monkeypatch.setattr(os, "urandom", lambda size: b"\7" * size)
    assert draw() == 0.25
    assert draw_bytes(3) == b"\7\7\7"


async def test_chance_can_be_replaced() -> None:
    """For a block, within a Trio run."""
    with current_chance.replaced_by(Random(7)):
        assert (draw(), draw_bytes(4)) == ((source := Random(7)).random(), source.randbytes(4))
    with current_chance.replaced_by(Random(7)):
        first = draw()
    with current_chance.replaced_by(Random(7)):
        assert draw() == first
    assert draw() != first
