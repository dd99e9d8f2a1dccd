"""`trio_ws._connection.websocket`: closing, by either side, with every code (RFC 6455 §7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from trio_ws import (
    Close,
    CloseCode,
    ConnectionClosed,
    ConnectionLost,
    Ending,
    LocalProtocolError,
    Loss,
    ProtocolViolation,
    Timeouts,
    WebSocket,
)
from trio_ws.testing import open_websocket_pair
from trio_ws.testing._peer import CLOSE, PING, PONG

from ..wires import both_roles, closed_by, frames_of, goodbye_of, open_wired, settled

REGISTERED = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014]
PRIVATE = [3000, 3999, 4000, 4999]
NEVER = [1005, 1006, 1015]
UNKNOWN = [0, 999, 1004, 1016, 1999, 2999, 5000, 65535, 70000, -1]


# Our close


@both_roles
@pytest.mark.parametrize("code", REGISTERED + PRIVATE)
async def test_codes_sent(code: int, client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Registered codes and 3000 to 4999 can be sent, with a reason of up to 123 bytes."""
    reason = "ü" * 61 + "!"
    async with open_wired(client) as (ws, peer, _), trio.open_nursery() as nursery:
        nursery.start_soon(ws.close, code, reason)
        assert await peer.expect_close(code) == reason
        await peer.send_close(code)
        await peer.send_eof()
    assert ws.ending == Ending(sent=Close(code, reason), received=Close(code))
    assert ws.ending.clean
    assert ws.ending.normal is (code in (1000, 1001))
    assert trio.current_time() == 0


@both_roles
@pytest.mark.parametrize(
    ("code", "reason"),
    [
        *((code, "") for code in NEVER + UNKNOWN),
        (1000, "x" * 124),
        (1000, "ü" * 62),
        (1000, "\ud800"),
    ],
)
async def test_closes_refused(
    code: int, reason: str, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """What may not stand in a Close frame is refused, and the connection stays open."""
    async with open_wired(client) as (ws, _, wire):
        with pytest.raises(LocalProtocolError):
            await ws.close(code, reason)
        assert wire.written == b""
        await ws.send("still open")
        assert ws.ending is None


@both_roles
async def test_close_twice(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Only the first close counts; all of them wait for the same end, and are bounded by it."""

    async def close(code: int) -> None:
        await ws.close(code)
        assert trio.current_time() == 10
        assert ws.ending is not None

    async with open_wired(client) as (ws, _, wire), trio.open_nursery() as nursery:
        nursery.start_soon(close, 4000)
        await trio.sleep(3)
        nursery.start_soon(close, 4001)
        nursery.start_soon(ws.wait_closed)
        nursery.start_soon(ws.aclose)
    await ws.close(4002)
    assert goodbye_of(wire.written) == (4000, "")
    assert ws.ending is not None
    assert ws.ending.loss is Loss.UNANSWERED
    assert trio.current_time() == 10


@both_roles
async def test_close_after_the_end(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Closing what is closed or lost does nothing and raises nothing."""
    async with open_wired(client) as (ws, peer, _):
        await peer.send_close(1011, "oops")
        await settled()
        await peer.send_eof()
        await ws.close(4000)
        assert ws.ending is not None
        assert (ws.ending.code, ws.ending.reason, ws.ending.received_first) == (1011, "oops", True)
        assert trio.current_time() == 0
    await ws.close()
    await ws.aclose()
    assert await ws.wait_closed() is ws.ending


@both_roles
@pytest.mark.parametrize("method", [WebSocket.close, WebSocket.aclose])
@pytest.mark.parametrize("late", [0, 2, 9.75])
async def test_cancelled_close(
    late: float,
    method: Callable[[WebSocket], Awaitable[None]],
    client: bool,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """A cancelled close goes on without its caller, within `Timeouts.goodbye`."""
    async with open_wired(client) as (ws, _, wire):
        wire.stop_taking()
        await ws.send("in hand")
        await settled()
        await ws.send("dropped")
        with trio.move_on_after(late) as patience:
            await method(ws)
        assert patience.cancelled_caught
        assert trio.current_time() == late
        wire.take_again()
        await ws.wait_closed()
        assert trio.current_time() == min(late + 0.5, 10)
    assert [frame.payload for frame in frames_of(wire.written)][:-1] == [b"in hand"]
    assert goodbye_of(wire.written) == (1000, "")


@both_roles
async def test_receiving_while_we_close(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """What arrives between our Close and the peer's can still be received; pings get no answer."""
    async with open_wired(client) as (ws, peer, wire), trio.open_nursery() as nursery:
        nursery.start_soon(ws.close)
        await peer.expect_close(1000)
        await peer.send_text("late")
        await peer.send_frame(PING, b"not answered")
        await peer.send_frame(PONG, b"ignored")
        assert await ws.receive() == "late"
        await peer.send_close(1000)
        await closed_by(ws.receive)
        await peer.send_eof()
    assert [frame.opcode for frame in frames_of(wire.written)] == [CLOSE]


@both_roles
async def test_sending_while_we_close(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Whoever sends between our Close and the peer's is told how it ended, once that is known."""
    async with open_wired(client) as (ws, peer, _), trio.open_nursery() as nursery:
        nursery.start_soon(ws.close)
        await peer.expect_close(1000)

        async def answer() -> None:
            await trio.sleep(2)
            await peer.send_close(1000)
            await peer.send_eof()

        nursery.start_soon(answer)
        for call in (lambda: ws.send("x"), ws.ping, ws.pong, lambda: ws.send(["x"])):
            nursery.start_soon(closed_by, call)
        error = await closed_by(lambda: ws.send("x"))
        assert trio.current_time() == 2
        assert error.ending is ws.ending
        assert error.ending.clean
    assert trio.current_time() == 2


@both_roles
async def test_violation_while_we_close(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Nonsense in place of the peer's Close ends the closing at once: nothing more is sent."""
    async with open_wired(client) as (ws, peer, wire):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.close)
            await peer.expect_close(1000)
            await peer.send_frame(0x3)
        assert ws.ending is not None
        assert ws.ending.loss is Loss.UNANSWERED
        assert "broke the protocol" in str(ws.ending)
        assert trio.current_time() == 0.5
    assert goodbye_of(wire.written) == (1000, "")


# The peer's close


@both_roles
@pytest.mark.parametrize("code", [*REGISTERED, *PRIVATE, None])
async def test_codes_received(
    code: int | None, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A Close of the peer is answered with its code, and told as it came; none is 1005."""
    async with open_wired(client) as (ws, peer, wire):
        await peer.send_close(code, "because ü" if code else "")
        error = await closed_by(ws.receive)
        assert type(error) is ConnectionClosed
        assert error.ending is ws.ending
        await ws.wait_closed()
    received = Close(code, "because ü") if code else Close(1005)
    assert error.ending == Ending(sent=Close(code or 1005), received=received, received_first=True)
    assert error.ending.normal is (code in (1000, 1001, None))
    assert goodbye_of(wire.written) == (code, "")


@both_roles
@pytest.mark.parametrize(
    ("payload", "answer"),
    [
        *((code.to_bytes(2, "big"), 1002) for code in [*NEVER, 0, 999, 1004, 1016, 2999, 5000]),
        (b"\x03", 1002),
        (b"\x03\xe8\xff", 1007),
    ],
)
async def test_bad_closes_received(
    payload: bytes, answer: int, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A Close that no peer may send is a violation, and the peer is told."""
    with pytest.raises(ProtocolViolation) as caught:
        async with open_wired(client) as (ws, peer, wire):
            await peer.send_frame(CLOSE, payload)
            await ws.receive()
    assert caught.value.code == answer
    assert goodbye_of(wire.written)[0] == answer


@both_roles
async def test_pings_during_the_close_of_the_peer(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """What the peer says after its Close is harmless (B10)."""
    async with open_wired(client) as (ws, peer, wire):
        await peer.send_close(1000)
        for _ in range(3):
            await peer.send_frame(PING, b"too late")
        await peer.send_close(4000)
        await peer.send_eof()
        assert (await ws.wait_closed()).code == 1000
    assert goodbye_of(wire.written) == (1000, "")


# Both


async def test_closing_at_the_same_time(autojump_clock: trio.testing.MockClock) -> None:
    """When both close at once, both closes are clean and each side knows what the other said."""
    async with open_websocket_pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(client.close, 4001)
        nursery.start_soon(server.close, 4002)
    for ws, ours, theirs in ((client, 4001, 4002), (server, 4002, 4001)):
        assert ws.ending is not None
        assert ws.ending.clean
        assert ws.ending.received == Close(theirs)
        assert ws.ending.sent in (Close(ours), Close(theirs))
    assert trio.current_time() == 0


@pytest.mark.parametrize("first", ["client", "server"])
async def test_story(first: str, autojump_clock: trio.testing.MockClock) -> None:
    """The error tells who closed, with what, in which order."""
    async with open_websocket_pair() as (client, server):
        ours, theirs = (client, server) if first == "client" else (server, client)
        await ours.close(4000, "enough")
        error = await closed_by(theirs.receive)
        assert str(error) == "received 4000 'enough'; then sent 4000"
        error = await closed_by(ours.receive)
        assert str(error) == "sent 4000 'enough'; then received 4000"


@both_roles
async def test_wait_closed(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """`wait_closed` returns how it ended, when the transport is closed."""
    found: list[Ending] = []

    async def wait() -> None:
        found.append(await ws.wait_closed())
        assert wire.closed

    async with open_wired(client) as (ws, peer, wire), trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        nursery.start_soon(wait)
        await peer.send_close(CloseCode.GOING_AWAY)
        await trio.sleep(0.25)
        assert found == []
        await peer.send_eof()
    assert found == [ws.ending, ws.ending]


@both_roles
async def test_after_the_block(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """After its block a connection says that it is over, and does not hang."""
    async with open_wired(client, timeouts=Timeouts(close=1)) as (ws, peer, _):
        await peer.send_text("unread")
        await settled()
    calls: list[Callable[[], Awaitable[object]]] = [
        ws.receive,
        lambda: ws.send("x"),
        lambda: ws.send(["x"]),
        ws.ping,
        ws.pong,
        ws.flush,
    ]
    assert await ws.receive() == "unread"
    for call in calls:
        error = await closed_by(call)
        assert isinstance(error, ConnectionLost)
        assert error.ending is ws.ending
