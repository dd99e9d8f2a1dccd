"""Many connections over TCP, in runs of every kind: each gets its own, and nothing stays.

What the kernel, Trio and the poller do together is the point here, so the sockets are real.
"""

from __future__ import annotations

import os
import queue
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import (
    ConnectionLost,
    Loss,
    WebSocket,
    open_websocket,
    open_websocket_on,
    serve_websocket,
    serve_websocket_on,
)
from trio_ws._transport.poller import current_poller

from .test_sockets import tcp_pair

pytestmark = pytest.mark.usefixtures("each_way_to_wait")


async def echo(ws: WebSocket) -> None:
    """Send back whatever comes."""
    async for message in ws:
        await ws.send(message)


async def talk(port: int, number: int, messages: int) -> None:
    """Get back what was sent, in bursts of every size."""
    chance = random.Random(number)
    async with open_websocket(f"ws://127.0.0.1:{port}/") as ws:
        while messages > 0:
            burst = [
                chance.randbytes(chance.choice([0, 10, 300, 70_000, 200_000]))
                for _ in range(min(messages, chance.choice([1, 1, 2, 20])))
            ]
            messages -= len(burst)
            async with trio.open_nursery() as nursery:
                for message in burst:
                    await ws.send(message)
                    if chance.random() < 0.1:
                        nursery.start_soon(ws.ping)
                for message in burst:
                    assert await ws.receive() == message


async def echoes(connections: int, messages: int) -> None:
    """Let many talk at once, each to a connection of its own."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, echo, "127.0.0.1", 0)
        async with trio.open_nursery() as talking:
            for number in range(connections):
                talking.start_soon(talk, server.port, number, messages)
        nursery.cancel_scope.cancel()


async def test_many_at_once() -> None:
    """Each connection gets back what it has sent; the poller keeps no bell of them."""
    await echoes(20, 60)
    poller = current_poller()
    assert poller is None or not poller._bells


async def test_receivers_that_give_up() -> None:
    """Receivers that are cancelled at any moment lose nothing, and leave no byte unread."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, echo, "127.0.0.1", 0)
        async with open_websocket(f"ws://127.0.0.1:{server.port}/") as ws:
            got: list[str | bytes] = []
            for number in range(300):
                await ws.send(str(number))
                while len(got) <= number:
                    with trio.move_on_after(random.Random(number).random() / 1_000):
                        got.append(await ws.receive())
            assert got == [str(number) for number in range(300)]
        nursery.cancel_scope.cancel()


def test_two_runs_in_two_threads() -> None:
    """Two runs at once do not disturb each other."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            trio.run(echoes, 5, 40)
        except BaseException as error:  # noqa: ASYNC103 - it is told
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_a_guest() -> None:
    """A run that is the guest of another loop works, and leaves no descriptor behind."""
    todo: queue.SimpleQueue[Callable[[], Any]] = queue.SimpleQueue()
    done: list[Any] = []
    before = set(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else set()
    trio.lowlevel.start_guest_run(
        echoes,
        5,
        20,
        run_sync_soon_threadsafe=todo.put,
        done_callback=done.append,
    )
    while not done:
        todo.get()()
    done[0].unwrap()
    assert not before or set(os.listdir("/proc/self/fd")) == before


async def close_soon(stream: trio.SocketStream) -> None:
    """Close a stream that a connection has, when that has come to rest."""
    await trio.testing.wait_all_tasks_blocked(0.01)
    stream.socket.close()


@pytest.mark.parametrize("client", [True, False])
async def test_a_lent_stream_that_the_application_closes(client: bool) -> None:
    """If the application closes its stream behind our back, the connection is lost at once."""
    ours, theirs = await tcp_pair()
    lost: list[Loss | None] = []

    async def receive(ws: WebSocket, stream: trio.SocketStream) -> None:
        trio.lowlevel.spawn_system_task(close_soon, stream)
        try:
            await ws.receive()
        finally:
            assert ws.ending is not None
            lost.append(ws.ending.loss)

    async def serve(ws: WebSocket) -> None:
        if not client:
            await receive(ws, theirs)
        await trio.sleep_forever()

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_websocket_on, serve, theirs)
            with pytest.raises(ConnectionLost):
                async with open_websocket_on(ours, "ws://test/") as ws:
                    if client:
                        await receive(ws, ours)
                    await trio.sleep_forever()
    assert lost == [Loss.BROKEN]
