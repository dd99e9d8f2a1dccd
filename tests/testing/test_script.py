"""`trio_ws.testing.ScriptedPeer`: a strict script, and the difference when it is not followed."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from trio_ws import Rejected, WebSocket, open_websocket, open_websocket_on, serve_websocket_on
from trio_ws.testing import (
    Binary,
    Frame,
    MemoryNetwork,
    Ping,
    Pong,
    RawPeer,
    ScriptedPeer,
    ScriptMismatch,
    Text,
)
from trio_ws.testing._script import playing

Clock = trio.testing.MockClock


@asynccontextmanager
async def open_peers() -> AsyncGenerator[tuple[ScriptedPeer, RawPeer]]:
    """Open a scripted server, and a client that does anything."""
    ours, theirs = trio.testing.memory_stream_pair()
    raw = RawPeer(theirs, client=True)
    async with playing(ScriptedPeer(ours, client=False, name="ws://x/", timeout=5)) as peer, raw:
        yield peer, raw


def said(*lines: str) -> str:
    """Return what a mismatch says."""
    return "\n".join(lines)


async def test_a_server_by_script(autojump_clock: Clock) -> None:
    """A script accepts, expects and sends, and closes as it likes."""
    ours, theirs = trio.testing.memory_stream_pair()

    async def script() -> None:
        async with playing(ScriptedPeer(theirs, client=False)) as peer:
            request = await peer.accept(subprotocol="chat", headers=[("X-Who", "me")])
            assert request.target == "/room?a=b"
            assert request.get("sec-websocket-protocol") == "chat"
            await peer.expect(Text("hello"), Binary(b"\0"))
            await peer.send(Ping(b"?"), Text("wel", fin=False), Frame(0, b"come"))
            await peer.expect(Pong(b"?"))
            await peer.send_close(4000, "done")
            await peer.expect_close(4000)
            assert peer.unread == b""

    async with trio.open_nursery() as nursery:
        nursery.start_soon(script)
        async with open_websocket_on(ours, "ws://x/room?a=b", subprotocols=["chat"]) as ws:
            assert ws.subprotocol == "chat"
            assert ws.response.headers["X-Who"] == "me"
            await ws.send("hello")
            await ws.send(b"\0")
            assert await ws.receive() == "welcome"
            await ws.wait_closed()
    assert ws.ending is not None
    assert ws.ending.code == 4000


async def test_a_client_by_script(autojump_clock: Clock) -> None:
    """The other role: a script asks for an upgrade and expects its status."""
    ours, theirs = trio.testing.memory_stream_pair()

    async def handler(ws: WebSocket) -> None:
        assert await ws.receive() == "hello"

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_websocket_on, handler, theirs)
        async with playing(ScriptedPeer(ours, client=True)) as peer:
            answer = await peer.request(
                "/room", subprotocols=["a", "b"], headers=[("X-Who", "me")], host="x"
            )
            assert answer.get("Upgrade") == "websocket"
            assert answer.get("Sec-WebSocket-Protocol") is None
            await peer.send(Text("hello"))
            await peer.expect_close(1000)
            await peer.send_close(None)
            await peer.expect_end()
            assert peer.history == [
                "-> GET /room HTTP/1.1",
                "<- 101 Switching Protocols",
                "-> Text 'hello'",
                "<- Close 1000",
                "-> Close",
                "<- the end of the stream",
            ]


async def test_rejecting(autojump_clock: Clock) -> None:
    """A script may answer an upgrade with any status, a delay and a body."""
    ours, theirs = trio.testing.memory_stream_pair()

    async def script() -> None:
        async with playing(ScriptedPeer(theirs, client=False)) as peer:
            await peer.reject(503, retry_after=5, headers=[("X-Why", "tired")], body="later")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(script)
        with pytest.raises(Rejected) as caught:
            async with open_websocket_on(ours, "ws://x/"):
                pass
    assert caught.value.response.status == 503
    assert caught.value.retry_after == 5
    assert caught.value.response.headers["X-Why"] == "tired"
    assert caught.value.response.body == b"later"


async def test_statuses(autojump_clock: Clock) -> None:
    """A status without a name is sent all the same; what is no final one is refused."""
    async with MemoryNetwork(seed=1) as network:

        @network.peer("ws://api.example/")
        async def script(peer: ScriptedPeer) -> None:
            for status in (101, 5000):
                with pytest.raises(ValueError, match="status must be a final one, of three digits"):
                    await peer.reject(status)
            await peer.reject(599)

        with pytest.raises(Rejected) as caught:
            async with open_websocket("ws://api.example/"):
                pass
    assert caught.value.response.status == 599


async def test_a_request_that_is_rejected_as_expected(autojump_clock: Clock) -> None:
    """A client's script names the status that it wants, 101 unless told."""
    async with open_peers() as (server, raw), trio.open_nursery() as nursery:
        client = ScriptedPeer(raw.stream, client=True)
        nursery.start_soon(server.reject, 404)
        await client.request(status=404)
    async with open_peers() as (server, raw), trio.open_nursery() as nursery:
        client = ScriptedPeer(raw.stream, client=True)
        nursery.start_soon(server.reject, 404)
        with pytest.raises(ScriptMismatch) as caught:
            await client.request()
    assert (caught.value.expected, caught.value.got) == ("the status 101", "the status 404")


async def test_the_difference_is_shown(autojump_clock: Clock) -> None:
    """Both frames, where they differ, and what was said before."""
    async with open_peers() as (peer, raw), trio.open_nursery() as nursery:
        nursery.start_soon(raw.request)
        await peer.accept()
        await raw.send_text('{"subscribe": 2}')
        with pytest.raises(ScriptMismatch) as caught:
            await peer.expect(Text('{"subscribe": 1}'))
    assert str(caught.value) == said(
        "the script of ws://x/ expected",
        "  - Text '{\"subscribe\": 1}'",
        "  + Text '{\"subscribe\": 2}'",
        "                        ^",
        "after",
        "  <- GET / HTTP/1.1",
        "  -> 101 Switching Protocols",
    )


Mistake = Callable[[RawPeer], Awaitable[object]]


async def sends_text(raw: RawPeer) -> None:
    await raw.send_text("other")


async def sends_part(raw: RawPeer) -> None:
    await raw.send_frame(1, b"hi", fin=False)


async def sends_close(raw: RawPeer) -> None:
    await raw.send_close(1001, "bye")


async def closes(raw: RawPeer) -> None:
    await raw.aclose()


async def is_silent(raw: RawPeer) -> None:
    await trio.lowlevel.checkpoint()


@pytest.mark.parametrize(
    ("mistake", "got"),
    [
        (sends_text, "Text 'other'"),
        (sends_part, "Text (more follows) 'hi'"),
        (sends_close, "Close 1001 'bye'"),
        (closes, "the end of the stream"),
        (is_silent, "nothing for 5 s"),
    ],
)
async def test_another_thing_than_expected(
    mistake: Mistake, got: str, autojump_clock: Clock
) -> None:
    """Whatever comes instead is named; a script does not wait for ever."""
    async with open_peers() as (peer, raw):
        await mistake(raw)
        with pytest.raises(ScriptMismatch) as caught:
            await peer.expect(Text("hi"))
    assert (caught.value.expected, caught.value.got) == ("Text 'hi'", got)


async def test_a_close_is_compared_as_far_as_it_is_given(autojump_clock: Clock) -> None:
    """With a reason the reason counts, without a code the frame is empty."""
    async with open_peers() as (peer, raw):
        for _ in range(3):
            await raw.send_close(1000, "bye")
        await raw.send_close(None)
        await peer.expect_close(1000)
        await peer.expect_close(1000, "bye")
        with pytest.raises(ScriptMismatch) as caught:
            await peer.expect_close(1000, "by")
        await peer.expect_close(None)
    assert (caught.value.expected, caught.value.got) == ("Close 1000 'by'", "Close 1000 'bye'")


async def test_no_upgrade(autojump_clock: Clock) -> None:
    """A request that asks for something else does not fit."""
    async with open_peers() as (peer, raw):
        await raw.send_bytes(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
        with pytest.raises(ScriptMismatch) as caught:
            await peer.accept()
    assert (caught.value.expected, caught.value.got) == ("an upgrade", "GET /health HTTP/1.1")


async def test_no_end(autojump_clock: Clock) -> None:
    """A frame where the end was expected is shown."""
    async with open_peers() as (peer, raw):
        await raw.send_text("x")
        with pytest.raises(ScriptMismatch) as caught:
            await peer.expect_end()
    assert caught.value.got == "Text 'x'"


async def test_silence(autojump_clock: Clock) -> None:
    """Nothing may come for so long; a frame and the end are something."""
    async with open_peers() as (peer, raw):
        start = trio.current_time()
        await peer.expect_silence(30)
        assert trio.current_time() == start + 30
        await raw.send_text("x")
        with pytest.raises(ScriptMismatch) as caught:
            await peer.expect_silence(30)
        assert caught.value.got == "Text 'x'"
        await raw.aclose()
        with pytest.raises(ScriptMismatch) as caught:
            await peer.expect_silence(30)
        assert caught.value.got == "the end of the stream"


async def test_only_memory_can_be_reset(autojump_clock: Clock) -> None:
    """Over other streams a script closes."""
    async with open_peers() as (peer, _):
        with pytest.raises(TypeError, match=r"reset\(\) needs a connection of a MemoryNetwork"):
            await peer.reset()
        with pytest.raises(TypeError, match=r"vanish\(\) needs a connection of a MemoryNetwork"):
            await peer.vanish()


async def test_a_handshake_that_ends(autojump_clock: Clock) -> None:
    """The end of the stream is another thing than the head that was expected, in both roles."""
    async with MemoryNetwork(seed=1) as network:

        @network.peer("ws://x/")
        async def script(peer: ScriptedPeer) -> None:
            with pytest.raises(ScriptMismatch) as caught:
                await peer.accept()
            assert caught.value.got == "the end of the stream"

        async with network.open_peer("ws://x/"):
            pass

        @network.peer("ws://y/")
        async def leaves(peer: ScriptedPeer) -> None:
            await peer.raw.receive_head()

        async with network.open_peer("ws://y/") as peer:
            with pytest.raises(ScriptMismatch) as caught:
                await peer.request()
            assert caught.value.got == "the end of the stream"


async def test_reset_and_vanish(autojump_clock: Clock) -> None:
    """Over a simulated network a peer breaks the connection, or is gone without a trace."""
    async with MemoryNetwork(seed=1, strict=False) as network:

        @network.peer("ws://x/")
        async def vanishes(peer: ScriptedPeer) -> None:
            await peer.accept()
            await peer.vanish()
            await peer.send(Text("into the void"))

        @network.peer("ws://y/")
        async def resets(peer: ScriptedPeer) -> None:
            await peer.accept()
            await peer.expect(Text("now"))
            await peer.reset()

        async with network.open_peer("ws://x/") as peer:
            await peer.request()
            await peer.expect_silence(3600)
        async with network.open_peer("ws://y/") as peer:
            await peer.request()
            await peer.send(Text("now"))
            with pytest.raises(ScriptMismatch) as caught:
                await peer.expect(Text("x"))
    assert caught.value.got.startswith("a broken connection: ")


async def test_what_the_script_has_not_read(autojump_clock: Clock) -> None:
    """Bytes at the peer and bytes in its stream are unread."""
    async with MemoryNetwork(seed=1, strict=False) as network:

        @network.peer("ws://x/")
        async def script(peer: ScriptedPeer) -> None:
            await peer.accept()
            await peer.raw.receive_frame()
            assert peer.unread == b"\x81\x01b"
            await trio.sleep(1)
            assert peer.unread == b"\x81\x01b\x81\x01c"

        async with network.open_peer("ws://x/") as peer:
            await peer.request()
            await peer.raw.send_bytes(b"\x81\x01a\x81\x01b")
            await trio.sleep(0.5)
            await peer.raw.send_bytes(b"\x81\x01c")
            await trio.sleep(1)
