"""The snippets about compression and extensions do what the pages say."""

from __future__ import annotations

from functools import partial

import pytest
import trio
import trio.testing

from docs.snippets import checksum, compression
from trio_ws import ConnectionClosed, Deflate, serve_websocket
from trio_ws.testing import open_websocket_pair, open_websocket_to_peer
from trio_ws.testing._peer import TEXT

from .halls import echo


async def test_compression(capsys: pytest.CaptureFixture[str]) -> None:
    """The client shows what was agreed on, and what it saved."""
    async with trio.open_nursery() as nursery:
        serve = partial(serve_websocket, echo, "127.0.0.1", 0, compression=Deflate())
        server = await nursery.start(serve)
        await compression.main(f"ws://127.0.0.1:{server.port}/")
        nursery.cancel_scope.cancel()
    said = capsys.readouterr().out
    assert "permessage-deflate; server_max_window_bits=12" in said
    assert "messages_sent=1" in said


async def test_picture() -> None:
    """A picture is not compressed."""
    async with open_websocket_pair(compression=Deflate()) as (client, server):
        await compression.picture(client, bytes(1000))
        assert await server.receive() == bytes(1000)
        statistics = client.statistics().compression
        assert statistics is not None
        assert statistics.messages_sent == 0


async def test_checksum(capsys: pytest.CaptureFixture[str]) -> None:
    """Both doors take the extension, and messages go there and back."""
    await checksum.main()
    assert capsys.readouterr().out.splitlines() == ["('x-checksum',)", "hello"]


@pytest.mark.parametrize("message", ["", "abc", b"\x00" * 1000])
async def test_checksum_of_fragments(message: str | bytes) -> None:
    """The checksum is that of the whole message, however it is cut."""
    async with open_websocket_pair(extensions=[checksum.Checksum()]) as (client, server):
        for fragments in ([message], [message[:1], message[1:], message[:0]]):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(client.send, fragments)
                assert await server.receive() == message


@pytest.mark.parametrize("payload", [b"abc\x00\x00\x00\x00", b"abc", b""])
async def test_a_wrong_checksum(payload: bytes, autojump_clock: trio.testing.MockClock) -> None:
    """A wrong checksum, or none, ends the connection with 1007."""
    with pytest.raises(ConnectionClosed) as caught:
        async with open_websocket_to_peer(client=False, extensions=[checksum.Checksum()]) as (
            ws,
            peer,
        ):
            await peer.send_frame(TEXT, payload, rsv=2)
            await ws.receive()
    assert caught.value.ending.sent is not None
    assert caught.value.ending.sent.code == 1007
    assert "the checksum is wrong" in str(caught.value)


def test_parameters_are_declined() -> None:
    """The extension has none."""
    assert checksum.Checksum().accept_offer((("a", None),)) is None
    assert checksum.Checksum().accept_answer((("a", None),)) is None
