"""Slow links, dead links and stopped processes: who is given up, and when (F1.1, P12).

These talk over real TCP, through a router that lets 64 to 256 kbit/s through (`link`).
All connections of a test run side by side, each over a link of its own.
What the kernel knows is read with ``TCP_INFO``, which the library does not use.
"""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
import trio

from trio_ws import (
    ConnectionClosed,
    Ending,
    Heartbeat,
    Limits,
    Loss,
    Timeouts,
    WebSocket,
    open_websocket_on,
    serve_websocket_on,
)

from ..streams import tls_contexts
from .link import Link, acknowledged, received, slow_link, why_not

pytestmark = [pytest.mark.slow, pytest.mark.peer, pytest.mark.timeout(120)]

DEFAULT = Heartbeat()
LIMITS = Limits(max_message_size=8 * 1024 * 1024)
TIMEOUTS = Timeouts(close=2)
ROOM = 1.0
"""How many seconds late a verdict may be, besides what the machine did not let us run."""

LOOK = 1 / 40
"""Seconds between two looks at the kernel."""


@pytest.fixture(scope="module", autouse=True)
def _needs_a_link() -> None:
    if reason := why_not():
        pytest.skip(reason)


@dataclass(frozen=True)
class Case:
    """One connection over a link of its own; `rate` is in kilobits a second."""

    rate: int
    upward: bool
    heartbeat: Heartbeat
    tls: bool = False

    def __str__(self) -> str:
        direction = "up" if self.upward else "down"
        beat = f"{self.heartbeat.interval:g} s/{self.heartbeat.timeout:g} s"
        return f"{self.rate} kbit/s {direction}, heartbeat {beat}{', TLS' * self.tls}"

    def size(self, seconds: float) -> int:
        """Return how many bytes the link carries in so many seconds."""
        return int(self.rate * 1000 / 8 * seconds)


@dataclass
class Ends:
    """The two ends of an open connection: the one that sends a lot, and the one that takes it."""

    sender: WebSocket
    taker: WebSocket
    socket: socket.socket
    link: Link


@asynccontextmanager
async def open_ends(case: Case) -> AsyncGenerator[Ends]:
    """Connect both ends; only the one that sends has a heartbeat.

    With `upward` that is the client.
    """
    rates = {"up" if case.upward else "down": case.rate}
    with ExitStack() as stack:
        link, near, far = await trio.to_thread.run_sync(_connect, stack, rates)
        beats = [case.heartbeat, None] if case.upward else [None, case.heartbeat]
        client_tls, server_tls = tls_contexts() if case.tls else (None, None)
        open_client = partial(
            open_websocket_on,
            stream_of(near),
            "wss://testserver/" if case.tls else "ws://testserver/",
            heartbeat=beats[0],
            limits=LIMITS,
            timeouts=TIMEOUTS,
            ssl_context=client_tls,
        )
        options: dict[str, Any] = {"heartbeat": beats[1], "limits": LIMITS, "timeouts": TIMEOUTS}
        options["ssl_context"] = server_tls
        async with trio.open_nursery() as nursery:
            accepted, accepting = trio.open_memory_channel[WebSocket](1)

            async def handler(ws: WebSocket) -> None:
                await accepted.send(ws)
                await ws.wait_closed()

            nursery.start_soon(partial(serve_websocket_on, handler, stream_of(far), **options))
            try:
                async with open_client() as client:
                    server = await accepting.receive()
                    pair = (client, server, near) if case.upward else (server, client, far)
                    yield Ends(*pair, link)
            finally:
                nursery.cancel_scope.cancel()


def _connect(stack: ExitStack, rates: dict[str, int]) -> tuple[Link, socket.socket, socket.socket]:
    link = stack.enter_context(slow_link(**rates))
    return link, *link.connect()


def stream_of(sock: socket.socket) -> trio.SocketStream:
    """Wrap a socket."""
    sock.setblocking(False)
    return trio.SocketStream(trio.socket.from_stdlib_socket(sock))


# Who acknowledges is never given up ------------------------------------------------------------

SECONDS = 50
"""For so long a message crawls: longer than interval and timeout of the default together."""

ALIVE = [
    Case(rate, upward, heartbeat)
    for rate in (64, 128, 256)
    for upward in (True, False)
    for heartbeat in (
        DEFAULT,
        Heartbeat(interval=5, timeout=5),
        Heartbeat(interval=2, timeout=2),
        Heartbeat(interval=1, timeout=1),
    )
] + [
    Case(64, upward, heartbeat, tls=True)
    for upward in (True, False)
    for heartbeat in (DEFAULT, Heartbeat(interval=2, timeout=2))
]


async def test_a_long_message_over_a_slow_link() -> None:
    """A peer whose kernel acknowledges is not given up, however long a message crawls."""
    outcomes: dict[str, object] = {}
    began = trio.current_time()

    async def crawl(case: Case) -> None:
        size = case.size(SECONDS)
        with quiet():
            async with open_ends(case) as ends:
                await ends.sender.send(bytes(size))
                await ends.sender.flush()
                outcomes[str(case)] = len(await ends.taker.receive()) == size
        seconds = trio.current_time() - began
        if outcomes.get(str(case)) is not True:
            outcomes[str(case)] = f"{seconds:.1f} s: {ends.sender.ending}"

    async with trio.open_nursery() as nursery:
        for case in ALIVE:
            nursery.start_soon(crawl, case)
    given_up = {case: outcome for case, outcome in outcomes.items() if outcome is not True}
    assert not given_up, "\n" + "\n".join(f"{case}: {how}" for case, how in given_up.items())
    assert trio.current_time() - began >= SECONDS * 0.9


@contextmanager
def quiet() -> Generator[None]:
    """Leave the block without the loss that the test looks at itself."""
    try:
        yield
    except* ConnectionClosed:
        pass


# Who does not is given up in time ----------------------------------------------------------------


@dataclass
class Watch:
    """What the kernel saw of one connection, and how long the machine did not let us look."""

    sock: socket.socket
    last_acknowledged: float = 0
    last_received: float = 0
    held_up: float = 0

    async def run(self) -> None:
        """Note when bytes of ours were acknowledged, and when bytes came, until the end."""
        before: tuple[object, object] = (0, 0)
        now = trio.current_time()
        with suppress(OSError):
            while True:
                due, now = now + LOOK, trio.current_time()
                self.held_up += max(0, now - due - LOOK)
                seen = (acknowledged(self.sock), received(self.sock))
                if seen[0] != before[0]:
                    self.last_acknowledged, self.held_up = now, 0
                if seen[1] != before[1]:
                    self.last_received = now
                before = seen
                await trio.sleep(LOOK)

    def latest_verdict(self, heartbeat: Heartbeat, *, queued: bool) -> float:
        """Return when the peer must have been given up (P12)."""
        ping = self.last_received + heartbeat.interval + 1 / 16
        if not queued:
            return ping - 1 / 16 + heartbeat.timeout + ROOM + self.held_up
        step = min(1, heartbeat.timeout / 4)
        heard = max(self.last_acknowledged, ping)
        return heard + heartbeat.timeout + step + ROOM + self.held_up


DEAD = [
    Case(rate, upward, heartbeat)
    for rate, upward, heartbeat in [
        (64, True, DEFAULT),
        (64, False, Heartbeat(interval=2, timeout=2)),
        (128, True, Heartbeat(interval=1, timeout=1)),
        (128, False, Heartbeat(interval=5, timeout=5)),
        (256, True, Heartbeat(interval=2, timeout=2)),
        (256, False, DEFAULT),
    ]
]


async def test_a_link_that_is_cut() -> None:
    """A peer that acknowledges nothing more is given up in time, idle and in mid-message."""
    wrong: list[str] = []
    cut: set[tuple[Case, bool]] = set()

    async def be_cut(case: Case, *, queued: bool) -> None:
        with quiet():
            async with open_ends(case) as ends, trio.open_nursery() as nursery:
                watch = Watch(ends.socket)
                nursery.start_soon(watch.run)
                if queued:
                    nursery.start_soon(ends.sender.send, bytes(case.size(40)))
                try:
                    await trio.sleep(6)
                    await trio.to_thread.run_sync(ends.link.cut)
                    cut.add((case, queued))
                    await ends.sender.wait_closed()
                finally:
                    after = trio.current_time() - watch.latest_verdict(
                        case.heartbeat, queued=queued
                    )
                    nursery.cancel_scope.cancel()
        assert ends.sender.ending is not None
        in_time = (case, queued) in cut and after <= 0
        if not in_time or ends.sender.ending.loss is not Loss.HEARTBEAT:
            what = "in mid-message" if queued else "idle"
            late = f"{after:+.2f} s, held up {watch.held_up:.2f} s"
            wrong.append(f"{case}, {what}: {late}, {ends.sender.ending}")

    async with trio.open_nursery() as nursery:
        for case in DEAD:
            for queued in (True, False):
                nursery.start_soon(partial(be_cut, case, queued=queued))
    assert len(cut) == 2 * len(DEAD)
    assert not wrong, "\n" + "\n".join(wrong)


# A process that is stopped ------------------------------------------------------------------------

CLIENT = """
import sys, trio, trio_ws

async def main():
    async with trio_ws.open_websocket(sys.argv[1], heartbeat=None) as ws:
        async for message in ws:
            pass

trio.run(main)
"""


@pytest.mark.parametrize("queued", [False, True], ids=["idle", "backlog"])
@pytest.mark.parametrize(
    "heartbeat", [Heartbeat(interval=1, timeout=1), Heartbeat(interval=2, timeout=4)], ids=str
)
async def test_a_process_that_is_stopped(heartbeat: Heartbeat, queued: bool) -> None:
    """A peer that is stopped is given up in time, though its kernel goes on for a while."""
    outcomes: list[tuple[float, Ending | None]] = []

    async def handler(ws: WebSocket) -> None:
        watch = Watch(accepted)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(watch.run)
            await trio.sleep(0.5)
            client.send_signal(signal.SIGSTOP)
            try:
                while queued:
                    await ws.send(bytes(100_000))
                await trio.sleep_forever()
            finally:
                after = trio.current_time() - watch.latest_verdict(heartbeat, queued=queued)
                outcomes.append((after, ws.ending))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        client = await trio.lowlevel.open_process([sys.executable, "-c", CLIENT, url])
        accepted, _ = await trio.to_thread.run_sync(listener.accept)
    options: dict[str, Any] = {"heartbeat": heartbeat, "timeouts": TIMEOUTS}
    await serve_websocket_on(handler, stream_of(accepted), **options)
    client.kill()
    await client.wait()
    ((after, ending),) = outcomes
    assert ending is not None
    assert ending.loss is Loss.HEARTBEAT, str(ending)
    assert after <= 0
