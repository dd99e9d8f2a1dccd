"""`trio_ws._protocol.frame_log`: one line of log per frame, short and safe."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._ending import Close
from trio_ws._protocol.events import Event, Message, Ping, Pong
from trio_ws._protocol.frame_log import line


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (Message("hello"), "TEXT 'hello' (5 characters)"),
        (Message("part", finished=False), "TEXT 'part' (4 characters), more follows"),
        (Message("a\r\n\x1b[0m"), r"TEXT 'a\r\n\x1b[0m' (7 characters)"),
        (Message("ä" * 61), f"TEXT '{'ä' * 60}…' (61 characters)"),
        (Message(b"\x00'\xff"), r"""BINARY b"\x00'\xff" (3 bytes)"""),
        (Message(b"a" * 60), f"BINARY b'{'a' * 60}' (60 bytes)"),
        (Message(b"a" * 61), f"BINARY b'{'a' * 60}'… (61 bytes)"),
        (Ping(b"\n"), r"PING b'\n' (1 bytes)"),
        (Pong(b""), "PONG b'' (0 bytes)"),
        (Close(1000), "CLOSE 1000 (normal closure)"),
        (Close(4000, "bye\n"), r"CLOSE 4000 'bye\n'"),
        (Close(1005), "CLOSE 1005 (no status received)"),
    ],
)
@pytest.mark.parametrize("direction", "<>")
def test_line(direction: str, event: Event, told: str) -> None:
    """A line tells direction, kind, the beginning of the payload, escaped, and its length."""
    assert line(direction, event) == f"{direction} {told}"


@given(
    st.builds(Message, st.text(st.characters()))
    | st.builds(Message, st.binary(max_size=1000))
    | st.builds(Ping, st.binary(max_size=125))
    | st.builds(Close, st.integers(1000, 4999), st.text(max_size=123))
)
def test_any_frame(event: Event) -> None:
    """Whatever a peer sends, it is one printable line of bounded length."""
    told = line("<", event)
    assert told.isprintable()
    assert len(told) < 123 * len("\\U0010ffff") + 50
