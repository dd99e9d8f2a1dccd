"""`_connection.heartbeat`: pings, heartbeats and the verdicts on silence (P12)."""

from __future__ import annotations

from functools import partial

import pytest
import trio
import trio.testing

from trio_ws import (
    Close,
    ConnectionLost,
    Heartbeat,
    HeartbeatTimeout,
    Limits,
    Loss,
    MessageHeartbeat,
    MessageReply,
    Timeouts,
    Watchdog,
)
from trio_ws.testing import RawPeer
from trio_ws.testing._peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT

from ..wires import (
    TIGHT,
    Own,
    both_roles,
    closed_by,
    frames_of,
    goodbye_of,
    open_wired,
    settled,
)

BEAT = Heartbeat(interval=4, timeout=2)


async def first_ping(peer: RawPeer) -> bytes:
    """Wait for the first ping of a heartbeat, which comes at a random moment of the interval."""
    frame = await peer.expect_frame(PING)
    assert trio.current_time() <= 4
    return frame.payload


# Pings


@both_roles
async def test_ping(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A ping is answered by its pong, and tells the round trip."""
    async with open_wired(client) as (ws, peer, _), trio.open_nursery() as nursery:

        async def answer() -> None:
            frame = await peer.expect_frame(PING)
            await trio.sleep(0.25)
            await peer.send_frame(PONG, frame.payload)

        assert ws.latency is None
        nursery.start_soon(answer)
        assert await ws.ping() == 0.25
        assert ws.latency == ws.statistics().latency == 0.25


@both_roles
async def test_pong_answers_all_before_it(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A pong answers its ping and every earlier one, but none that came later (§5.5.3)."""
    trips: dict[bytes, float] = {}

    async def ping(payload: bytes) -> None:
        trips[payload] = await ws.ping(payload)

    async with open_wired(client) as (ws, peer, _), trio.open_nursery() as nursery:
        for payload in (b"1", b"2", b"3"):
            nursery.start_soon(ping, payload)
            await trio.sleep(1)
        await peer.send_frame(PONG, b"2")
        await settled()
        assert trips == {b"1": 3, b"2": 2}
        assert ws.statistics().latency == 2
        assert ws.statistics().smoothed_latency == 2
        await peer.send_frame(PONG, b"3")
        await settled()
        assert trips == {b"1": 3, b"2": 2, b"3": 1}
        assert ws.statistics().latency == 1
        assert ws.statistics().smoothed_latency == 2 - 1 / 8
        assert ws.statistics().least_latency == 1


@both_roles
async def test_pongs_that_answer_nothing(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A pong that nobody asked for, or that comes twice, is ignored."""
    async with open_wired(client) as (ws, peer, _), trio.open_nursery() as nursery:
        await peer.send_frame(PONG, b"unasked")
        nursery.start_soon(ws.ping, b"asked")
        await peer.expect_frame(PING)
        for payload in (b"", b"unasked", b"asked", b"asked"):
            await peer.send_frame(PONG, payload)
        await peer.send_text("still there")
        assert await ws.receive() == "still there"


@both_roles
@pytest.mark.parametrize("end", [1000, 1011, None])
async def test_close_in_place_of_a_pong(
    end: int | None, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """When the peer closes or leaves in place of a pong, `ping` raises, and no entry is left."""
    async with trio.open_nursery() as nursery:
        with pytest.raises(ConnectionLost) if end is None else trio.CancelScope():
            async with open_wired(client) as (ws, peer, _):
                nursery.start_soon(closed_by, ws.ping)
                await peer.expect_frame(PING)
                await (peer.send_eof() if end is None else peer.send_close(end))
                await ws.wait_closed()
    assert len(ws._connection.core.pings) == 0


# The heartbeat


@both_roles
async def test_heartbeat(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """An interval after the last byte a ping goes out, each with a payload of its own."""
    async with open_wired(client, heartbeat=BEAT) as (ws, peer, _):
        payloads = {await first_ping(peer)}
        for _ in range(5):
            await trio.sleep(1)
            heard = trio.current_time()
            await peer.send_frame(PONG, b"any byte will do")
            payloads.add((await peer.expect_frame(PING)).payload)
            assert trio.current_time() == heard + 4
        assert len(payloads) == 6
        assert {len(payload) for payload in payloads} == {8}
        assert len(ws._connection.core.pings) == 1, "pings without a pong pile up"


@both_roles
async def test_interval_shorter_than_timeout(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """An answered ping is followed by the next one an interval later, however long the timeout."""
    beat = Heartbeat(interval=4, timeout=60)
    alive = False
    with pytest.raises(HeartbeatTimeout):
        async with open_wired(client, heartbeat=beat) as (_, peer, _):
            await first_ping(peer)
            pinged = trio.current_time()
            for _ in range(5):
                await trio.sleep(1)
                await peer.send_frame(PONG, b"any byte will do")
                await peer.expect_frame(PING)
                assert trio.current_time() == pinged + 5
                pinged += 5
            alive = True
            try:
                await trio.sleep_forever()
            finally:
                assert trio.current_time() == pinged + 60
    assert alive


@both_roles
async def test_first_ping_at_a_random_moment(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """The first ping comes at a random moment of the interval: a fleet does not beat in step."""
    moments = set()

    async def note() -> None:
        began = trio.current_time()
        async with open_wired(client, heartbeat=BEAT) as (_, peer, _):
            await peer.expect_frame(PING)
            moments.add(trio.current_time() - began)
            await peer.send_close()
            await peer.send_eof()

    for _ in range(30):
        await note()
    assert max(moments) - min(moments) > 1


@both_roles
async def test_bytes_are_life(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Each byte that arrives renews the lease: also one of a frame that is not complete."""
    async with open_wired(client, heartbeat=BEAT) as (ws, peer, wire):
        await peer.send_bytes(b"\x82" + (b"\x7f" if client else b"\xff"))
        for byte in (70_000).to_bytes(8, "big") + b"x" * 20:
            await trio.sleep(1.9)
            await peer.send_bytes(bytes([byte]))
        assert ws.ending is None
        assert len(frames_of(wire.written)) <= 1


@both_roles
async def test_silence(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A ping that brings nothing within the timeout is the end, and the peer is told."""
    alive = False
    with pytest.raises(HeartbeatTimeout, match=r"nothing heard for .* was not answered") as caught:
        async with open_wired(client, heartbeat=BEAT) as (_, peer, wire):
            await first_ping(peer)
            pinged = trio.current_time()
            alive = True
            try:
                await trio.sleep_forever()
            finally:
                assert trio.current_time() == pinged + 2
    assert alive
    assert caught.value.ending.loss is Loss.HEARTBEAT
    assert [frame.opcode for frame in frames_of(wire.written)] == [PING, CLOSE]


@both_roles
async def test_no_heartbeat_while_closing(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Once we close nobody is pinged or given up any more: closing has a bound of its own."""
    async with open_wired(client, heartbeat=BEAT, timeouts=Timeouts(close=30, idle=5)) as (
        ws,
        _,
        wire,
    ):
        await ws.close()
        assert trio.current_time() == 30
    assert [frame.opcode for frame in frames_of(wire.written)] == [CLOSE]


@both_roles
async def test_closed_window(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A peer that takes nothing and says nothing is lost: the timeout runs from the queued ping."""
    with pytest.raises(HeartbeatTimeout, match="not even taken"):
        async with open_wired(client, heartbeat=BEAT) as (ws, _, wire):
            wire.stop_taking()
            await ws.send("stuck")
            await trio.sleep_forever()
    assert trio.current_time() <= 6.5


@both_roles
async def test_slow_upload(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A peer that says nothing but takes our bytes, however slowly, is not dead."""
    async with open_wired(client, heartbeat=BEAT, limits=Limits(send_buffer=1)) as (ws, _, wire):
        wire.stop_taking()
        await ws.send(bytes(300_000))
        for _ in range(18):
            await trio.sleep(1.9)
            wire.take_piece()
        await settled()
        assert ws.ending is None
        assert trio.current_time() > 30


@both_roles
async def test_stuck(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """With `Timeouts.send` and no heartbeat, a peer that takes nothing and is silent is lost."""
    alive = False
    with pytest.raises(ConnectionLost) as caught:
        async with open_wired(client, timeouts=Timeouts(send=3)) as (ws, peer, wire):
            wire.stop_taking()
            await trio.sleep(10)
            await ws.send("stuck")
            await trio.sleep(2)
            await peer.send_text("I am here")
            assert await ws.receive() == "I am here"
            alive = True
            try:
                await trio.sleep_forever()
            finally:
                assert trio.current_time() == 15
    assert alive
    assert caught.value.ending.loss is Loss.SEND_TIMEOUT


@both_roles
async def test_idle(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """`Timeouts.idle` seconds without a message either way close politely; pings do not count."""
    async with (
        open_wired(client, timeouts=Timeouts(idle=5)) as (ws, peer, _),
        trio.open_nursery() as nursery,
    ):
        await trio.sleep(3)
        await peer.send_text("in")
        assert await ws.receive() == "in"
        await trio.sleep(3)
        await ws.send("out")
        await peer.expect_frame(TEXT)
        await trio.sleep(3)
        await ws.send(["out", "too"])
        for _ in range(3):
            await peer.receive_frame()
        await trio.sleep(3)
        async with ws.receive_stream() as chunks:
            for fin in (False, True):
                nursery.start_soon(partial(peer.send_frame, TEXT * (not fin), b"in", fin=fin))
                assert await anext(chunks) == "in"
                await trio.sleep(0 if fin else 3)
        await peer.send_frame(PING, b"does not count")
        await peer.expect_frame(PONG)
        assert await peer.expect_close(1001) == "idle"
        assert trio.current_time() == 20
        await peer.send_close(1001)
        await peer.send_eof()
        assert (await ws.wait_closed()).clean


@both_roles
async def test_idle_and_gone(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A peer that does not answer the close for idleness is lost, and the body is told."""
    timeouts = Timeouts(idle=30, close=4)
    with pytest.raises(ConnectionLost) as caught:
        async with open_wired(client, timeouts=timeouts):
            await trio.sleep_forever()
    assert caught.value.ending.loss is Loss.UNANSWERED
    assert trio.current_time() == 34


@both_roles
async def test_a_message_that_crawls_in_is_not_idleness(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """While a message arrives, however slowly, the connection is not idle; when it stops it is."""
    async with open_wired(client, timeouts=Timeouts(idle=5)) as (ws, peer, _):
        for opcode in [BINARY] + 9 * [CONTINUATION]:
            await peer.send_frame(opcode, b"x", fin=False)
            await trio.sleep(4)
        await peer.send_frame(CONTINUATION)
        assert await ws.receive() == b"x" * 10
        await peer.send_frame(BINARY, b"x", fin=False)
        await peer.close_politely()
        assert (await ws.wait_closed()).sent == Close(1001, "idle")
        assert trio.current_time() == 40 + 5


@both_roles
@pytest.mark.parametrize("message", ["text", ["fragment"]])
async def test_what_is_sent_into_a_stuck_window_is_not_idleness(
    message: str | list[str], client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """An application that sends is not idle, whether the peer takes what it sends or not."""
    start = trio.current_time()
    with pytest.raises(ConnectionLost, match="did not answer our close"):
        async with open_wired(client, timeouts=Timeouts(idle=5, close=2)) as (ws, _, wire):
            wire.stop_taking()
            await ws.send("in hand")
            await trio.sleep(3)
            await ws.send(message)
            await trio.sleep_forever()
    assert trio.current_time() == start + 3 + 5 + 2


@both_roles
async def test_a_message_that_crawls_out_is_not_idleness(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """While a message leaves, however slowly, the connection is not idle."""
    async with open_wired(client, timeouts=Timeouts(idle=5)) as (ws, peer, wire):
        wire.stop_taking()
        await ws.send(bytes(300_000))
        for _ in range(18):
            await trio.sleep(4)
            wire.take_piece()
        wire.take_again()
        frame = await peer.receive_frame()
        assert len(frame.payload) == 300_000
        await peer.expect_close(1001)
        assert trio.current_time() == 18 * 4 + 5


# Heartbeats made of messages


def is_pong(message: str | bytes) -> bool:
    return message == "pong"


@both_roles
async def test_message_heartbeat(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A heartbeat of messages asks with one, hides the replies, and misses them when none comes."""
    policy = MessageHeartbeat(message="ping", interval=4, timeout=2, is_reply=is_pong)
    alive = False
    with pytest.raises(HeartbeatTimeout, match="no reply"):
        async with open_wired(client, heartbeat=policy) as (ws, peer, _):
            await peer.expect_frame(TEXT, b"ping")
            replied = trio.current_time()
            await peer.send_text("pong")
            await peer.send_text("data")
            assert await ws.receive() == "data"
            await peer.expect_frame(TEXT, b"ping")
            assert trio.current_time() == replied + 4
            await peer.send_text("no reply")
            assert await ws.receive() == "no reply"
            alive = True
            try:
                await trio.sleep_forever()
            finally:
                assert trio.current_time() == replied + 6
    assert alive


@both_roles
async def test_message_interval_shorter_than_timeout(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A chosen reply is followed by the next question an interval later; other bytes are not."""
    policy = MessageHeartbeat(message="ping", interval=4, timeout=60, is_reply=is_pong)
    alive = False
    with pytest.raises(HeartbeatTimeout):
        async with open_wired(client, heartbeat=policy) as (ws, peer, _):
            await peer.expect_frame(TEXT, b"ping")
            asked = trio.current_time()
            await peer.send_text("no reply")
            assert await ws.receive() == "no reply"
            await trio.sleep(30)
            await peer.send_text("pong")
            await peer.expect_frame(TEXT, b"ping")
            assert abs(trio.current_time() - asked - 34) < TIGHT
            alive = True
            try:
                await trio.sleep_forever()
            finally:
                assert abs(trio.current_time() - asked - 34 - 60) < TIGHT
    assert alive


@both_roles
async def test_message_heartbeat_waits_its_turn(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """The message of a heartbeat does not break into one that is sent in fragments."""
    policy = MessageHeartbeat(message="ping", interval=4, timeout=2)

    async with open_wired(client, heartbeat=policy) as (ws, peer, _):
        send, receive = trio.open_memory_channel[str](0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.send, receive)
            await send.send("begun")
            await peer.expect_frame(TEXT, b"begun")
            await trio.sleep(20)
            assert ws.ending is None
            await send.aclose()
            await peer.expect_frame(CONTINUATION, b"")
            await peer.expect_frame(TEXT, b"ping")


@both_roles
@pytest.mark.parametrize("streamed", [False, True])
async def test_message_reply(
    streamed: bool, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """The peer's heartbeat messages are answered and hidden, also from one who streams."""
    policy = MessageReply(is_ping=lambda message: message == "ping", reply="pong")
    async with open_wired(client, heartbeat=policy) as (ws, peer, _):

        async def take() -> str:
            if not streamed:
                return str(await ws.receive())
            async with ws.receive_stream() as chunks:
                return "".join([str(chunk) async for chunk in chunks])

        taken: list[str] = []

        async def take_one() -> None:
            taken.append(await take())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(take_one)
            await settled()
            await peer.send_text("ping")
            await peer.expect_frame(TEXT, b"pong")
            await peer.send_text("data")
        assert taken == ["data"]


@both_roles
async def test_message_reply_waits_its_turn(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A reply waits while a message is sent in fragments; of several only the newest goes out."""
    policy = MessageReply(is_ping=lambda message: message in ("1", "2"), reply=lambda ping: ping)
    async with open_wired(client, heartbeat=policy) as (ws, peer, wire):
        send, receive = trio.open_memory_channel[str](0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ws.send, receive)
            await send.send("begun")
            await peer.send_text("1")
            await peer.send_text("2")
            await settled()
            await send.aclose()
        await settled()
        assert [frame.payload for frame in frames_of(wire.written)] == [b"begun", b"", b"2"]


@both_roles
async def test_message_reply_needs_room(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A peer that pings with messages but takes no replies does not fill our memory."""
    policy = MessageReply(is_ping=lambda message: True, reply="pong")
    limits = Limits(send_buffer=200)
    async with open_wired(client, heartbeat=policy, limits=limits) as (ws, peer, wire):
        wire.stop_taking()
        for _ in range(100):
            await peer.send_text("ping")
        await settled()
        assert ws.statistics().send_queue <= 300
        wire.take_again()
        await settled()
        assert 1 <= len(frames_of(wire.written)) <= 6


@both_roles
async def test_sign_of_life_to_one_who_takes_nothing(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """While one sign of life of a paused reader waits to be taken no other is queued behind it."""
    limits = Limits(receive_buffer=1)
    often = Heartbeat(interval=1, timeout=30)
    async with open_wired(client, heartbeat=often, limits=limits) as (ws, peer, wire):
        wire.stop_taking()
        await ws.send("in hand")
        await peer.send_text("unread")
        await trio.sleep(25)
        assert ws.ending is None
        wire.take_again()
        await settled()
        assert [frame.opcode for frame in frames_of(wire.written)][1:] == [PONG]


@both_roles
async def test_busy_with_another_message(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A peer in the middle of a message cannot reply; it is excused as long as it is heard."""
    policy = MessageHeartbeat(message="ping", interval=4, timeout=2, is_reply=is_pong)
    alive = False
    with pytest.raises(HeartbeatTimeout):
        async with open_wired(client, heartbeat=policy) as (ws, peer, _):
            for number in range(30):
                await peer.send_frame(CONTINUATION if number else BINARY, b"x", fin=False)
                await trio.sleep(1)
            assert ws.ending is None
            silent_since = trio.current_time() - 1
            alive = True
            try:
                await trio.sleep_forever()
            finally:
                assert 2 <= trio.current_time() - silent_since <= 6
    assert alive


@both_roles
@pytest.mark.parametrize("kind", [RuntimeError, Own])
async def test_message_that_cannot_be_made(
    kind: type[BaseException], client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """If making the message of a heartbeat raises, the connection ends, and that leaves bare."""

    def make() -> str:
        raise kind("the user's own")

    with pytest.raises(kind, match="the user's own"):
        async with open_wired(client, heartbeat=MessageHeartbeat(message=make)) as (_, _, wire):
            await trio.sleep_forever()
    assert frames_of(wire.written)[-1].payload[:2] == (1011).to_bytes(2, "big")


@both_roles
@pytest.mark.parametrize("kind", [RuntimeError, Own])
@pytest.mark.parametrize("function", ["is_ping", "reply"])
async def test_policy_function_that_fails(
    function: str, kind: type[BaseException], client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """If a function of a policy raises, the connection ends, and the exception leaves the block."""

    def fail(message: str | bytes) -> bool:
        raise kind("the user's own")

    def fail_too(message: str | bytes) -> str:
        raise kind("the user's own")

    policy = MessageReply(
        is_ping=fail if function == "is_ping" else bool,
        reply=fail_too if function == "reply" else "pong",
    )
    with pytest.raises(kind, match="the user's own"):
        async with open_wired(client, heartbeat=policy) as (ws, peer, wire):
            await peer.send_text("ping")
            await ws.receive()
    assert goodbye_of(wire.written)[0] == 1011
    assert wire.closed
    assert ws.ending is not None


@both_roles
async def test_watchdog(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A watchdog sends nothing, and gives up when nothing was heard for its timeout."""
    with pytest.raises(HeartbeatTimeout):
        async with open_wired(client, heartbeat=Watchdog(timeout=7)) as (_, peer, wire):
            await trio.sleep(5)
            await peer.send_frame(PONG)
            await trio.sleep_forever()
    assert trio.current_time() == 12.5
    assert [frame.opcode for frame in frames_of(wire.written)] == [CLOSE]


@both_roles
async def test_watchdog_and_a_full_inbox(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A reader that rests has no heartbeat of its own to pass on if the policy sends nothing."""
    async with open_wired(
        client, heartbeat=Watchdog(timeout=7), limits=Limits(receive_buffer=1)
    ) as (ws, peer, wire):
        await peer.send_text("unread")
        await trio.sleep(100)
        assert ws.ending is None
        assert wire.written == b""
        assert await ws.receive() == "unread"
        await peer.send_text("alive")
        assert await ws.receive() == "alive"


# A machine that was suspended


@both_roles
@pytest.mark.parametrize("state", ["open", "closing"])
async def test_probe(state: str, client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """After a suspension the peer is asked at once; not while we close."""
    async with open_wired(client, heartbeat=Heartbeat()) as (ws, peer, wire):
        await peer.send_frame(PONG)
        await settled()
        if state == "closing":
            ws._connection.close_gracefully(1000)
        ws._connection.probe(60)
        await settled()
        opcodes = [frame.opcode for frame in frames_of(wire.written)]
        assert opcodes == [PING if state == "open" else CLOSE]
        assert trio.current_time() == 0
