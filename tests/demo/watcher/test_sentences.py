"""Two sentences: what was cancelled and why, what left and what comes back."""

from __future__ import annotations

from typing import Any

import pytest

from trio_ws._demo.watcher.incident import Incident
from trio_ws._demo.watcher.sentences import BEGINNINGS, CALM, first_sentence, second_sentence
from trio_ws._demo.world.buttons import BUTTONS

CLIENT = {"name": "client", "line": "client.py:7 “async for price in ws:”"}
ORDERS = {"name": "orders", "line": "client.py:9 “await trio.sleep(5)”"}
REACHED = {"maker": "", "nursery": True, "name": "client", "reached": [ORDERS, CLIENT]}
BODY = REACHED | {"maker": "ConnectionBlock", "nursery": False}
HANDLER = {"maker": "ConnectionBlock", "nursery": False, "name": "server-1", "reached": []}
NURSERY = {"maker": "", "nursery": True, "name": "server-1", "reached": []}
LEFT = {"error": "ConnectionClosed: 1012", "where": "client.py:7 “async for”"}


def incident(button: str, **facts: Any) -> Incident:
    """Return what is known of an incident."""
    told = Incident(1, button, None, 0.0)
    for name, value in facts.items():
        setattr(told, name, value)
    return told


def lost(cause: str | None, *, delay: float | None = 1.25) -> dict[str, Any]:
    """Return the step of a supervisor that lost its connection, and those since, as facts."""
    step = {"cause": cause, "delay": delay, "attempt": 1, "lost": True}
    return {"lost": step, "attempts": [step], "unwound": [("orders", 0.1), ("book", 0.4)]}


@pytest.mark.parametrize("button", list(BEGINNINGS))
def test_before_anything_is_cancelled(button: str) -> None:
    """There is a sentence about what is to be expected, and no second one."""
    assert first_sentence(incident(button)) == BEGINNINGS[button]
    assert second_sentence(incident(button)) == ""


def test_buttons_without_a_beginning() -> None:
    """Their first event comes at once."""
    assert {*BUTTONS} - {*BEGINNINGS} == {"restart", "close", "raise", "ctrl_c"}
    assert first_sentence(incident("close")) == ""


@pytest.mark.parametrize(
    ("cause", "why"),
    [
        ("HeartbeatTimeout: silent", "The client heard nothing for 6 s"),
        ("ConnectionLost: broken", "The client's reader found the connection broken"),
    ],
)
def test_a_loss(cause: str, why: str) -> None:
    """The body was cancelled, at the line where the session waited."""
    told = incident("cut", cancelled=[{"reached": []}, REACHED], **lost(cause))
    assert first_sentence(told) == (
        f"{why}, so the body of its block was cancelled at client.py:7 “async for price in ws:”."
    )
    name = cause.partition(":")[0]
    assert second_sentence(told) == (
        f"2 tasks ended, in the order below; one exception left the block, {name}, "
        "and the supervisor tries again in 1.2 s."
    )


def test_a_loss_whose_line_is_not_known() -> None:
    """It is left out."""
    told = incident("cut", **lost("ConnectionLost: broken"))
    assert first_sentence(told).endswith("the body of its block was cancelled.")


@pytest.mark.parametrize(
    ("button", "why"),
    [
        ("black_hole", "The server heard nothing for 6 s"),
        ("cut", "The server found the connection broken"),
    ],
)
def test_the_server_knows_first(button: str, why: str) -> None:
    """Its own side has ended; the client's has not."""
    told = incident(button, cancelled=[HANDLER])
    assert first_sentence(told) == (
        f"{why}, so the body of its handler was cancelled; the client does not know yet."
    )


def test_the_client_knows() -> None:
    """Its body is cancelled; it still unwinds, so the supervisor has said nothing."""
    told = incident("cut", cancelled=[HANDLER, BODY])
    assert first_sentence(told) == (
        "The client has given the connection up: the body of its block is cancelled."
    )


def test_a_close() -> None:
    """The iteration raised where it was, and nothing was cancelled from outside."""
    told = incident("close", left=LEFT, **lost("ConnectionClosed: 1012", delay=None))
    assert first_sentence(told) == (
        "The server closed the connection, so the client's iteration raised "
        "at client.py:7 “async for”."
    )
    assert second_sentence(told).endswith("and the supervisor is trying again.")
    told.back = {"away": 2.0}
    assert second_sentence(told).endswith("and the supervisor connected again after 2.0 s.")
    told.left = {"error": "ConnectionClosed: 1012", "where": ""}
    assert first_sentence(told).endswith("so the client's iteration raised.")


def test_a_close_while_the_session_unwinds() -> None:
    """A nursery is cancelled, by the code around the iteration; no connection is given up."""
    told = incident("close", cancelled=[NURSERY])
    assert first_sentence(told) == (
        "The server has closed the connection, so its handler's iteration is over, "
        "and the nursery around it cancels the tasks beside it."
    )
    told.cancelled.append(REACHED)
    assert first_sentence(told).startswith("The server's Close has arrived, so the client's")
    assert first_sentence(incident("", cancelled=[NURSERY, REACHED])) == ""


def test_a_close_before_the_supervisor_has_said_so() -> None:
    """The session has raised; that is all there is to say."""
    told = incident("close", left=LEFT)
    assert first_sentence(told).startswith("The server closed the connection")
    assert second_sentence(told) == ""


def test_a_close_with_1000() -> None:
    """The iteration ended quietly, and the program with it."""
    told = incident("close", **lost(None))
    assert "the client's iteration ended, and the session returned" in first_sentence(told)
    assert second_sentence(told).endswith("the supervisor is done.")
    told.program = {"ended": "it returned"}
    assert second_sentence(told).endswith(
        "the program ended (it returned), and the supervisor with it."
    )


def test_a_handler_that_raises() -> None:
    """Its nursery cancelled the others; what it meant for the client comes second."""
    assert first_sentence(incident("raise")) == ""
    told = incident("raise", cancelled=[NURSERY, REACHED])
    assert first_sentence(told) == (
        "The task “buttons” of the handler raised RuntimeError, "
        "so its nursery cancelled the others."
    )
    told.handler = "RuntimeError: a bug"
    assert first_sentence(told).endswith(
        ", and the server closed this connection with 1011 and went on."
    )
    told = incident(
        "raise", handler="RuntimeError: a bug", left=LEFT, **lost("ConnectionClosed: 1011")
    )
    assert second_sentence(told).startswith("The client's iteration raised at client.py:7 “async")


def test_a_restart() -> None:
    """The server's scope was cancelled, and all in it."""
    assert first_sentence(incident("restart")) == ""
    told = incident("restart", cancelled=[{"reached": []}])
    assert first_sentence(told).endswith("so its handler was cancelled where it waited.")
    told.server = {"up": False}
    assert first_sentence(told).endswith("and its connection said goodbye with 1001.")


def test_ctrl_c() -> None:
    """The nursery of the program cancelled the supervisor."""
    assert first_sentence(incident("ctrl_c")) == ""
    told = incident("ctrl_c", cancelled=[REACHED])
    assert first_sentence(told).startswith("KeyboardInterrupt was raised in the task “keyboard”")
    assert first_sentence(told).endswith("each task where it waited.")
    told.program = {"ended": "KeyboardInterrupt"}
    assert first_sentence(told).endswith("with 1001, so the server's handler ended, too.")


def test_pressure() -> None:
    """How much has waited, and who for whom; nothing is cancelled."""
    told = incident("flood", stopped=1.0, waiting=66560)
    assert first_sentence(told) == (
        "The server sends faster than the client takes, so its receive queue was full "
        "(66,560 bytes), and its reader stopped reading."
    )
    told.sending = 2
    assert first_sentence(told).endswith("; in the server 2 tasks waited in “send”.")
    assert second_sentence(told) == CALM
