"""The examples, which README and the documentation show, do what they say."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing
import trustme

from examples import (
    client,
    comes_back,
    echo_server,
    graceful_shutdown,
    one_port,
    secure_client,
    secure_server,
    several_processes,
)
from examples.testing_a_handler import (  # noqa: F401 - its tests run here
    test_a_guest_by_script,
    test_a_guest_is_welcomed,
    test_a_guest_who_vanishes,
    test_a_silent_guest_is_sent_away,
    test_at_its_url,
)
from examples.testing_faults import (  # noqa: F401 - its tests run here
    test_a_cut_in_the_middle_of_a_message,
    test_a_dead_line,
    test_a_slow_line,
    test_a_telephone,
    test_an_hour_on_a_train,
    test_over_real_sockets,
)
from trio_ws import (
    CloseCode,
    ConnectionLost,
    HandshakeError,
    WebSocket,
    open_websocket,
    serve_websocket,
    supervise,
)
from trio_ws.testing import MemoryNetwork

TOP = Path(__file__).resolve().parent.parent


@asynccontextmanager
async def started(main: Callable[..., Awaitable[None]], *args: object) -> AsyncGenerator[int]:
    """Run the `main` of a server on a free port; the port."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(main, *args, 0)
        yield server.port
        nursery.cancel_scope.cancel()


async def fetch(port: int, path: str) -> tuple[bytes, bytes]:
    """Ask for a page over plain HTTP; status line and body."""
    async with await trio.open_tcp_stream("localhost", port) as stream:
        await stream.send_all(
            f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = b"".join([data async for data in stream])
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.splitlines()[0], body


NO_PROXY_THERE = "http://127.0.0.1:1"


def run(name: str) -> list[str]:
    """Run an example by itself, with every warning an error; what it printed.

    The environment names a proxy, as that of a newcomer may.
    """
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", TOP / "examples" / name],
        env={**os.environ, "PYTHONPATH": str(TOP), "all_proxy": NO_PROXY_THERE},
        check=False,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_a_first_conversation() -> None:
    """It ends by itself, with nothing left; what it prints is compared in test_docs.py."""
    assert run("first_conversation.py")[-1].endswith("no task is left, every socket is closed")


def test_a_large_message_is_never_held() -> None:
    """Of 32 MiB the server holds its receive buffer at most, one read and one chunk."""
    arrived, held = run("large_message.py")
    assert arrived.startswith("32 MiB arrived, with SHA-256 ")
    number = re.search(r"more than (\d+) KiB", held)
    assert number is not None
    assert int(number[1]) <= 256 + 256 + 64


async def test_client_and_echo_server(capsys: pytest.CaptureFixture[str]) -> None:
    """README's client hears itself from README's server."""
    async with started(serve_websocket, echo_server.echo, "localhost") as port:
        await client.main(f"ws://localhost:{port}")
    assert capsys.readouterr().out == "Hello, is anybody there?\n"


async def test_the_client_that_comes_back(
    memory_network: MemoryNetwork,
    autojump_clock: trio.testing.MockClock,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """README's supervised client says hello on each connection, until the server has finished."""
    codes = [1012, 1000]

    async def welcome(ws: WebSocket) -> None:
        await ws.send(f"{await ws.receive()!s} {codes}")
        await ws.close(codes.pop(0))

    async with memory_network as network:
        await network.serve("ws://localhost:8765", welcome)
        await supervise(comes_back.listen, "ws://localhost:8765")
    assert capsys.readouterr().out == "Hello again! [1012, 1000]\nHello again! [1000]\n"


# One port


async def test_page_health_and_websocket_on_one_port() -> None:
    """Each path gets what it is for."""
    async with started(one_port.main) as port:
        assert await fetch(port, "/health") == (b"HTTP/1.1 200 OK", b"fine\n")
        status, page = await fetch(port, "/")
        assert (status, page) == (b"HTTP/1.1 200 OK", one_port.PAGE.encode())
        assert (await fetch(port, "/nothing"))[0] == b"HTTP/1.1 404 Not Found"
        assert (await fetch(port, "/seconds"))[0] == b"HTTP/1.1 426 Upgrade Required"
        async with open_websocket(
            f"ws://localhost:{port}/seconds", origin=f"http://localhost:{port}"
        ) as ws:
            assert await ws.receive() == "0"


# TLS


@pytest.fixture
def papers(tmp_path: Path) -> dict[str, str]:
    """Certificates in files: a good authority, its chain and key for localhost, a stranger."""
    authority, stranger = trustme.CA(), trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(tmp_path / "key")
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(tmp_path / "chain", append=True)
    authority.cert_pem.write_to_path(tmp_path / "authority")
    stranger.cert_pem.write_to_path(tmp_path / "stranger")
    return {path.name: str(path) for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("trusted", "said"),
    [("authority", "Is this line secure?\n"), ("stranger", "certificate verify failed")],
)
async def test_a_client_talks_to_whom_it_trusts(
    trusted: str, said: str, papers: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """With the right authority there is an echo; with another one, a sentence about it."""
    async with started(secure_server.main, papers["chain"], papers["key"]) as port:
        await secure_client.main(f"wss://localhost:{port}", papers[trusted])
    assert said in capsys.readouterr().out


# Graceful shutdown


async def test_a_signal_drains_the_server(capsys: pytest.CaptureFixture[str]) -> None:
    """SIGTERM tells the client to come back (1012), and then the program ends."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(graceful_shutdown.main, 0)
        async with open_websocket(f"ws://localhost:{server.port}") as ws:
            await ws.send("here")
            await ws.receive()
            os.kill(os.getpid(), signal.SIGTERM)
            ending = await ws.wait_closed()
    assert ending.code == CloseCode.SERVICE_RESTART
    assert capsys.readouterr().out == "stopping; 1 connected\nstopped\n"


# Several processes


@pytest.mark.slow
async def test_several_processes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All serve one port; one that dies is replaced, and SIGTERM drains them all."""
    monkeypatch.setattr(several_processes, "RESTART_DELAY", 0)
    async with trio.open_nursery() as nursery:
        port = await nursery.start(several_processes.main, 0, 2)
        url = f"ws://localhost:{port}"
        assert await fetch(port, "/health") == (b"HTTP/1.1 200 OK", b"fine\n")
        before = await names_of_processes(url, 2)
        with pytest.raises(ConnectionLost):
            async with open_websocket(url) as ws:
                killed = str(await ws.receive())
                os.kill(int(killed.split()[1]), signal.SIGKILL)
                await ws.receive()
        after = await names_of_processes(url, 2)
        assert killed in before
        assert before - after == {killed}
        async with open_websocket(url) as ws:
            assert str(await ws.receive()).startswith("process ")
            os.kill(os.getpid(), signal.SIGTERM)
            ending = await ws.wait_closed()
    assert ending.code == CloseCode.SERVICE_RESTART
    with pytest.raises(HandshakeError, match=f"localhost:{port}"):
        async with open_websocket(url):
            pass
    assert capsys.readouterr().out.splitlines() == [
        "a process has ended with -9; starting another",
        "stopped",
    ]


async def names_of_processes(url: str, count: int) -> set[str]:
    """Connect until so many different processes have answered; their names."""
    seen: set[str] = set()
    while len(seen) < count:
        async with open_websocket(url) as ws:
            seen.add(str(await ws.receive()))
    return seen


# All of them


def test_each_example_is_tested() -> None:
    """No example lies here without a test."""
    text = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("*.py"))
    names = [path.stem for path in (TOP / "examples").glob("*.py")]
    assert [name for name in names if name not in text] == []
