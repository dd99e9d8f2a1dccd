"""`trio_ws._concurrency.rounds`: which sends belong to one burst."""

from __future__ import annotations

import trio

from trio_ws._concurrency.rounds import Rounds, current_rounds


def test_rounds_are_told_apart() -> None:
    """A round that begins has another number than those before."""
    rounds = Rounds()
    numbers = [rounds.number]
    for _ in range(3):
        rounds.begin()
        numbers.append(rounds.number)
    assert numbers == sorted(set(numbers))


async def test_all_of_a_run_are_in_one_round() -> None:
    """What runs in one Trio run shares its rounds, and a turn of the scheduler begins none."""
    rounds, number = current_rounds(), current_rounds().number
    await trio.lowlevel.checkpoint()
    assert current_rounds() is rounds
    assert rounds.number == number
