"""The heads of a handshake are kept as they pass, and the request may be changed."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_ws._cli import tap as tap_module
from trio_ws._cli.rules import request_notes
from trio_ws._cli.tap import BREAKS, Tap

REQUEST = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


async def test_the_heads_are_kept_and_the_rest_passes(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """However small the pieces are, and whatever follows; the times are noted."""
    ours, theirs = trio.testing.memory_stream_pair()
    tap = Tap(ours)
    assert tap.heads == (None, None)
    await trio.sleep(1)
    await tap.send_all(bytearray(REQUEST))
    await tap.wait_send_all_might_not_block()
    await tap.send_all(b"frames")
    assert await theirs.receive_some() == REQUEST + b"frames"
    await trio.sleep(2)
    for piece in (b"HTTP/1.1 101 x\r\nA: b\r\n\r", b"\n\x81\x00", b"\x81\x01a"):
        await theirs.send_all(piece)
        assert await tap.receive_some() == piece
        await trio.sleep(4)
    request, answer = tap.heads
    assert request is not None and answer is not None
    assert (request.start, answer.start) == ("GET / HTTP/1.1", "HTTP/1.1 101 x")
    assert tap.answer == b"HTTP/1.1 101 x\r\nA: b\r\n\r\n"
    assert (tap.sent_at, tap.answered_at) == (1, 7)
    await tap.aclose()
    assert await theirs.receive_some() == b""


async def test_an_answer_without_an_end_is_kept_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """It still passes."""
    monkeypatch.setattr(tap_module, "MAX_HEAD", 10)
    ours, theirs = trio.testing.memory_stream_pair()
    tap = Tap(ours)
    for _ in range(3):
        await theirs.send_all(b"x" * 8)
        assert await tap.receive_some() == b"x" * 8
    assert tap.answer == b"x" * 16


@pytest.mark.parametrize("breach", BREAKS)
async def test_each_breach_breaks_one_rule(breach: str) -> None:
    """What is shown is what was sent."""
    ours, theirs = trio.testing.memory_stream_pair()
    tap = Tap(ours, BREAKS[breach][1])
    await tap.send_all(REQUEST)
    assert await theirs.receive_some() == tap.request != REQUEST
    request, _ = tap.heads
    assert request is not None
    assert len([note for note in request_notes(request) if note.broken]) == 1
