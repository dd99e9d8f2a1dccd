"""What is said on a connection: each body is written once, for both roles and for every peer.

It talks through `talk.ws`, leads the other side through `talk.peer`,
and compares what both of them saw.
"""

from __future__ import annotations

import json
import random
from collections.abc import AsyncGenerator

import pytest
import trio

from trio_ws import ConnectionClosed

from .converse import Body, Talk

MIB = 1024 * 1024
KIB = 1024

WORDS = ("hello", "naïve café, 象, ☃, 😀, \u202eשלום", "", "line\nline\r\n\0end")
BYTES = (bytes(range(256)), b"", b"\xff\xfe not UTF-8 \x80")


class OwnFault(Exception):
    """What a body raises of its own."""


# Messages -------------------------------------------------------------------------------------


async def both_ways(talk: Talk, *messages: str | bytes) -> None:
    """Each message goes out and in, and arrives whole and of the same type."""
    for message in messages:
        await talk.ws.send(message)
        await talk.peer.got(message)
        await talk.peer.send(message)
        assert await talk.ws.receive() == message


async def texts(talk: Talk) -> None:
    await both_ways(talk, *WORDS)


async def binaries(talk: Talk) -> None:
    await both_ways(talk, *BYTES)
    await talk.ws.send(memoryview(bytearray(b"a buffer")))
    await talk.peer.got(b"a buffer")


async def large(talk: Talk) -> None:
    await both_ways(talk, "x" * MIB, "é☃" * (MIB // 5), random.Random(1).randbytes(MIB))


async def sizes(talk: Talk) -> None:
    """The sizes around which a frame's header changes its form."""
    for size in (1, 125, 126, 127, 65535, 65536, 65537):
        await both_ways(talk, "s" * size, b"b" * size)


async def in_order(talk: Talk) -> None:
    messages = [f"number {i}" if i % 2 else f"number {i}".encode() for i in range(200)]
    for message in messages:
        await talk.ws.send(message)
    for message in messages:
        await talk.peer.got(message)
        await talk.peer.send(message)
    assert [await talk.ws.receive() for _ in messages] == messages


async def json_values(talk: Talk) -> None:
    await talk.peer.send('{"temperature": [20.5, null, "°C"]}')
    assert await talk.ws.receive_json() == {"temperature": [20.5, None, "°C"]}
    await talk.ws.send_json({"ok": True})
    await talk.peer.saw("text")


async def bulk_both_ways(talk: Talk) -> None:
    """Both sides send at full speed; neither waits for the other to stop."""
    message = random.Random(2).randbytes(256 * KIB)
    rounds = 24

    async def send() -> None:
        for _ in range(rounds):
            await talk.ws.send(message)

    async def receive() -> None:
        for _ in range(rounds):
            assert await talk.ws.receive() == message

    async with trio.open_nursery() as nursery:
        nursery.start_soon(send)
        nursery.start_soon(receive)
        for _ in range(rounds):
            await talk.peer.send(message)
    for _ in range(rounds):
        await talk.peer.got(message)


# Fragments ------------------------------------------------------------------------------------


async def our_fragments(talk: Talk) -> None:
    await talk.ws.send(["one, ", "", "two, ", "thrée"])
    await talk.peer.got("one, two, thrée")
    await talk.ws.send([b"\x00" * 70_000, b"\xff" * 10])
    await talk.peer.got(b"\x00" * 70_000 + b"\xff" * 10)


async def our_fragments_counted(talk: Talk) -> None:
    await talk.ws.send(["one, ", "two, ", "three"])
    report = await talk.peer.got("one, two, three")
    assert report["frames"] >= 3


async def our_fragments_and_their_ping(talk: Talk) -> None:
    """A ping that arrives in the middle of our message is answered in the middle of it."""

    async def parts() -> AsyncGenerator[str]:  # noqa: ASYNC900 - this is what users write
        yield "before, "
        await talk.peer.do("ping", data="in between")
        await talk.peer.saw("pong")
        yield "after"

    await talk.ws.send(parts())
    await talk.peer.got("before, after")


async def their_fragments(talk: Talk) -> None:
    await talk.peer.do("fragments", parts=["one, ", "", "twö, ", "three"])
    assert await talk.ws.receive() == "one, twö, three"


async def their_fragments_as_a_stream(talk: Talk) -> None:
    await talk.peer.do("fragments", parts=["a" * 100_000, "é" * 50_000, "z"])
    async with talk.ws.receive_stream() as chunks:
        received = [chunk async for chunk in chunks]
    assert "".join(map(str, received)) == "a" * 100_000 + "é" * 50_000 + "z"
    await both_ways(talk, "and on we go")


async def large_as_a_stream(talk: Talk) -> None:
    message = random.Random(3).randbytes(MIB)
    await talk.peer.send(message)
    async with talk.ws.receive_stream() as chunks:
        received = [chunk async for chunk in chunks]
    assert b"".join(chunk for chunk in received if isinstance(chunk, bytes)) == message
    await both_ways(talk, "and on we go")


# Pings ----------------------------------------------------------------------------------------


async def our_pings(talk: Talk) -> None:
    for payload in (None, b"", b"x" * 125):
        assert 0 < await talk.ws.ping(payload) < 10
    assert talk.ws.latency is not None
    await both_ways(talk, "still here")


async def our_pings_seen(talk: Talk) -> None:
    await talk.ws.ping(b"are you there?")
    assert (await talk.peer.saw("ping"))["data"] == "are you there?"


async def their_pings(talk: Talk) -> None:
    for payload in ("hello", "x" * 125):
        await talk.peer.do("ping", data=payload)
        assert (await talk.peer.saw("pong"))["data"] == payload


async def our_unsolicited_pong(talk: Talk) -> None:
    await talk.ws.pong(b"I am alive")
    await both_ways(talk, "still here")


async def our_unsolicited_pong_seen(talk: Talk) -> None:
    await talk.ws.pong(b"I am alive")
    assert (await talk.peer.saw("pong"))["data"] == "I am alive"


async def our_heartbeat(talk: Talk) -> None:
    """Pings go out into the silence, and the answers keep the connection."""
    await trio.sleep(0.5)
    assert talk.ws.latency is not None
    await both_ways(talk, "still here")


async def their_heartbeat(talk: Talk) -> None:
    """The peer would give us up after an interval without our pong; ten of them go by."""
    await trio.sleep(1)
    await both_ways(talk, "still here")


# What the opening settled ---------------------------------------------------------------------


async def common_subprotocol(talk: Talk) -> None:
    assert talk.ws.subprotocol == "chat.v2"
    assert talk.opened["subprotocol"] == "chat.v2"


async def no_subprotocol(talk: Talk) -> None:
    assert talk.ws.subprotocol is None
    assert not talk.opened["subprotocol"]  # some say None, some ""


async def headers(talk: Talk) -> None:
    """What one side adds to its part of the handshake, the other can read."""
    theirs = talk.ws.response if talk.role == "client" else talk.ws.request
    assert theirs.headers["X-From-Peer"] == "1; a=b"
    if talk.role == "client":
        seen = {name.lower(): value for name, value in talk.opened["headers"].items()}
        assert seen["x-from-us"] == "2; c=d"


async def target(talk: Talk) -> None:
    """The path and the query arrive as they were written."""
    if talk.role == "client":
        assert talk.opened["target"] == "/conversation?of=two&with=a%20space"
    else:
        assert talk.ws.request.path == "/conversation"
        assert talk.ws.request.query == {"of": ["two"], "with": ["a space"]}


async def compression_declined(talk: Talk) -> None:
    assert "Sec-WebSocket-Extensions" not in talk.ws.response.headers
    await both_ways(talk, *WORDS, *BYTES, "x" * 100_000)


async def compression(talk: Talk) -> None:
    assert [each.partition(";")[0] for each in talk.ws.extensions] == ["permessage-deflate"]
    text = json.dumps([{"id": number, "name": "é☃"} for number in range(500)])
    for _ in range(3):
        await both_ways(talk, *WORDS, *BYTES, text, "x" * 100_000, random.Random(1).randbytes(MIB))
        await talk.ws.send(text, compress=False)
        await talk.peer.got(text)
        await talk.ws.send([text[:1000], text[1000:]])
        await talk.peer.got(text)
    statistics = talk.ws.statistics().compression
    assert statistics is not None
    assert statistics.messages_sent >= 3
    assert statistics.messages_received >= 3


async def over_tls(talk: Talk) -> None:
    await both_ways(talk, *WORDS, *BYTES, "é" * 500_000)


# Closing --------------------------------------------------------------------------------------


async def say_nothing(talk: Talk) -> None:
    pass


async def say_and_leave(talk: Talk) -> None:
    """What was sent before the block is left arrives before the close frame."""
    messages = [f"{i}" * 1000 for i in range(50)]
    for message in messages:
        await talk.ws.send(message)
    await talk.ws.close()
    for message in messages:
        await talk.peer.got(message)


async def raise_own_fault(talk: Talk) -> None:
    raise OwnFault


async def be_cancelled(talk: Talk) -> None:
    talk.leave()
    await trio.sleep_forever()


def close_with(code: int, reason: str) -> Body:
    async def body(talk: Talk) -> None:
        await talk.ws.close(code, reason)
        with pytest.raises(ConnectionClosed):
            await talk.ws.receive()

    return body


def be_closed_with(code: int | None, reason: str) -> Body:
    """What the peer sent before its close frame is received, then the end is."""

    async def body(talk: Talk) -> None:
        await talk.peer.send("the last word")
        await talk.peer.do("close", code=code, reason=reason)
        assert await talk.ws.receive() == "the last word"
        with pytest.raises(ConnectionClosed) as caught:
            await talk.ws.receive()
        assert caught.value.ending is talk.ws.ending
        with pytest.raises(ConnectionClosed):
            await talk.ws.send("too late")

    return body


async def iterate_to_the_end(talk: Talk) -> None:
    await talk.peer.send("one")
    await talk.peer.send("two")
    await talk.peer.do("close", code=1000, reason="")
    assert [message async for message in talk.ws] == ["one", "two"]


async def iterate_to_a_bad_end(talk: Talk) -> None:
    await talk.peer.do("close", code=1011, reason="out of order")
    async for _ in talk.ws:
        pass


async def both_close(talk: Talk) -> None:
    """The close frames cross, or nearly; both sides are content."""
    await talk.peer.do("close", code=1000, reason="")
    await talk.ws.close()


async def be_dropped_while_receiving(talk: Talk) -> None:
    await talk.peer.do("abort")
    await talk.ws.receive()


async def be_dropped_while_elsewhere(talk: Talk) -> None:
    """A loss cancels the body wherever it waits."""
    await talk.peer.do("abort")
    await trio.sleep_forever()


async def face_a_frozen_peer(talk: Talk) -> None:
    """A process that hangs is as good as dead, though its kernel says otherwise."""
    talk.peer.freeze()
    try:
        with trio.fail_after(5):
            await talk.ws.receive()
    finally:
        talk.peer.thaw()


async def send_to_a_frozen_peer(talk: Talk) -> None:
    """The kernels take some mebibytes, then nothing more goes and nothing comes."""
    talk.peer.freeze()
    try:
        with trio.fail_after(10):
            while True:
                await talk.ws.send(bytes(64 * KIB))
    finally:
        talk.peer.thaw()


async def be_sent_too_much(talk: Talk) -> None:
    await talk.peer.send("x" * 1000)
    assert await talk.ws.receive() == "x" * 1000
    await talk.peer.send("x" * 1001)
    await talk.ws.receive()
