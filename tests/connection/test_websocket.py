"""`trio_ws._connection.websocket`: the methods of `WebSocket`, in both roles."""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import (
    ConnectionClosed,
    ConnectionLost,
    Limits,
    LocalProtocolError,
    MessageTypeError,
    Timeouts,
    WebSocket,
)
from trio_ws._connection.block import ConnectionBlock
from trio_ws._handshake.opening import Opening, plain_response
from trio_ws._http import Headers, Request
from trio_ws._options import ConnectionOptions
from trio_ws.testing import open_websocket_pair
from trio_ws.testing._peer import BINARY, CONTINUATION, PING, PONG, TEXT, Frame, encode

from ..notebooks import Faulty, Notebook
from ..watched import WatchedSocket, watched_websocket
from ..wires import both_roles, closed_by, frames_of, open_wired, settled

# Sending


@both_roles
@pytest.mark.parametrize(
    ("message", "opcode", "payload"),
    [
        ("", TEXT, b""),
        ("hällo 😀", TEXT, "hällo 😀".encode()),
        ("x" * 70_000, TEXT, b"x" * 70_000),
        (b"", BINARY, b""),
        (b"\x00\xff", BINARY, b"\x00\xff"),
        (bytearray(b"\x00\xff"), BINARY, b"\x00\xff"),
        (memoryview(b"\x00\xff\x01")[:2], BINARY, b"\x00\xff"),
        (bytes(200_000), BINARY, bytes(200_000)),
    ],
    ids=range(8),
)
async def test_send(
    message: Any,
    opcode: int,
    payload: bytes,
    client: bool,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """`str` leaves as text, bytes-like as binary, each in one frame; only a client masks it."""
    async with open_wired(client) as (ws, peer, _):
        await ws.send(message)
        frame = await peer.expect_frame(opcode, payload)
        assert frame.fin
        assert frame.masked is client


@both_roles
async def test_send_copies(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A buffer that is changed after `send` was called is sent as it was."""
    async with open_wired(client) as (ws, peer, wire):
        wire.stop_taking()
        buffer = bytearray(b"before")
        await ws.send(buffer)
        buffer[:] = b"after!"
        wire.take_again()
        await peer.expect_frame(BINARY, b"before")


@both_roles
@pytest.mark.parametrize("message", [None, 1, 1.5, {"type": "ping"}, object, ["a", 1]], ids=repr)
async def test_send_of_something_else(
    message: Any, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """What is no message is refused; a mapping is a mistake and not an iterable of its keys."""
    async with open_wired(client) as (ws, _, wire):
        with pytest.raises(TypeError, match="str"):
            await ws.send(message)
        if not isinstance(message, list):
            await ws.send("still open")
            await settled()
            assert len(frames_of(wire.written)) == 1


@both_roles
@pytest.mark.parametrize("message", ["\ud800", "long " * 1000 + "\udfff"], ids=["short", "long"])
async def test_send_of_bad_unicode(
    message: str, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A lone surrogate has no UTF-8: it is refused, and nothing was sent (P10)."""
    async with open_wired(client) as (ws, _, wire):
        with pytest.raises(LocalProtocolError, match="Unicode"):
            await ws.send(message)
        await ws.send("still open")
        await settled()
        assert len(frames_of(wire.written)) == 1
        assert ws.statistics().messages_sent == 1


@both_roles
async def test_json(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """JSON goes as text, compact and in Unicode, and comes back as the same value."""
    value = {"name": "Zoë", "list": [1, 2.5, None, True], "nested": {}}
    async with open_wired(client) as (ws, peer, _):
        await ws.send_json(value)
        frame = await peer.expect_frame(TEXT)
        assert json.loads(frame.payload) == value
        assert b" " not in frame.payload
        assert "Zoë".encode() in frame.payload
        await peer.send_frame(TEXT, frame.payload)
        assert await ws.receive_json() == value
        await peer.send_frame(BINARY, frame.payload)
        assert await ws.receive_json() == value


@both_roles
async def test_json_is_sent_as_it_came(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """What `receive_json` gave can be given to `send_json`, lone surrogates too (F3.1)."""
    async with open_wired(client) as (ws, peer, _):
        await peer.send_text('"a\\ud800b"')
        await ws.send_json(await ws.receive_json())
        await peer.expect_frame(TEXT, b'"a\\ud800b"')


@both_roles
async def test_typed_messages(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A message of the other kind is refused and consumed, and the connection stays open."""
    async with open_wired(client) as (ws, peer, _):
        await peer.send_text("täxt")
        await peer.send_frame(BINARY, b"bytes")
        assert await ws.receive_text() == "täxt"
        assert await ws.receive_bytes() == b"bytes"
        await peer.send_text("täxt")
        await peer.send_frame(BINARY, b"bytes")
        with pytest.raises(MessageTypeError, match=r"a binary message .* text of 4 characters"):
            await ws.receive_bytes()
        with pytest.raises(TypeError, match=r"a text message .* binary one of 5 bytes"):
            await ws.receive_text()
        await peer.send_text("next")
        assert await ws.receive_text() == "next"


@both_roles
@pytest.mark.parametrize("payload", [5, "x", [1], None, b"x" * 126])
async def test_payloads(payload: Any, client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A payload that is no bytes, or too long, is refused at the call, and nothing is sent."""
    error = LocalProtocolError if isinstance(payload, bytes) else TypeError
    async with open_wired(client) as (ws, _, wire):
        for name in ("ping", "pong"):
            if payload is not None or name == "pong":
                with pytest.raises(error, match=f"the payload of a {name}"):
                    await getattr(ws, name)(payload)
        assert wire.written == b""


@both_roles
@pytest.mark.parametrize("payload", [bytearray(b"x"), memoryview(b"xyz")[:1]])
async def test_bytes_like_payloads(
    payload: Any, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Whatever is bytes-like is a payload."""
    async with open_wired(client) as (ws, peer, _):
        await ws.pong(payload)
        await peer.expect_frame(PONG, b"x")


@both_roles
@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("bye",), "code"),
        ((3000.5,), "code"),
        ((True,), "code"),
        ((None,), "code"),
        ((1000, None), "reason"),
        ((1000, b"bye"), "reason"),
    ],
)
async def test_what_close_takes(
    arguments: tuple[Any, ...], named: str, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A code that is no whole number, or a reason that is no text, closes nothing (F7.14)."""
    async with open_wired(client) as (ws, _, wire):
        with pytest.raises(TypeError, match=f"^{named} must be"):
            await ws.close(*arguments)
        await settled()
        assert wire.written == b""


@both_roles
async def test_bad_json(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """What has no JSON form is not sent; what is no JSON is consumed, and all stays open."""
    async with open_wired(client) as (ws, peer, wire):
        for value in (object(), {1, 2}, b"bytes"):
            with pytest.raises(TypeError):
                await ws.send_json(value)
        with pytest.raises(ValueError, match="JSON"):
            await ws.send_json([math.nan])
        circle: list[object] = []
        circle.append(circle)
        with pytest.raises(ValueError, match="Circular"):
            await ws.send_json(circle)
        assert wire.written == b""
        await peer.send_text("{no json")
        await peer.send_frame(BINARY, b"\xff\xfe")
        await peer.send_text("NaN")
        await peer.send_text("[" * 100_000)
        await peer.send_text("[]")
        for _ in range(4):
            with pytest.raises(ValueError):
                await ws.receive_json()
        assert await ws.receive_json() == []


@both_roles
async def test_many_senders(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Messages of many tasks do not mix, and each task's own stay in order."""

    async def send_all(name: int) -> None:
        for number in range(20):
            text = f"{name} {number} "
            await ws.send([text, "x" * 50] if number % 5 == 0 else text + "x" * 50)

    limits = Limits(send_buffer=300)
    async with open_wired(client, limits=limits) as (ws, peer, _), trio.open_nursery() as nursery:
        for name in range(5):
            nursery.start_soon(send_all, name)
        arrived: dict[str, list[int]] = {}
        for _ in range(100):
            frame = await peer.receive_frame()
            payload = frame.payload
            while not frame.fin:
                frame = await peer.expect_frame(CONTINUATION)
                payload += frame.payload
            sender, number, rest = payload.decode().split()
            assert rest == "x" * 50
            arrived.setdefault(sender, []).append(int(number))
        assert arrived == {f"{name}": list(range(20)) for name in range(5)}


@both_roles
async def test_flush(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """`flush` returns when the kernel has taken what was sent before it."""
    async with open_wired(client) as (ws, _, wire), trio.open_nursery() as nursery:
        wire.stop_taking()
        await ws.send("out")
        nursery.start_soon(ws.flush)
        await trio.sleep(3)
        assert len(nursery.child_tasks) == 1
        wire.take_again()
        await settled()
        assert not nursery.child_tasks
        assert [frame.payload for frame in frames_of(wire.written)] == [b"out"]


# Receiving


@both_roles
async def test_receive(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Messages come in order, text as `str` and binary as `bytes`; after the last it raises."""
    async with open_wired(client) as (ws, peer, _):
        await peer.send_text("hällo")
        await peer.send_frame(BINARY, b"\x00\xff")
        await peer.send_frame(TEXT, b"fragm", fin=False)
        await peer.send_frame(PING, b"between")
        await peer.send_frame(CONTINUATION, b"ented")
        await peer.send_close(1000)
        assert [await ws.receive() for _ in range(3)] == ["hällo", b"\x00\xff", "fragmented"]
        for _ in range(2):
            assert (await closed_by(ws.receive)).ending is ws.ending


@both_roles
async def test_many_receivers(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Each message goes to exactly one receiver: the one that has waited longest."""
    taken: list[tuple[int, object]] = []

    async def take(number: int) -> None:
        taken.append((number, await ws.receive()))

    async with open_wired(client) as (ws, peer, _), trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(take, number)
            await settled()
        assert ws.statistics().tasks_receiving == 5
        for number in range(5):
            await peer.send_text(f"{number}")
            await settled()
        assert taken == [(number, f"{number}") for number in range(5)]
        for number in range(5):
            nursery.start_soon(take, number)
            await settled()
        await peer.send_bytes(b"".join([b"\x81\x00" if client else b"\x81\x80abcd"] * 5))
        await settled()
        assert sorted(number for number, _ in taken[5:]) == list(range(5))


@both_roles
async def test_newcomer_takes_what_somebody_was_woken_for(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A receiver that was woken in vain waits on."""
    taken: list[object] = []

    async def take() -> None:
        taken.append(await ws.receive())

    async with open_wired(client) as (ws, peer, _), trio.open_nursery() as nursery:
        nursery.start_soon(take)
        await settled()
        ws._receive_queue.put(
            ["for the newcomer"]
        )  # as the reader does it, in the middle of a step
        taken.append(await ws.receive())
        await settled()
        assert taken == ["for the newcomer"]
        await peer.send_text("for the other")
        await settled()
        assert taken[1:] == ["for the other"]


@both_roles
async def test_receiving_in_parts(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Who streams waits while the connection is open, and no longer."""
    async with open_wired(client) as (ws, peer, _), trio.open_nursery() as nursery:

        async def send() -> None:
            await trio.sleep(1)
            await peer.send_text("whole")
            await trio.sleep(1)
            await peer.send_close()
            await peer.send_eof()

        nursery.start_soon(send)
        async with ws.receive_stream() as chunks:
            assert [chunk async for chunk in chunks] == ["whole"]
        with pytest.raises(ConnectionClosed):
            async with ws.receive_stream() as chunks:
                async for _ in chunks:
                    raise AssertionError("nothing more came")


@both_roles
async def test_cancelled_receive(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A cancelled `receive` loses no message, whether there was one or not."""
    async with open_wired(client) as (ws, peer, _):
        with trio.move_on_after(1) as patience:
            await ws.receive()
        assert patience.cancelled_caught
        await peer.send_text("kept")
        await settled()
        with trio.CancelScope() as scope:
            scope.cancel()
            await ws.receive()
        assert scope.cancelled_caught
        assert await ws.receive() == "kept"


@both_roles
@pytest.mark.parametrize("code", [1000, 1001, None])
async def test_iteration_ends_quietly(
    code: int | None, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """`async for` ends without a word after 1000, 1001 or no code at all."""
    async with open_wired(client) as (ws, peer, _):
        await peer.send_text("a")
        await peer.send_text("b")
        await peer.send_close(code)
        assert [message async for message in ws] == ["a", "b"]
        assert [message async for message in ws] == []


@both_roles
@pytest.mark.parametrize("code", [1002, 1008, 1011, 1012, 1014, 3000, 4999])
async def test_iteration_raises(
    code: int, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """`async for` raises `ConnectionClosed` after any other code, with all messages given."""
    taken = []
    async with open_wired(client) as (ws, peer, _):
        await peer.send_text("a")
        await peer.send_close(code, "why")
        with pytest.raises(ConnectionClosed, match="why") as caught:
            async for message in ws:
                taken.append(message)  # noqa: PERF401
        assert type(caught.value) is ConnectionClosed
        assert caught.value.ending.code == code
    assert taken == ["a"]


async def test_iteration_raises_when_lost(autojump_clock: trio.testing.MockClock) -> None:
    """`async for` never takes a loss for an end."""
    with pytest.raises(ConnectionLost):
        async with open_wired(True) as (ws, peer, _):
            await peer.send_text("a")
            await peer.send_eof()
            async for _ in ws:
                pass


# Control frames


@both_roles
async def test_ping_payload(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A ping carries the payload that it was given, up to 125 bytes, or 8 unpredictable ones."""
    payloads: list[bytes] = []
    async with open_wired(client) as (ws, peer, _), trio.open_nursery() as nursery:
        for payload in (b"", b"x" * 125, bytearray(b"array"), None, None):
            nursery.start_soon(partial(ws.ping, payload))
            payloads.append((await peer.expect_frame(PING)).payload)
        assert payloads[:3] == [b"", b"x" * 125, b"array"]
        assert len(payloads[3]) == len(payloads[4]) == 8
        assert payloads[3] != payloads[4]
        for call in (ws.ping, ws.pong):
            with pytest.raises(LocalProtocolError, match="125"):
                await call(b"x" * 126)
        assert len(ws._connection.core.pings) == 5
        await peer.send_frame(PONG, payloads[-1])


@both_roles
async def test_cancelled_ping(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A cancelled `ping` leaves no entry, and its pong is one that nobody asked for (B9)."""
    async with open_wired(client) as (ws, peer, _):
        with trio.move_on_after(1) as patience:
            await ws.ping(b"given up")
        assert patience.cancelled_caught
        assert len(ws._connection.core.pings) == 0
        await peer.expect_frame(PING, b"given up")
        await peer.send_frame(PONG, b"given up")
        await peer.send_text("still open")
        assert await ws.receive() == "still open"
        assert ws.latency is None


@both_roles
@pytest.mark.parametrize("code", [1000, 1011, None])
async def test_end_in_place_of_a_pong(
    code: int | None, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A `ping` that waits raises when the connection ends, politely or not (B8)."""
    async with trio.open_nursery() as nursery:
        with pytest.raises(ConnectionLost) if code is None else trio.CancelScope():
            async with open_wired(client) as (ws, peer, _):
                nursery.start_soon(closed_by, ws.ping)
                await peer.expect_frame(PING)
                await (peer.send_close(code) if code else peer.send_eof())
                await ws.wait_closed()


@both_roles
async def test_pong(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A pong can be sent that nobody asked for."""
    async with open_wired(client) as (ws, peer, _):
        await ws.pong()
        await peer.expect_frame(PONG, b"")
        await ws.pong(b"x" * 125)
        await peer.expect_frame(PONG, b"x" * 125)


# Facts


async def test_a_plain_response(autojump_clock: trio.testing.MockClock) -> None:
    """A server does not keep what follows from the request; it is told all the same."""
    headers = Headers([("Host", "a"), ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")])
    request = Request(method="GET", target="/", headers=headers)
    answer = plain_response(request)
    stream, _ = trio.testing.memory_stream_pair()
    for plain in (True, False):
        opening = Opening(request=request, response=answer, plain=plain)
        ws = WebSocket(stream, opening, client=False, options=ConnectionOptions(), name="tested")
        assert ws.response == answer
        assert (ws.response is answer) is not plain
        assert ws.response.headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


async def test_facts(autojump_clock: trio.testing.MockClock) -> None:
    """A connection knows its handshake; over memory it has no addresses."""
    async with open_websocket_pair(subprotocol="chat") as (client, server):
        for ws in (client, server):
            assert ws.request.path == "/"
            assert ws.response.status == 101
            assert ws.subprotocol == "chat"
            assert ws.local_address is None
            assert ws.remote_address is None
            assert ws.ending is None
            assert ws.latency is None
            assert "open" in repr(ws)
        assert "client" in repr(client)
        assert "server" in repr(server)
    assert "1000 (normal closure)" in repr(client)


# Checkpoints, which promise P11 is about


async def stream(ws: WebSocket) -> object:
    async with ws.receive_stream() as chunks:
        return await anext(chunks)


METHODS: dict[str, Callable[[WebSocket], Awaitable[object]]] = {
    "send": lambda ws: ws.send("x"),
    "send binary": lambda ws: ws.send(bytes(100_000)),
    "send fragments": lambda ws: ws.send(["x"]),
    "send_json": lambda ws: ws.send_json({}),
    "receive": WebSocket.receive,
    "receive_json": WebSocket.receive_json,
    "iterate": WebSocket.__anext__,
    "receive_stream": stream,
    "ping": WebSocket.ping,
    "pong": WebSocket.pong,
    "flush": WebSocket.flush,
    "wait_closed": WebSocket.wait_closed,
    "close": WebSocket.close,
    "aclose": WebSocket.aclose,
}


@both_roles
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("state", ["open", "ended"])
async def test_every_call_checks_for_cancellation(
    state: str, method: str, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Each method notices on every call that it was cancelled, also if it need not wait."""
    async with open_wired(client) as (ws, peer, wire):
        await peer.send_text("1")
        await settled()
        if state == "ended":
            await peer.send_close()
            await settled()
        before = bytes(wire.written)
        for _ in range(3):
            with trio.CancelScope() as scope:
                scope.cancel()
                await METHODS[method](ws)
            assert scope.cancelled_caught
        await settled()
        if "close" not in method or method == "wait_closed":
            assert wire.written == before
        assert ws.statistics().messages_sent == 0
        assert await ws.receive() == "1"


class Yields(trio.abc.Instrument):
    """Notes when the task that made it has given way to others."""

    def __init__(self) -> None:
        self.calls = self.most = 0
        self._task = trio.lowlevel.current_task()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Begin to count anew."""
        if task is self._task:
            self.calls = 0

    def note_call(self) -> None:
        """Count a call."""
        self.calls += 1
        self.most = max(self.most, self.calls)


@both_roles
@pytest.mark.parametrize(("size", "most"), [(1, 128), (10_000, 52)])
@pytest.mark.parametrize("way", ["send", "receive"])
async def test_others_get_their_turn(
    way: str, size: int, most: int, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A burst that never waits yields at least once in 128 calls, and when 512 KiB have passed.

    Two connections share the count.
    """
    yields = Yields()
    limits = Limits(receive_buffer=1 << 24, send_buffer=1 << 24)
    async with (
        open_wired(client, limits=limits) as (first, first_peer, first_wire),
        open_wired(client, limits=limits) as (second, second_peer, second_wire),
    ):
        for _ in range(200):
            await first_peer.send_frame(BINARY, bytes(size))
            await second_peer.send_frame(BINARY, bytes(size))
        await settled()
        first_wire.stop_taking()
        second_wire.stop_taking()
        trio.lowlevel.add_instrument(yields)
        for _ in range(200):
            for ws in (first, second):
                await (ws.send(bytes(size)) if way == "send" else ws.receive())
                yields.note_call()
        trio.lowlevel.remove_instrument(yields)
    assert yields.most == most


@both_roles
async def test_sending_keeps_a_connection_from_idling(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Each message that is accepted puts off the end of an idle connection."""
    async with open_wired(client, timeouts=Timeouts(idle=5)) as (ws, peer, wire):
        await trio.sleep(4)
        wire.stop_taking()
        await ws.send("x")
        assert ws._core.lease.next_wakeup().at == 9
        wire.take_again()
        await peer.send_close()


@pytest.mark.parametrize("compress", ["yes", 1])
async def test_compress_is_checked(compress: Any) -> None:
    """`compress` is a bool or None; without an agreement on compression it says nothing."""
    async with open_websocket_pair() as (client, server):
        with pytest.raises(TypeError, match="compress must be True, False or None"):
            await client.send("a", compress=compress)
        with pytest.raises(TypeError, match="compress must be True, False or None"):
            client.send_nowait("a", compress=compress)
        await client.send("a", compress=True)
        client.send_nowait("b", compress=False)
        assert [await server.receive() for _ in range(2)] == ["a", "b"]
        assert client.extensions == ()


# Facts of a connection


async def test_name(autojump_clock: trio.testing.MockClock) -> None:
    """A connection has the name that stands in the lines of the log."""
    async with open_websocket_pair() as (client, server):
        assert (client.name, server.name) == ("client", "server")


async def test_state(autojump_clock: trio.testing.MockClock) -> None:
    """The mapping is the application's, is that of the request, and of one connection only."""
    async with open_websocket_pair() as (client, server):
        assert client.state == server.state == {}
        server.state["user"] = "ada"
        assert server.request.state == {"user": "ada"}
        assert client.state == {}
        assert "ada" not in f"{server!r} {server.request!r}"


async def test_path_params(autojump_clock: trio.testing.MockClock) -> None:
    """What a router found in the path is that of the request; without a router it is empty."""
    async with open_websocket_pair() as (client, server):
        assert client.path_params == server.path_params == {}
        assert server.path_params is server.request.path_params


async def test_tls(autojump_clock: trio.testing.MockClock) -> None:
    """Without TLS there is nothing to tell of it; `tests.client` asks over TLS."""
    async with open_websocket_pair() as (client, server):
        assert client.tls is server.tls is None


# Instruments


async def test_messages_are_told(autojump_clock: trio.testing.MockClock) -> None:
    """Instruments hear of a message when it is queued and when it is taken, with its size."""
    notebook = Notebook()
    async with open_websocket_pair(instruments=[notebook]) as (client, server):
        await client.send("grüße")
        client.send_nowait(b"12345")
        assert [await server.receive(), await server.receive()] == ["grüße", b"12345"]
    assert [each for each in notebook.told if each[0] in ("sent", "received")] == [
        ("sent", client, "text", 7),
        ("sent", client, "binary", 5),
        ("received", server, "text", 7),
        ("received", server, "binary", 5),
    ]


@pytest.mark.parametrize("event", ["message_sent", "message_received"])
async def test_an_instrument_that_fails(
    event: str, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A message is sent, or taken, whatever an instrument raises about it."""
    faulty = Faulty(event, KeyError())
    async with open_websocket_pair(instruments=[faulty]) as (client, server):
        for number in range(2):
            await client.send(f"{number}")
            assert await server.receive() == f"{number}"
    assert faulty.calls == 1
    assert len(caplog.records) == 1


async def test_receiving_without_the_queue() -> None:
    """A message that a receiver reads for itself counts like any other."""
    sock = WatchedSocket()
    async with trio.open_nursery() as nursery, ConnectionBlock(ws := watched_websocket(sock)):
        nursery.start_soon(ws.receive)
        await settled()
        sock.arrive(encode(Frame(TEXT, b"hello")))
        sock.poll()
        await settled()
        assert ws.statistics().messages_received == 1
        nursery.cancel_scope.cancel()
