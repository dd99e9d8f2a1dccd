"""`trio_ws._liveness.outgoing`: how far our bytes have got."""

from __future__ import annotations

import pytest

from trio_ws._liveness.outgoing import Outgoing


def told(*looks: tuple[float, int, int]) -> Outgoing:
    """Make one that was told at some times how much was sent, and how much is unacknowledged."""
    outgoing = Outgoing(0, told=True)
    for now, sent, unacknowledged in looks:
        outgoing.look(now, sent, unacknowledged)
    return outgoing


def test_the_first_look_shows_no_progress() -> None:
    """What was acknowledged before the first look is not known to have been so lately."""
    assert told((5, 1000, 400)).progress_at == 0
    assert told((5, 1000, 400), (6, 1000, 400)).progress_at == 0
    assert told((5, 1000, 400), (6, 1000, 399)).progress_at == 6
    assert told((5, 1000, 400), (6, 1200, 600), (7, 1300, 699)).progress_at == 7


def test_taking_is_no_progress_where_it_is_told() -> None:
    """Bytes that our kernel takes count only where it does not tell what becomes of them."""
    for knows, progress_at in [(True, 0), (False, 8)]:
        outgoing = Outgoing(0, told=knows)
        outgoing.begin(7)
        outgoing.take(8)
        assert outgoing.progress_at == progress_at
        assert outgoing.taken_at == 8


def test_packets_behind_a_lost_one() -> None:
    """Packets that arrive behind a lost one are progress; none of them if it was not asked for."""
    outgoing = told()
    for now, delivered, progress_at in [
        (1, 0, 0),
        (2, 70, 0),
        (3, 70, 0),
        (4, 71, 4),
        (5, 0, 4),
        (6, 90, 4),
        (7, 2, 7),
    ]:
        outgoing.look(now, 1000, 1000, delivered)
        assert outgoing.progress_at == progress_at, "the counter may begin again at 0"


def test_what_waits() -> None:
    """Bytes wait while they are in hand or unacknowledged, since the first of them."""
    outgoing = told()
    assert outgoing.waiting_since is None
    assert [outgoing.wait(3), outgoing.wait(4)] == [True, False]
    outgoing.begin(5)
    outgoing.look(6, 1000, 0)
    assert outgoing.waits
    assert outgoing.waiting_since == 3
    outgoing.finish()
    assert outgoing.waiting_since == 3, "the kernel has them; whether the peer has is not known"
    outgoing.look(7, 1000, 1)
    assert [outgoing.waits, outgoing.waiting_since] == [True, 3]
    outgoing.look(8, 1000, 0)
    assert [outgoing.waits, outgoing.waiting_since] == [False, None]
    outgoing.look(9, 1100, 100)
    assert outgoing.waiting_since == 9


def test_what_waits_where_it_is_not_told() -> None:
    """Where the kernel does not tell, what it has taken does not wait."""
    outgoing = Outgoing(0, told=False)
    outgoing.begin(3)
    assert [outgoing.waits, outgoing.waiting_since] == [True, 3]
    outgoing.finish()
    assert [outgoing.waits, outgoing.waiting_since] == [False, None]


@pytest.mark.parametrize(("in_hand", "since"), [(True, 50), (False, None)])
def test_restart(in_hand: bool, since: float | None) -> None:
    """A restart forgets since when bytes wait."""
    outgoing = told()
    outgoing.begin(3)
    if not in_hand:
        outgoing.finish()
    outgoing.restart(50)
    assert outgoing.waiting_since == since


def test_a_kernel_that_does_not_tell() -> None:
    """A kernel that was expected to tell, and does not, is believed."""
    outgoing = told((1, 1000, 500))
    outgoing.take(2)
    outgoing.look(3, 1000, None)
    assert not outgoing.told
    assert outgoing.unacknowledged == 0
    assert outgoing.progress_at == 2


def test_description() -> None:
    """The description says since when nothing moves, where that matters."""
    outgoing = told((5, 1000, 400), (6, 1000, 300))
    assert outgoing.describe(10) == "nothing of ours acknowledged for 4.0 s"
    assert Outgoing(0, told=False).describe(10) == "nothing of ours taken for 10.0 s"
