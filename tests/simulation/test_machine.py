"""Conversations that Hypothesis makes up, and shrinks if one goes wrong."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from .machine import Conversation


@pytest.mark.parametrize(
    ("examples", "steps"),
    [
        pytest.param(12, 15, id="few"),
        pytest.param(400, 40, id="many", marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
    ],
)
def test_conversations(examples: int, steps: int) -> None:
    """Send, receive, ping, cancel, close, cut, stall, re-chunk, compress: the model agrees."""
    often = settings(
        max_examples=examples,
        stateful_step_count=steps,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    run_state_machine_as_test(Conversation, settings=often)
