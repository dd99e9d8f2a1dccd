"""`trio_ws._connection.shared_turn`: many writers, one step of one task."""

from __future__ import annotations

import enum

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._connection.shared_turn import MAX_PER_TURN, SharedTurn, current_shared_turn


class Phase(enum.Enum):
    """What the task of a writer is doing."""

    PARKED = enum.auto()
    WOKEN = enum.auto()
    BUSY = enum.auto()
    ENDED = enum.auto()


class Writer:
    """A writer that has nothing but a phase, and notes whether something waits to be written."""

    def __init__(self, turn: SharedTurn) -> None:
        self.turn = turn
        self.phase = Phase.PARKED
        self.unwritten = False
        self.joined = False

    def send(self) -> None:
        """Queue something as the first message of a burst that may not leave at once."""
        self.unwritten = self.phase is not Phase.ENDED
        if self.phase is Phase.PARKED and not self.joined:
            self.joined = self.turn.join(self)

    def take_lead(self) -> bool:
        """Wake the task."""
        if self.phase is Phase.PARKED:
            self.phase = Phase.WOKEN
        return self.phase is Phase.WOKEN

    def write_burst(self) -> None:
        """Write; what is busy writes by itself."""
        self.joined = False
        if self.phase is not Phase.BUSY:
            self.unwritten = False

    def run(self, busy: bool) -> None:
        """Let the task have its turn, if it has one; it may have to wait for the kernel."""
        if self.phase is Phase.WOKEN:
            self._lead()
            self.phase = Phase.BUSY if busy else Phase.PARKED
            self.unwritten = busy

    def finish(self) -> None:
        """Let the kernel take what the task waits with."""
        if self.phase is Phase.BUSY:
            self.phase, self.unwritten = Phase.PARKED, False

    def end(self) -> None:
        """End the task, whatever it was doing."""
        self.phase, self.unwritten = Phase.ENDED, False
        self._lead()

    def _lead(self) -> None:
        self.joined = False
        if self.turn.leader is self:
            self.turn.lead()


def group(count: int) -> tuple[SharedTurn, list[Writer]]:
    """Make writers that share a turn, all of which have sent something."""
    turn = SharedTurn()
    writers = [Writer(turn) for _ in range(count)]
    for writer in writers:
        writer.send()
    return turn, writers


def test_one_task_writes_for_all() -> None:
    """The first wakes its task, and what the others have is written in that step."""
    turn, writers = group(MAX_PER_TURN + 1)
    assert turn.leader is writers[0]
    assert [writer.phase for writer in writers] == [Phase.WOKEN] + [Phase.PARKED] * MAX_PER_TURN
    writers[0].run(busy=False)
    assert not any(writer.unwritten for writer in writers)
    assert turn.leader is None


def test_other_tasks_run_in_between() -> None:
    """After so many the next one leads; who has joined twice is written once."""
    turn, writers = group(2 * MAX_PER_TURN + 3)
    assert turn.join(writers[1])
    assert not turn.join(writers[0])
    for leader in (0, MAX_PER_TURN + 1, 2 * MAX_PER_TURN + 2):
        assert turn.leader is writers[leader]
        writers[leader].run(busy=False)
    assert turn.leader is None
    assert not any(writer.unwritten for writer in writers)


def test_the_turn_of_one_is_short() -> None:
    """A leader writes for 32, then the next one leads, so that other tasks run (P11)."""
    turn, writers = group(34)
    writers[0].run(busy=False)
    assert turn.leader is writers[-1]


@pytest.mark.parametrize("phase", [Phase.BUSY, Phase.ENDED])
def test_a_busy_task_does_not_lead(phase: Phase) -> None:
    """A member whose task waits for its peer, or is over, is passed over."""
    turn, writers = group(MAX_PER_TURN + 3)
    writers[-2].phase = phase
    writers[0].run(busy=False)
    assert turn.leader is writers[-1]
    alone = Writer(SharedTurn())
    alone.phase = phase
    assert not alone.turn.join(alone)
    assert alone.turn.leader is None


def test_a_leader_that_ends_leads_first() -> None:
    """The task of the leader may end before its turn: it writes for the others all the same."""
    turn, writers = group(3)
    writers[0].end()
    assert turn.leader is None
    assert not any(writer.unwritten for writer in writers)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["send", "send", "run", "run busy", "finish", "end"]),
            st.integers(0, 2 * MAX_PER_TURN + 5),
        ),
        max_size=300,
    ),
    st.booleans(),
)
def test_no_member_is_forgotten(steps: list[tuple[str, int]], all_send: bool) -> None:
    """Whatever happens in whatever order, what waits is written once the woken tasks have run."""
    turn, writers = group(2 * MAX_PER_TURN + 6)
    if not all_send:
        writers[0].run(busy=False)
    for what, index in steps:
        if what == "run busy":
            writers[index].run(busy=True)
        elif what == "run":
            writers[index].run(busy=False)
        else:
            getattr(writers[index], what)()
    for _ in writers:
        for writer in writers:
            writer.run(busy=False)
    left = [writer for writer in writers if writer.unwritten]
    assert all(writer.phase is Phase.BUSY for writer in left)
    assert turn.leader is None


async def test_each_run_has_its_own() -> None:
    """All connections of a run share a turn."""
    assert current_shared_turn() is current_shared_turn()
    with current_shared_turn.replaced_by(SharedTurn()):
        await trio.lowlevel.checkpoint()
