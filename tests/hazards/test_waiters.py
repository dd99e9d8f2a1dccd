"""Every waiter at the moment of every end (law 7, F7.2), with the reader parked and not (F8).

A task waits in a method of the connection, outside the block, so that nothing cancels it.
Then the connection ends.  Whatever the end is, the task is woken in the same moment,
with that ending; what waits for the last step is woken within the time of a goodbye.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import ConnectionClosed, Heartbeat, Limits, Timeouts, WebSocket
from trio_ws.testing import RawPeer

from ..wires import TIGHT, TwoWayWire, both_roles, open_wired, settled, what_leaves

LIMITS = Limits(send_buffer=200, receive_buffer=300)
TIMEOUTS = Timeouts(close=4, goodbye=0.5)


@dataclass
class Scene:
    """A connection, and what waits for it."""

    ws: WebSocket
    peer: RawPeer
    wire: TwoWayWire
    nursery: trio.Nursery
    found: list[Any] = field(default_factory=list)
    ended_at: float = -1

    async def wait(self, waiter: Waiter) -> None:
        """Wait, and note how and when that ended."""
        left = await what_leaves(lambda: waiter(self.ws))
        self.found += [left, trio.current_time()]

    async def note_end(self) -> None:
        await self.ws._core.over.wait()
        self.ended_at = trio.current_time()


Waiter = Callable[[WebSocket], Awaitable[object]]
Step = Callable[[Scene], Awaitable[object]]


# What comes before: the state in which there is something to wait for


async def nothing(scene: Scene) -> None:
    """All is well."""


async def full(scene: Scene) -> None:
    """The peer takes nothing, and there is no room."""
    scene.wire.stop_taking()
    await scene.ws.send("in hand")
    await settled()
    await scene.ws.send("x" * 150)
    await settled()


async def full_of_pongs(scene: Scene) -> None:
    """The peer takes nothing, and there is no room for control frames."""
    await full(scene)
    while scene.ws._protocol.send_queue.control_size <= LIMITS.send_buffer:
        await scene.ws.pong(bytes(100))


async def sending_fragments(scene: Scene) -> None:
    """Another task is in the middle of a message, and waits for something else."""

    async def fragments() -> AsyncGenerator[str, None]:  # noqa: ASYNC900
        yield "begun"
        await trio.sleep_forever()

    async def send() -> None:
        with suppress(ConnectionClosed):
            await scene.ws.send(fragments())

    scene.nursery.start_soon(send)
    await settled()


async def streaming(scene: Scene) -> None:
    """Another task takes a message in chunks, and waits for something else."""

    async def stream() -> None:
        async with scene.ws.receive_stream():
            await trio.sleep_forever()

    scene.nursery.start_soon(stream)
    await settled()


# What waits


async def send(ws: WebSocket) -> None:
    await ws.send("y" * 150)


async def send_fragments(ws: WebSocket) -> None:
    await ws.send(["y" * 150])


async def stream(ws: WebSocket) -> None:
    async with ws.receive_stream() as chunks:
        await anext(chunks)


async def ping(ws: WebSocket) -> None:
    await ws.ping()


async def pong(ws: WebSocket) -> None:
    await ws.pong()


async def close(ws: WebSocket) -> None:
    await ws.close()


async def iterate(ws: WebSocket) -> None:
    async for _ in ws:
        pass
    assert ws.ending is not None
    assert ws.ending.normal
    raise ConnectionClosed(ws.ending)


@dataclass(frozen=True)
class Case:
    """A waiter in its state; `unparked`: only if the reader reads; `late`: until the last step."""

    name: str
    before: Step
    waiter: Waiter
    unparked: bool = False
    late: bool = False


CASES = [
    Case("send waits for room", full, send),
    Case("fragments wait for room", full, send_fragments),
    Case("flush", full, WebSocket.flush),
    Case("send behind fragments", sending_fragments, send),
    Case("fragments behind fragments", sending_fragments, send_fragments),
    Case("ping", nothing, ping),
    Case("ping behind a stuck write", full, ping),
    Case("pong waits for room", full_of_pongs, pong),
    Case("ping waits for room", full_of_pongs, ping),
    Case("receive", nothing, WebSocket.receive, unparked=True),
    Case("receive_json", nothing, WebSocket.receive_json, unparked=True),
    Case("iterate", nothing, iterate, unparked=True),
    Case("stream", nothing, stream, unparked=True),
    Case("stream waits for its turn", streaming, stream),
    Case("wait_closed", nothing, WebSocket.wait_closed, late=True),
    Case("wait_closed, stuck", full, WebSocket.wait_closed, late=True),
    Case("close", nothing, close, late=True),
    Case("close, stuck", full, close, late=True),
]


# What ends it


class Mine(Exception):
    """An exception of the body's."""


async def peer_closes(scene: Scene) -> None:
    await scene.peer.send_close()
    await scene.peer.send_eof()


async def peer_fails(scene: Scene) -> None:
    await scene.peer.send_close(1011)
    await scene.peer.send_eof()


async def eof(scene: Scene) -> None:
    await scene.peer.send_eof()


async def reset(scene: Scene) -> None:
    scene.wire.break_receiving(trio.BrokenResourceError("a reset"))


async def violation(scene: Scene) -> None:
    await scene.peer.send_frame(0x3)


async def foreign(scene: Scene) -> None:
    scene.wire.break_receiving(ZeroDivisionError("no stream raises this"))


async def silence(scene: Scene) -> None:
    """A heartbeat, or `Timeouts.idle`, ends it."""


async def write_fails(scene: Scene) -> None:
    scene.wire.break_sending(trio.BrokenResourceError("a reset"))
    await scene.ws.pong()


async def write_fails_strangely(scene: Scene) -> None:
    scene.wire.break_sending(ZeroDivisionError("no stream raises this"))
    await scene.ws.pong()


async def another_closes(scene: Scene) -> None:
    scene.nursery.start_soon(scene.ws.close)


async def another_closes_in_vain(scene: Scene) -> None:
    scene.wire.stop_taking()
    scene.nursery.start_soon(scene.ws.close)


async def body_raises(scene: Scene) -> None:
    raise Mine


PASSIVE: list[tuple[Step, dict[str, Any]]] = [
    (peer_closes, {}),
    (peer_fails, {}),
    (eof, {}),
    (reset, {}),
    (violation, {}),
    (foreign, {}),
    (silence, {"heartbeat": Heartbeat(interval=1, timeout=1)}),
    (silence, {"timeouts": Timeouts(idle=2, close=4, goodbye=0.5)}),
]
"""Seen by a reader that reads."""

ACTIVE: list[tuple[Step, dict[str, Any]]] = [
    (write_fails, {}),
    (write_fails_strangely, {}),
    (another_closes, {}),
    (another_closes_in_vain, {}),
    (body_raises, {}),
]
"""Also while the reader waits for room."""


def names(value: Any) -> str:
    """Name a parameter of these tests."""
    if isinstance(value, Case):
        return value.name
    if isinstance(value, bool):
        return "parked" if value else "reading"
    if isinstance(value, dict):
        return ",".join(value) or "defaults"
    return str(getattr(value, "__name__", value))


@both_roles
@pytest.mark.parametrize(
    ("case", "end", "options", "parked"),
    [(case, *end, False) for case in CASES for end in PASSIVE + ACTIVE]
    + [(case, *end, True) for case in CASES if not case.unparked for end in ACTIVE],
    ids=names,
)
async def test_a_waiter_at_an_end(
    case: Case,
    end: Step,
    options: dict[str, Any],
    parked: bool,
    client: bool,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """What waits is woken at the moment of the end, and told how it ended."""
    scenes: list[Scene] = []
    options = {"limits": LIMITS, "timeouts": TIMEOUTS, **options}

    async def block(nursery: trio.Nursery) -> None:
        async with open_wired(client, **options) as (ws, peer, wire):
            scene = Scene(ws, peer, wire, nursery)
            scenes.append(scene)
            nursery.start_soon(scene.note_end)
            if parked:
                for _ in range(5):
                    await peer.send_text("x" * 60)
                await settled()
                assert ws.statistics().reading_paused
            await case.before(scene)
            nursery.start_soon(scene.wait, case.waiter)
            await settled()
            assert not scene.found, "it does not wait"
            if case.waiter is close and end in (another_closes_in_vain, write_fails):
                wire.take_again()
            with suppress(ConnectionClosed):
                await end(scene)
            await ws.wait_closed()

    async with trio.open_nursery() as nursery:
        await what_leaves(lambda: block(nursery))
        await settled()
        (scene,) = scenes
        assert scene.found, f"not woken by {scene.ws.ending}"
        nursery.cancel_scope.cancel()
    left, woken_at = scene.found
    assert scene.ws.ending is not None
    if case.late:
        assert left is None
        seconds = TIMEOUTS.close if scene.ws.ending.clean else TIMEOUTS.goodbye
        assert woken_at <= scene.ended_at + seconds + TIGHT
    else:
        assert isinstance(left, ConnectionClosed), left
        assert left.ending is scene.ws.ending
        assert woken_at == scene.ended_at


@both_roles
@pytest.mark.parametrize("way", ["returns", "raises", "is cancelled"])
@pytest.mark.parametrize(
    ("case", "parked"),
    [(case, False) for case in CASES] + [(case, True) for case in CASES if not case.unparked],
    ids=names,
)
async def test_a_waiter_when_the_block_is_left(
    case: Case, way: str, parked: bool, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Leaving the block wakes what waits outside it, and takes no longer than it should."""
    scenes: list[Scene] = []

    async def block(nursery: trio.Nursery) -> None:
        async with open_wired(client, limits=LIMITS, timeouts=TIMEOUTS) as (ws, peer, wire):
            scene = Scene(ws, peer, wire, nursery)
            scenes.append(scene)
            nursery.start_soon(scene.note_end)
            if parked:
                for _ in range(5):
                    await peer.send_text("x" * 60)
                await settled()
                assert ws.statistics().reading_paused
            await case.before(scene)
            nursery.start_soon(scene.wait, case.waiter)
            await settled()
            assert not scene.found, "it does not wait"
            if way == "raises":
                raise Mine
            if way == "is cancelled":
                scope.cancel()
                await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            left = await what_leaves(lambda: block(nursery))
        assert isinstance(left, {"returns": type(None), "raises": Mine}.get(way, trio.Cancelled))
        assert trio.current_time() == (0.5 if way == "is cancelled" else 4)
        await settled()
        (scene,) = scenes
        assert scene.found, f"not woken by {scene.ws.ending}"
        assert scene.wire.closed
        nursery.cancel_scope.cancel()
    left, woken_at = scene.found
    if case.late:
        assert left is None
    else:
        assert isinstance(left, ConnectionClosed), left
        assert left.ending is scene.ws.ending
    assert woken_at == scene.ended_at
