"""`trio_ws.testing.record`: what was said on a connection, line by line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import WebSocket, open_websocket
from trio_ws.testing import Fault, MemoryNetwork, Text, Transcript, open_websocket_pair, record
from trio_ws.testing._log import MUCH
from trio_ws.testing._transcript import RENEW

from ..halls import echo

Clock = trio.testing.MockClock

NEVER_THE_SAME = ("Sec-WebSocket-Key", "Sec-WebSocket-Accept")


def without_keys(transcript: Transcript) -> list[str]:
    """Return the lines without the headers that are drawn by chance."""
    return [line for line in transcript.lines if not any(key in line for key in NEVER_THE_SAME)]


async def conversation() -> Transcript:
    """Return what a client and a server said."""
    async with MemoryNetwork(seed=1) as network:
        await network.serve("ws://api.example/feed", echo)
        network.link("api.example", latency=0.03)
        async with open_websocket("ws://api.example/feed") as ws:
            transcript = record(ws)
            await ws.send("hello")
            await ws.receive()
            await ws.ping(b"?")
            assert transcript.lines[-1] == "    0.180 <- Pong 3f"
            await ws.send([b"ab", b"cd"])
            assert await ws.receive() == b"abcd"
    return transcript


LINES = """\
    0.000 -> GET /feed HTTP/1.1
    0.000 ->   Host: api.example
    0.000 ->   Upgrade: websocket
    0.000 ->   Connection: Upgrade
    0.000 ->   Sec-WebSocket-Version: 13
    0.000 ->   User-Agent: trio_ws
    0.060 <- HTTP/1.1 101 Switching Protocols
    0.060 <-   Upgrade: websocket
    0.060 <-   Connection: Upgrade
    0.060 -> Text 'hello'
    0.120 <- Text 'hello'
    0.120 -> Ping 3f
    0.180 <- Pong 3f
    0.180 -> Binary (more follows) 6162
    0.180 -> Continuation (more follows) 6364
    0.180 -> Continuation
    0.240 <- Binary 61626364
    0.240 -> Close 1000
    0.300 <- Close 1000
    0.300 <- the end of the stream
    0.300 -> the end of the stream
"""


async def test_what_was_said(autojump_clock: Clock) -> None:
    """Heads and frames of both directions, with their times, in order, to the end."""
    transcript = await conversation()
    assert without_keys(transcript) == LINES.splitlines()
    assert str(transcript) == "".join(f"{line}\n" for line in transcript.lines)


async def test_the_other_end(autojump_clock: Clock) -> None:
    """A server's transcript has the arrows the other way, and what is never the same is not in."""
    seen: list[Transcript] = []

    async def handler(ws: WebSocket) -> None:
        seen.append(record(ws))
        await ws.send("hi")

    async with MemoryNetwork(seed=1) as network:
        await network.serve("ws://api.example/", handler)
        async with network.open_peer("ws://api.example/") as peer:
            network.inject("api.example", Fault.drip(0.001))
            await peer.request(headers=[("Date", "Sat, 28 Nov 2026 06:30:00 GMT")])
            await peer.expect(Text("hi"))
            await peer.expect_close()
            await peer.send_close()
            await peer.expect_end()
    lines = seen[0].lines
    said = [line[10:] for line in lines]
    assert said[0] == "<- GET / HTTP/1.1"
    assert said.index("-> Text 'hi'") < said.index("<- Close 1000")
    assert not [line for line in lines if "Date:" in line]


async def test_golden_files(
    autojump_clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are compared, and written anew if one wants it."""
    monkeypatch.delenv(RENEW, raising=False)
    transcript = await conversation()
    file = tmp_path / "feed.txt"
    with pytest.raises(AssertionError, match=r"there is no golden file .*feed.txt; run again with"):
        transcript.check(file)
    monkeypatch.setenv(RENEW, "1")
    transcript.check(file)
    monkeypatch.delenv(RENEW)
    transcript.check(str(file))
    file.write_text(file.read_text().replace("-> Text 'hello'", "-> Text 'hallo'"))
    with pytest.raises(AssertionError) as caught:
        transcript.check(file)
    said = str(caught.value).splitlines()
    assert said[0] == (
        "something else was said; run again with TRIO_WS_RENEW=1 (pytest: --trio-ws-renew) "
        "to keep what was said now"
    )
    assert "-    0.060 -> Text 'hallo'" in said
    assert "+    0.060 -> Text 'hello'" in said


async def test_a_connection_of_another_kind(autojump_clock: Clock) -> None:
    """Only what goes over a simulated network is seen, and while it is open."""
    async with open_websocket_pair() as (client, _):
        with pytest.raises(ValueError, match="a connection of the MemoryNetwork, and an open one"):
            record(client)
    async with MemoryNetwork(seed=1) as network:
        await network.serve("ws://api.example/", echo)
        async with open_websocket("ws://api.example/"), open_websocket("ws://api.example/") as ws:
            assert record(ws).lines
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(ValueError, match="a connection of the MemoryNetwork, and an open one"):
            record(ws)


async def test_no_connection(autojump_clock: Clock) -> None:
    """What is no connection has no transcript."""
    nothing: Any = "ws://api.example/"
    async with MemoryNetwork(seed=1):
        with pytest.raises(TypeError, match="ws must be a WebSocket, not a value of type str"):
            record(nothing)


async def test_too_much(autojump_clock: Clock) -> None:
    """What is more than is kept is no transcript."""

    async def take(ws: WebSocket) -> None:
        async for _ in ws:
            pass

    async with MemoryNetwork(seed=1) as network:
        await network.serve("ws://api.example/", take)
        async with open_websocket("ws://api.example/") as ws:
            transcript = record(ws)
            for _ in range(MUCH // 1_000_000 + 1):
                await ws.send(bytes(1_000_000))
            await ws.flush()
            with pytest.raises(ValueError, match="more was said than is kept"):
                str(transcript)


async def test_real_tls_is_no_transcript(autojump_clock: Clock) -> None:
    """What goes over the wire is secret then."""
    async with MemoryNetwork(seed=1) as network:
        server, client = network.tls_contexts("api.example")
        await network.serve("wss://api.example/", echo, ssl_context=server)
        async with open_websocket("wss://api.example/", ssl_context=client) as ws:
            with pytest.raises(ValueError, match="a transcript needs a connection without real"):
                record(ws)
