"""`trio_ws._protocol.states`: the table is complete, and time goes one way."""

from __future__ import annotations

import itertools

import pytest

from trio_ws._protocol.states import TABLE, Action, Input, State

ORDER = [State.OPEN, State.CLOSING, State.ENDED]


def test_complete() -> None:
    """The table says what to do about everything in every state, and nothing else."""
    assert set(TABLE) == set(itertools.product(State, Input))


@pytest.mark.parametrize("key", TABLE, ids=str)
def test_never_back(key: tuple[State, Input]) -> None:
    """No state is left for an earlier one; the end is never left."""
    assert ORDER.index(TABLE[key][0]) >= ORDER.index(key[0])


@pytest.mark.parametrize("what", Input)
def test_after_the_end(what: Input) -> None:
    """After the end nothing changes: what we want to send is refused, all else ignored."""
    wanted = Action.REFUSE if what is Input.SEND else Action.IGNORE
    assert TABLE[State.ENDED, what] == (State.ENDED, wanted)


def test_the_hash_is_that_of_the_object() -> None:
    """States and inputs are looked up by identity, which is what makes it fast."""
    assert hash(State.OPEN) == object.__hash__(State.OPEN)
    assert hash(Input.PING) == object.__hash__(Input.PING)
