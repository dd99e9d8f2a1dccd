"""F4: a rolling deploy, two server processes behind HAProxy, one drained after the other.

Clients stay connected and requests trickle in all the time.
No request fails, every client is soon back, and never are there many handshakes at once.
"""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import trio

from trio_ws import ConnectionClosed, WebSocket, supervise

from .install import find_program

CLIENTS = 200
SPREAD = 10.0
PROGRAM = Path(__file__).with_name("rolling_server.py")

CONFIGURATION = """
global
    maxconn 2000
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    timeout tunnel 300s
    option redispatch
    retries 3
frontend all
    bind 127.0.0.1:{front}
    default_backend servers
backend servers
    balance leastconn
    option httpchk GET /health
    server a 127.0.0.1:{a} check inter 200ms fall 2 rise 1
    server b 127.0.0.1:{b} check inter 200ms fall 2 rise 1
"""


def free_ports(count: int) -> list[int]:
    """Find TCP ports that nothing listens on."""
    found = []
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
        found.append(each.getsockname()[1])
    for each in sockets:
        each.close()
    return found


@contextmanager
def program(*command: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program, and end it in the end."""
    process = subprocess.Popen([str(part) for part in command])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


class Fleet:
    """The clients, and what became of them."""

    def __init__(self, port: int) -> None:
        self.url = f"ws://127.0.0.1:{port}/"
        self.opened: list[float] = []
        self.away: list[float] = []
        self.open = 0

    async def client(self) -> None:
        """Stay connected, and note for how long it was away."""
        lost_at: float | None = None

        async def session(ws: WebSocket) -> None:
            nonlocal lost_at
            now = trio.current_time()
            self.opened.append(now)
            if lost_at is not None:
                self.away.append(now - lost_at)
            self.open += 1
            try:
                async for _ in ws:
                    pass
            finally:
                self.open -= 1
                lost_at = trio.current_time()

        with suppress(ConnectionClosed):
            await supervise(session, self.url)

    async def all_open(self) -> None:
        """Wait until every client is connected."""
        while self.open < CLIENTS:  # noqa: ASYNC110
            await trio.sleep(0.1)

    def most_in_a_second(self) -> int:
        """Count the handshakes of the busiest second."""
        times = sorted(self.opened)
        return max(sum(start <= time < start + 1 for time in times) for start in times)


async def get(port: int) -> bytes:
    """Ask for the page, over a connection of its own; return the status line."""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(b"GET /page HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = b""
        while data := await stream.receive_some():
            answer += data
    return answer.partition(b"\r\n")[0]


async def trickle(port: int, answers: list[bytes]) -> None:
    """Send a request now and then."""
    while True:
        answers.append(await get(port))
        await trio.sleep(0.05)


async def healthy(port: int) -> None:
    """Wait until a server answers."""
    while True:
        with suppress(OSError):
            if b"200" in await get(port):
                return
        await trio.sleep(0.1)


async def restart(
    processes: dict[int, subprocess.Popen[bytes]], port: int, start: list[object]
) -> None:
    """End a server politely, and start it again."""
    processes[port].terminate()
    code = await trio.to_thread.run_sync(processes[port].wait)
    assert code == 0
    processes[port] = subprocess.Popen([str(part) for part in start])  # noqa: ASYNC220
    await healthy(port)
    await trio.sleep(1)  # until the balancer knows


@pytest.mark.slow
@pytest.mark.peer
@pytest.mark.timeout(240)
@pytest.mark.parametrize(("code", "longest_away"), [(1012, 35), (1001, 12)])
async def test_a_rolling_deploy(code: int, longest_away: float, tmp_path: Path) -> None:
    """No request fails, each client is back in time, and at no moment do many come at once."""
    haproxy = find_program("haproxy")
    if haproxy is None:
        pytest.skip("HAProxy is not installed")
    front, a, b = free_ports(3)
    config = tmp_path / "haproxy.cfg"
    config.write_text(CONFIGURATION.format(front=front, a=a, b=b))
    starts: dict[int, list[object]] = {
        port: [sys.executable, PROGRAM, port, code, SPREAD] for port in (a, b)
    }
    processes = {
        port: subprocess.Popen([str(part) for part in start])  # noqa: ASYNC220
        for port, start in starts.items()
    }
    fleet, answers = Fleet(front), list[bytes]()
    try:
        for port in (a, b):
            await healthy(port)
        with program(haproxy, "-db", "-f", config):
            await healthy(front)
            await trio.sleep(1)
            async with trio.open_nursery() as nursery:
                for _ in range(CLIENTS):
                    nursery.start_soon(fleet.client)
                await fleet.all_open()
                fleet.opened.clear()
                nursery.start_soon(trickle, front, answers)
                for port in (a, b):
                    await restart(processes, port, starts[port])
                    await fleet.all_open()
                nursery.cancel_scope.cancel()
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    assert set(answers) == {b"HTTP/1.1 200 OK"}
    assert len(answers) > 100
    assert len(fleet.away) >= CLIENTS
    assert max(fleet.away) <= longest_away
    assert fleet.most_in_a_second() <= 20
