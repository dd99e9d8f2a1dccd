"""`trio_ws._ending`: close codes, the ending and its story."""

from __future__ import annotations

import pytest

from trio_ws._ending import Close, CloseCode, Ending, Loss, may_be_sent

NOT_TO_BE_SENT = [-1, 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535, 65536, 70000]

TO_BE_SENT = [*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4999]


# Close codes


@pytest.mark.parametrize("code", TO_BE_SENT)
def test_codes_that_may_be_sent(code: int) -> None:
    """The registered codes and 3000 to 4999 may stand in a Close frame (RFC 6455 §7.4)."""
    assert may_be_sent(code)


@pytest.mark.parametrize("code", NOT_TO_BE_SENT)
def test_codes_that_may_not_be_sent(code: int) -> None:
    """Codes that stand for the absence of a frame, and all unknown ones, may not be sent."""
    assert not may_be_sent(code)


@pytest.mark.parametrize(
    ("close", "text"),
    [
        (Close(1000), "1000 (normal closure)"),
        (Close(CloseCode.GOING_AWAY, "bye"), "1001 (going away) 'bye'"),
        (Close(1005), "1005 (no status received)"),
        (Close(4000, "it's me"), '4000 "it\'s me"'),
        (Close(4000, "a\r\n\x1b[31m\N{RIGHT-TO-LEFT OVERRIDE}"), r"4000 'a\r\n\x1b[31m\u202e'"),
    ],
)
def test_close_as_text(close: Close, text: str) -> None:
    """A Close reads as its code, the code's name if it has one, and the reason, escaped."""
    assert str(close) == text


# The ending

US, THEM = Close(1001, "bye"), Close(4321, "so long")


@pytest.mark.parametrize(
    ("ending", "story"),
    [
        (
            Ending(sent=US, received=THEM),
            "sent 1001 (going away) 'bye'; then received 4321 'so long'",
        ),
        (
            Ending(sent=US, received=THEM, received_first=True, detail="why\n"),
            "received 4321 'so long'; then sent 1001 (going away) 'bye' (why\\n)",
        ),
        (
            Ending(sent=US, received=THEM, received_first=True),
            "received 4321 'so long'; then sent 1001 (going away) 'bye'",
        ),
        (
            Ending(loss=Loss.EOF),
            f"{Loss.EOF.value}; no close frame was exchanged",
        ),
        (
            Ending(sent=US, loss=Loss.UNANSWERED),
            "the peer did not answer our close; sent 1001 (going away) 'bye'",
        ),
        (
            Ending(loss=Loss.BROKEN, detail="connection reset", cause=OSError()),
            "the transport broke (connection reset); no close frame was exchanged",
        ),
    ],
)
def test_story(ending: Ending, story: str) -> None:
    """An ending tells how it came, who closed with what, and in which order."""
    assert str(ending) == story


@pytest.mark.parametrize("code", [*CloseCode, 3000, 4999])
def test_clean_endings(code: int) -> None:
    """A completed handshake is clean; only 1000, 1001 and 1005 are nobody's fault."""
    ending = Ending(sent=Close(1000), received=Close(code, "why"))
    assert ending.clean
    assert ending.normal == (code in (1000, 1001, 1005))
    assert (ending.code, ending.reason) == (code, "why")


@pytest.mark.parametrize("loss", Loss)
def test_lost_endings(loss: Loss) -> None:
    """A loss is neither clean nor normal, and its code is 1006 (RFC 6455 §7.1.5)."""
    ending = Ending(sent=Close(1000, "ours"), loss=loss)
    assert not ending.clean
    assert not ending.normal
    assert (ending.code, ending.reason) == (1006, "")
    assert not Ending(received=Close(1000), loss=loss).normal


def test_cause_is_no_part_of_equality() -> None:
    """Two endings that tell the same are equal, whatever the exceptions behind them."""
    assert Ending(loss=Loss.BROKEN, cause=OSError()) == Ending(loss=Loss.BROKEN, cause=OSError())


# Headers

LINES = [("Accept", "a"), ("Host", "h"), ("ACCEPT", "b"), ("accept", "c")]
