"""`trio_ws._supervision.states`: the table of steps, and the sentences about them."""

from __future__ import annotations

import pytest

from trio_ws._supervision.states import ENDED, TABLE, SupervisorState, Transition, check_step

S = SupervisorState


def test_the_table_is_whole() -> None:
    """Every state has its row, can be reached from the beginning, and can reach an end."""
    assert set(TABLE) == set(S)
    reached = {S.IDLE}
    while new := {after for state in reached for after in TABLE[state]} - reached:
        reached |= new
    assert reached == set(S)
    assert all(TABLE[state] & ENDED for state in set(S) - ENDED)


@pytest.mark.parametrize("state", sorted(ENDED, key=str))
def test_an_end_is_an_end(state: SupervisorState) -> None:
    """Nothing follows the end."""
    assert TABLE[state] == set()


def test_steps() -> None:
    """A step that is in the table passes; another is a fault of ours."""
    check_step(S.IDLE, S.CONNECTING)
    with pytest.raises(AssertionError):
        check_step(S.IDLE, S.OPEN)


def told(
    state: SupervisorState,
    previous: SupervisorState,
    *,
    endpoint: str | None = "wss://example.com/",
    cause: BaseException | None = None,
    delay: float | None = None,
    flapping: bool = False,
    away: float | None = None,
    detail: str = "",
) -> str:
    return str(
        Transition(
            number=1,
            state=state,
            previous=previous,
            at=0,
            attempt=3,
            endpoint=endpoint,
            cause=cause,
            delay=delay,
            flapping=flapping,
            away=away,
            detail=detail,
        )
    )


def test_sentences() -> None:
    """Each transition is one sentence that tells what, where, when and why."""
    assert told(S.CONNECTING, S.IDLE) == "connecting to wss://example.com/, attempt 3"
    assert told(S.CONNECTING, S.IDLE, endpoint=None) == "connecting to the endpoint, attempt 3"
    assert told(S.OPEN, S.CONNECTING) == "open: wss://example.com/"
    assert (
        told(S.OPEN, S.CONNECTING, away=8.52)
        == "open: wss://example.com/, after 8.5 s without a connection"
    )
    assert told(S.STABLE, S.OPEN, detail="up for 10 s") == "stable: wss://example.com/; up for 10 s"
    assert told(S.CLOSED, S.STABLE, detail="the session returned") == "closed; the session returned"
    assert (
        told(S.WAITING, S.CONNECTING, cause=OSError("refused"), delay=2.52)
        == "waiting, attempt 4 in 2.5 s; wss://example.com/ gave no connection; "
        "because of OSError: refused"
    )
    assert (
        told(S.WAITING, S.OPEN, delay=45, flapping=True)
        == "waiting, attempt 4 in 45.0 s (connections are lost again and again); "
        "wss://example.com/ was lost"
    )
    assert (
        told(S.SUSPENDED, S.WAITING, delay=7)
        == "suspended, attempt 4 in 7.0 s; wss://example.com/ has been away for long"
    )


def test_a_log_line_is_a_line() -> None:
    """What a peer had to say cannot break the line."""
    assert "\n" not in told(S.FAILED, S.OPEN, cause=ValueError("one\ntwo"))
