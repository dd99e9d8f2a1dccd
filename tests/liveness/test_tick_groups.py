"""`trio_ws._liveness.tick_groups`: leases that end at the same tick are looked after in one go."""

from __future__ import annotations

from collections.abc import Callable

import trio
import trio.testing

from trio_ws._liveness.tick_groups import MAX_PER_WAKE, TickGroups, current_tick_groups

Clock = trio.testing.MockClock


class Member:
    """A reader that notes what it is told, and may then do something."""

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        self.leads: list[float] = []
        self.looked: list[float] = []
        self.then = then

    def wake_at(self, tick: float) -> None:
        """Wake at this tick."""
        self.leads.append(tick)

    def on_tick(self, now: float) -> None:
        """Do what is due."""
        self.looked.append(now)
        self.then()


def crew(count: int) -> list[Member]:
    return [Member() for _ in range(count)]


# A round by itself


async def test_the_first_leads(autojump_clock: Clock) -> None:
    """The first member of a round leads it, and looks after the others when it leaves in time."""
    rounds = TickGroups()
    members = crew(4)
    assert [rounds.join(member, 2) for member in members] == [True, False, False, False]
    await trio.sleep(2.5)
    rounds.leave(members[0], 2)
    assert [member.looked for member in members] == [[], [2.5], [2.5], [2.5]]
    assert [member.leads for member in members] == [[], [], [], []]


async def test_nothing_is_left_of_a_tick(autojump_clock: Clock) -> None:
    """Ticks come and go 16 times a second: no entry stays, whether a member left early or late."""
    rounds = TickGroups()
    for tick in (2, 4):
        early, leader, other = crew(3)
        for member in (early, leader, other):
            rounds.join(member, tick)
        rounds.leave(early, tick)
        await trio.sleep_until(tick)
        rounds.leave(leader, tick)
        assert rounds._groups == {}
    [alone] = crew(1)
    rounds.join(alone, 6)
    rounds.leave(alone, 6)
    assert rounds._groups == {}


async def test_the_lead_is_handed_on(autojump_clock: Clock) -> None:
    """A leader that goes before the tick hands on to the next; nobody is looked after early."""
    rounds = TickGroups()
    first, second, third = crew(3)
    for member in (first, second, third):
        rounds.join(member, 2)
    rounds.leave(first, 2)
    assert (second.leads, second.looked, third.leads) == ([2], [], [])
    rounds.leave(second, 2)
    assert third.leads == [2]
    rounds.leave(third, 2)
    assert rounds.join(first, 2)


async def test_others_may_go(autojump_clock: Clock) -> None:
    """A member that goes before the tick is not looked after, and nobody else is told."""
    rounds = TickGroups()
    first, second, third = crew(3)
    for member in (first, second, third):
        rounds.join(member, 2)
    rounds.leave(second, 2)
    await trio.sleep(2)
    rounds.leave(first, 2)
    assert (second.looked, third.looked, third.leads) == ([], [2], [])


async def test_rounds_are_apart(autojump_clock: Clock) -> None:
    """Each tick has a round of its own."""
    rounds = TickGroups()
    first, second, third = crew(3)
    assert rounds.join(first, 2)
    assert rounds.join(second, 3)
    assert not rounds.join(third, 3)
    await trio.sleep(2)
    rounds.leave(first, 2)
    assert third.looked == second.leads == []


async def test_members_join_the_next_round(autojump_clock: Clock) -> None:
    """A member that is looked after may join another round at once."""
    rounds = TickGroups()
    first, second = Member(), Member(then=lambda: rounds.join(second, 9))
    for member in (first, second):
        rounds.join(member, 2)
    await trio.sleep(2)
    rounds.leave(first, 2)
    assert not rounds.join(first, 9)
    rounds.leave(second, 9)
    assert first.leads == [9]


async def test_a_large_round_goes_in_steps(autojump_clock: Clock) -> None:
    """After so many members the next one leads, so that other tasks run in between."""
    rounds = TickGroups()
    members = crew(2 * MAX_PER_WAKE + 2)
    for member in members:
        rounds.join(member, 2)
    await trio.sleep(2)
    led = []
    leader: Member | None = members[0]
    while leader is not None:
        led.append(members.index(leader))
        rounds.leave(leader, 2)
        leader = next((member for member in members if member.leads and not member.looked), None)
        if leader is not None:
            leader.looked.append(2)
    assert led == [0, MAX_PER_WAKE + 1]
    assert all(member.looked == [2] for member in members[1:])


async def test_each_run_has_its_own_rounds() -> None:
    """The rounds belong to the Trio run."""
    assert current_tick_groups() is current_tick_groups()
