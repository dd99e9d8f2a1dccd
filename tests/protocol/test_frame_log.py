"""`trio_ws._protocol.frame_log`: one line of log per frame, short and safe."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.events import BytesMessage, CloseConnection, Event, Ping, Pong, TextMessage

from trio_ws._protocol.frame_log import line


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (TextMessage("hello"), "TEXT 'hello' (5 characters)"),
        (TextMessage("part", message_finished=False), "TEXT 'part' (4 characters), more follows"),
        (TextMessage("a\r\n\x1b[0m"), r"TEXT 'a\r\n\x1b[0m' (7 characters)"),
        (TextMessage("ä" * 61), f"TEXT '{'ä' * 60}…' (61 characters)"),
        (BytesMessage(b"\x00'\xff"), r"""BINARY b"\x00'\xff" (3 bytes)"""),
        (BytesMessage(bytearray(b"a")), "BINARY b'a' (1 bytes)"),
        (BytesMessage(b"a" * 60), f"BINARY b'{'a' * 60}' (60 bytes)"),
        (BytesMessage(b"a" * 61), f"BINARY b'{'a' * 60}'… (61 bytes)"),
        (Ping(b"\n"), r"PING b'\n' (1 bytes)"),
        (Pong(b""), "PONG b'' (0 bytes)"),
        (CloseConnection(1000), "CLOSE 1000 (normal closure)"),
        (CloseConnection(4000, "bye\n"), r"CLOSE 4000 'bye\n'"),
        (CloseConnection(None), "CLOSE 1005 (no status received)"),  # type: ignore[arg-type]
    ],
)
@pytest.mark.parametrize("direction", "<>")
def test_line(direction: str, event: Event, told: str) -> None:
    """A line tells direction, kind, the beginning of the payload, escaped, and its length."""
    assert line(direction, event) == f"{direction} {told}"


@given(
    st.builds(TextMessage, st.text(st.characters()))
    | st.builds(BytesMessage, st.binary(max_size=1000))
    | st.builds(Ping, st.binary(max_size=125))
    | st.builds(CloseConnection, st.integers(1000, 4999), st.text(max_size=123))
)
def test_any_frame(event: Event) -> None:
    """Whatever a peer sends, it is one printable line of bounded length."""
    told = line("<", event)
    assert told.isprintable()
    assert len(told) < 123 * len("\\U0010ffff") + 50
