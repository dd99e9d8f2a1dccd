"""One connection over TCP alone in its run, at both ends: the receivers wait for the socket itself.

What the kernel and Trio do is the point here, so the sockets are real.
The server has a run of its own, in a thread, so that each run has one socket.
"""

from __future__ import annotations

import os
import queue
import random
import ssl
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from functools import partial

import pytest
import trio
import trio.testing
import trustme

from trio_ws import ConnectionClosed, WebSocket, open_websocket, serve_websocket
from trio_ws._transport.lone_socket import LoneSocket
from trio_ws._transport.poller import current_poller

from ..streams import eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere is no poller")

Handler = Callable[[WebSocket], Awaitable[None]]


def waits_alone() -> bool:
    """Whether a task of this run waits for its only socket."""
    poller = current_poller()
    return poller is not None and poller._lone.is_taken


async def echo(ws: WebSocket) -> None:
    """Send back whatever comes."""
    async for message in ws:
        await ws.send(message)


@contextmanager
def served(handler: Handler, tls: ssl.SSLContext | None = None) -> Generator[int]:
    """Serve in a run of its own; check in the end that it has left no descriptor open."""
    ports: queue.SimpleQueue[int] = queue.SimpleQueue()
    stop: list[Callable[[], object]] = []
    failed: list[BaseException] = []

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            serve = partial(serve_websocket, handler, "127.0.0.1", 0, ssl_context=tls)
            server = await nursery.start(serve)
            token = trio.lowlevel.current_trio_token()
            stop.append(lambda: token.run_sync_soon(nursery.cancel_scope.cancel))
            ports.put(server.port)

    def run() -> None:
        try:
            trio.run(main)
        except BaseException as error:  # noqa: ASYNC103 - it is told
            failed.append(error)
            ports.put(0)

    before = descriptors()
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield ports.get()
    finally:
        stop[0]()
        thread.join()
    assert failed == []
    assert descriptors() <= before


def descriptors() -> int:
    """Count those that are open."""
    return len(os.listdir("/proc/self/fd"))


@asynccontextmanager
async def talking(port: int, tls: ssl.SSLContext | None = None) -> AsyncGenerator[WebSocket]:
    """Open a connection on which a message has come alone."""
    scheme = "ws" if tls is None else "wss"
    async with open_websocket(f"{scheme}://127.0.0.1:{port}/", ssl_context=tls) as ws:
        await ws.send("hello")
        assert await ws.receive() == "hello"
        yield ws


def run_against(
    handler: Handler, main: Callable[[int], Awaitable[None]], tls: ssl.SSLContext | None = None
) -> None:
    """Run `main` against a server; neither run leaves a descriptor open."""
    with served(handler, tls) as port:
        trio.run(main, port)


def count_calls(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> list[object]:
    """Note each call of a method."""
    calls: list[object] = []
    method = getattr(owner, name)

    def noted(self: object) -> object:
        calls.append(self)
        return method(self)

    monkeypatch.setattr(owner, name, noted)
    return calls


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
def test_each_message_once(secure: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages of all sizes, with pauses and receivers that give up: all come, in order."""
    seed = random.randrange(1 << 32)
    print("seed:", seed)
    chance = random.Random(seed)
    ours = theirs = None
    if secure:
        ours = ssl.create_default_context()
        theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority = trustme.CA()
        authority.configure_trust(ours)
        authority.issue_cert("127.0.0.1").configure_cert(theirs)

    async def main(port: int) -> None:
        async with talking(port, ours) as ws:
            for number in range(400):
                size = chance.choice([0, 10, 10, 10, 1_000, 70_000, 400_000])
                sent = [b"%d " % (number + index) + bytes(size) for index in range(number % 3 + 1)]
                for message in sent:
                    await ws.send(message)
                if chance.random() < 0.1:
                    await trio.sleep(chance.random() / 100)
                got: list[str | bytes] = []
                while len(got) < len(sent):
                    with trio.move_on_after(chance.choice([0, chance.random() / 1_000, 5])):
                        got.append(await ws.receive())
                assert got == sent

    waits = count_calls(monkeypatch, LoneSocket, "wait")
    run_against(echo, main, theirs)
    assert len(waits) > 10


@pytest.mark.parametrize("away", [False, True], ids=["waiting", "away"])
def test_pings_are_answered(away: bool) -> None:
    """The peer's pings are answered while a receiver waits, and while it does something else."""
    answered = threading.Event()

    async def ask(ws: WebSocket) -> None:
        await ws.send(await ws.receive())
        await ws.send(await ws.receive())
        await ws.ping()
        answered.set()
        await ws.send("done")
        await ws.wait_closed()

    async def main(port: int) -> None:
        async with talking(port) as ws:
            await ws.send("ask")
            assert await ws.receive() == "ask"
            if away:
                assert await trio.to_thread.run_sync(answered.wait, 5)
            assert await ws.receive() == "done"

    run_against(ask, main)


def test_others_come_and_go() -> None:
    """Connections that begin and end beside one that waits alone leave it in peace."""

    async def main(port: int) -> None:
        async with talking(port) as ws, trio.open_nursery() as nursery:
            got: list[str | bytes] = []

            @nursery.start_soon
            async def receive() -> None:
                got.append(await ws.receive())

            await eventually(waits_alone)
            for _ in range(3):
                async with talking(port) as other:
                    await other.send("other")
                    assert await other.receive() == "other"
            assert waits_alone()
            await ws.send("mine")
            await eventually(lambda: got)
            assert got == ["mine"]

    run_against(echo, main)


def test_one_after_the_other() -> None:
    """Connections that follow each other, often with the same descriptor, have each its own."""

    async def main(port: int) -> None:
        for number in range(20):
            async with talking(port) as ws, trio.open_nursery() as nursery:
                nursery.start_soon(ws.receive)
                await eventually(waits_alone)
                await ws.send(f"message {number}")

    run_against(echo, main)


@pytest.mark.parametrize("how", ["close", "leave", "cancel"])
def test_ends(how: str) -> None:
    """A connection on which a task waits alone ends like any other, from either side."""
    endings: list[str] = []

    async def serve(ws: WebSocket) -> None:
        await ws.send(await ws.receive())
        await ws.send(await ws.receive())
        if how == "leave":
            return
        try:
            await ws.receive()
        except ConnectionClosed as error:
            endings.append(str(error.ending))

    async def main(port: int) -> None:
        with trio.CancelScope() as scope:
            async with talking(port) as ws, trio.open_nursery() as nursery:

                async def receive(*, task_status: trio.TaskStatus[None]) -> None:
                    await ws.send("again")
                    assert await ws.receive() == "again"
                    task_status.started()
                    try:
                        await ws.receive()
                    except ConnectionClosed as error:
                        endings.append(str(error.ending))
                        nursery.cancel_scope.cancel()

                await nursery.start(receive)
                if how != "leave":
                    await eventually(waits_alone)
                    if how == "close":
                        await ws.close(4000)
                    else:
                        scope.cancel()
                await trio.sleep_forever()
        # The server's run is stopped behind this, and its handler may not have gone on yet.
        await eventually(lambda: len(endings) == {"close": 2, "leave": 1, "cancel": 1}[how])

    run_against(serve, main)
