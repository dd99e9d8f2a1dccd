"""`trio_ws._protocol.events`: what frames say, as values."""

from __future__ import annotations

from trio_ws._protocol.events import Message, Ping, Pong


def test_defaults() -> None:
    """A message is whole unless it says otherwise, and control frames are empty."""
    assert Message("a") == Message("a", finished=True)
    assert Message("a", finished=False) != Message("a")
    assert Ping() == Ping(b"")
    assert Pong() == Pong(b"")
