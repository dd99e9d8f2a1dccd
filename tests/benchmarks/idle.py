"""What ten thousand idle connections with heartbeats cost: CPU time and memory.

``python -m tests.benchmarks.idle`` takes about two minutes, with ``--quick`` some seconds.

There are two processes and TCP between them.
One, forked off before anything else, is the peers: a loop around epoll that knows nothing
of the library and answers each ping.
The other, which is measured, holds the connections with heartbeats,
lets one interval go by, and then watches its own CPU time for two.
The same is done once more with tasks of bare Trio that do nothing but wait, ping and read:
what a machine takes for that tells a busy or slow machine from a slow library.
"""

from __future__ import annotations

import argparse
import gc
import os
import resource
import select
import socket
import struct
import time
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import trio
import trio.testing

from trio_ws import Headers, Heartbeat, Request, Response, WebSocket
from trio_ws._connection.block import ConnectionBlock
from trio_ws._handshake.opening import Opening
from trio_ws._options import ConnectionOptions
from trio_ws._policies import HeartbeatOption, Timeouts

CORE_BAR = 5.0
"""Per cent of a core that 10,000 connections may take at an interval of 20 s."""

MEMORY_BAR = 12 * 1024
"""Bytes that an idle connection may take."""

PONG_SIZE = 2 + 4 + 8


@dataclass(frozen=True)
class Figures:
    """What was measured."""

    connections: int
    interval: float
    beats: int
    cpu: float
    memory: float

    @property
    def each(self) -> float:
        """Seconds of CPU time for one beat: a ping and its pong."""
        return self.cpu / self.beats

    def __str__(self) -> str:
        core = 100 * self.each * 10_000 / 20
        return (
            f"{self.each * 1e6:4.0f} µs for a beat, that is {core:4.1f} % of a core "
            f"for 10,000 connections at 20 s; {self.memory / 1024:4.1f} KiB each "
            f"({self.connections:,} connections, {self.beats:,} beats)"
        )


# The peers ------------------------------------------------------------------------------------


def be_the_peers(address: tuple[str, int], count: int) -> None:
    """Connect so many times, and answer each ping with its pong until everybody has gone."""
    poll = select.epoll()
    sockets = {}
    for _ in range(count):
        sock = socket.create_connection(address)
        sockets[sock.fileno()] = sock
        poll.register(sock, select.EPOLLIN)
    while sockets:
        for number, _ in poll.poll():
            if not answer_ping(sockets[number]):
                poll.unregister(number)
                sockets.pop(number).close()


def answer_ping(sock: socket.socket) -> bool:
    """Answer a server's ping, with a mask of zeros; false if it was something else, or the end."""
    try:
        ping = sock.recv(4096)
    except ConnectionError:
        return False
    if ping[:1] != b"\x89":
        return False
    length = ping[1]
    sock.send(struct.pack("!BB4x", 0x8A, 0x80 | length) + ping[2 : 2 + length])
    return True


# The connections ------------------------------------------------------------------------------


def accepted(count: int) -> list[socket.socket]:
    """The server's ends of connections to peers in a process of their own."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        if os.fork() == 0:
            be_the_peers(listener.getsockname(), count)
            os._exit(0)
        return [listener.accept()[0] for _ in range(count)]


@asynccontextmanager
async def opened(
    sockets: list[socket.socket], heartbeat: HeartbeatOption
) -> AsyncGenerator[list[WebSocket]]:
    """The connections, each in a task of its own that waits for a message."""
    held: list[WebSocket] = []
    request = Request(method="GET", target="/", headers=Headers([("Host", "bench")]))
    opening = Opening(request=request, response=Response(101))
    options = ConnectionOptions(heartbeat=heartbeat, timeouts=Timeouts(goodbye=0))

    async def handle(sock: socket.socket) -> None:
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(sock))
        ws = WebSocket(stream, opening, client=False, options=options, name="bench")
        async with ConnectionBlock(ws, nursery):  # as a server's connections
            held.append(ws)
            await ws.receive()

    async with trio.open_nursery() as nursery:
        for sock in sockets:
            nursery.start_soon(handle, sock)
        await trio.testing.wait_all_tasks_blocked()
        yield held
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def bare(sockets: list[socket.socket], interval: float) -> AsyncGenerator[list[int]]:
    """The least that Trio can do: a task that waits for bytes under a deadline, and pings."""
    read = [0]

    async def handle(sock: socket.socket) -> None:
        stream = trio.socket.from_stdlib_socket(sock)
        while True:
            with trio.CancelScope(deadline=trio.current_time() + interval):
                while True:
                    await trio.lowlevel.wait_readable(stream)
                    read[0] += len(os.read(sock.fileno(), 65536))
            os.write(sock.fileno(), b"\x89\x08" + bytes(8))

    async with trio.open_nursery() as nursery:
        for sock in sockets:
            nursery.start_soon(handle, sock)
        await trio.testing.wait_all_tasks_blocked()
        yield read
        nursery.cancel_scope.cancel()


# Measuring ------------------------------------------------------------------------------------


async def measure(count: int, interval: float) -> Figures:
    """Hold so many connections with this heartbeat for three intervals."""
    sockets = accepted(count)
    gc.collect()
    before = resident()
    async with opened(sockets, Heartbeat(interval=interval, timeout=interval)) as held:
        gc.collect()
        memory = resident() - before
        cpu, read = await watch(
            lambda: sum(ws.statistics().bytes_received for ws in held), interval
        )
        assert all(ws.ending is None for ws in held), "a healthy connection was given up"
    return Figures(count, interval, read // PONG_SIZE, cpu, memory / count)


async def measure_bare(count: int, interval: float) -> Figures:
    """The same with tasks of bare Trio."""
    sockets = accepted(count)
    gc.collect()
    before = resident()
    async with bare(sockets, interval) as received:
        gc.collect()
        memory = resident() - before
        cpu, read = await watch(lambda: received[0], interval)
    for sock in sockets:
        sock.close()
    return Figures(count, interval, read // PONG_SIZE, cpu, memory / count)


async def watch(received: Callable[[], int], interval: float) -> tuple[float, int]:
    """CPU seconds and bytes received of two intervals, after one to settle down."""
    await trio.sleep(interval + 0.1)
    read, cpu = received(), time.process_time()
    await trio.sleep(2 * interval)
    cpu = time.process_time() - cpu
    return cpu, received() - read


def resident() -> int:
    """The memory of this process, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def raise_file_limit(wanted: int) -> None:
    """Let this process open so many files, as far as it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        wanted = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def apart(measure: Callable[..., Any], count: int, interval: float) -> Figures:
    """Measure in a fresh process: in an old one, what was freed is not asked for again."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        figures: Figures = process.submit(trio.run, measure, count, interval).result()
        return figures


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="2,000 connections at 4 s")
    quick = parser.parse_args().quick
    count, interval = (2_000, 4.0) if quick else (10_000, 20.0)
    raise_file_limit(count + 100)
    ours = apart(measure, count, interval)
    print(f"trio_ws    {ours}")
    least = apart(measure_bare, count, interval)
    print(f"bare Trio  {least}")
    print(f"ratio      {ours.each / least.each:.1f}")
    print(f"bars       {CORE_BAR:g} % of a core, {MEMORY_BAR // 1024} KiB each")


if __name__ == "__main__":
    main()
