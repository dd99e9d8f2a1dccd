"""`trio_ws._sansio.session`: a long message is read straight to where it will be used."""

from __future__ import annotations

import random

import pytest

from trio_ws._sansio.session import Session
from trio_ws._values import Close, Ending, Loss
from trio_ws.testing._peer import BINARY, TEXT

from .sides import Side, close_frame, every_side, read, refused

LONG = random.Random(6455).randbytes(300_000)


def begun(side: Side, come: int) -> tuple[Session, bytes]:
    """A session to which so many bytes of a long message have come, and the rest of the frame."""
    session, frame = side.session(), side.frame(BINARY, LONG)
    come += len(frame) - len(LONG)
    assert session.feed(frame[:come]) == []
    return session, frame[come:]


@every_side
def test_landing(side: Side) -> None:
    """What is missing of a long message can be read to its place, but not the last gulp of it."""
    session, rest = begun(side, 100_000)
    assert (session.landing is not None) == side.lane
    if session.landing is not None:
        landing = session.landing
        assert len(landing) == 200_000
        landing[:130_000] = rest[:130_000]
        assert session.landed(130_000) == []
        assert session.assembling == 230_000
        assert len(session.landing) == 70_000
        session.landing[:4_464] = rest[130_000:134_464]
        assert session.landed(4_464) == []
        assert session.landing is not None
        session.landing[:1] = rest[134_464:134_465]
        assert session.landed(1) == []
        assert session.landing is None
        rest = rest[134_465:]
    assert session.feed(rest + side.frame(TEXT, "next")) == [LONG, "next"]
    assert session.landing is None
    assert session.assembling == 0


@every_side
def test_landed(side: Side) -> None:
    """A message that landed in full has happened, and the next one is judged as ever."""
    session, rest = begun(side, 0)
    assert read(session, rest) == [LONG]
    assert not session.gathering
    assert session.feed(side.frame(TEXT, "next")) == ["next"]
    assert read(session, b"\xff" * 20) == []
    assert refused(side, session, 1002)


@every_side
@pytest.mark.parametrize("end", ["lose", "farewell"])
def test_landed_after_the_end(side: Side, end: str) -> None:
    """When the connection is lost while a message lands, that message never happens."""
    session, rest = begun(side, 100_000)
    landing = session.landing or memoryview(bytearray(len(rest)))
    landing[:] = rest
    session.lose(Loss.HEARTBEAT, farewell=Close(1001) if end == "farewell" else None)
    assert session.landed(len(landing)) == []
    assert session.feed(rest) == []
    assert len(side.said(session)) == (end == "farewell")


@every_side
@pytest.mark.parametrize("hurry", [False, True])
def test_closing_while_a_message_lands(side: Side, hurry: bool) -> None:
    """Our Close does not disturb a message that is landing; it is whole when the peer answers."""
    session, rest = begun(side, 100_000)
    session.close(1000, hurry=hurry)
    assert read(session, rest[:50_000]) == []
    assert side.said(session) == [close_frame(1000)]
    assert read(session, rest[50_000:] + side.close(1000)) == [LONG]
    assert session.ending == Ending(sent=Close(1000), received=Close(1000))


@every_side
@pytest.mark.parametrize("come", [0, 1, 4, 8, 100, 60_000])
def test_short_messages_do_not_land(side: Side, come: int) -> None:
    """Between messages, in the middle of a header, or of a short message, there is no landing."""
    session = side.session()
    session.feed(side.frame(BINARY, bytes(65_535))[:come])
    assert session.landing is None


@every_side
def test_nothing_lands_of_fragments(side: Side) -> None:
    """A message in fragments is judged by wsproto, and so is one over the limit."""
    session = side.session()
    session.feed(side.frame(BINARY, LONG, fin=False)[:1_000])
    assert session.landing is None
    assert not session.gathering
    session = side.session(max_message_size=len(LONG) - 1)
    session.feed(side.frame(BINARY, LONG)[:14])
    assert session.landing is None
    assert refused(side, session, 1009)
