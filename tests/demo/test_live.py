"""The demo with its page, on a real port: it runs, it is told where, it ends with nothing left."""

from __future__ import annotations

import socket

import pytest
import trio

from trio_ws._concurrency.suspension import watch_for_suspension
from trio_ws._demo.live import show
from trio_ws._transport.poller import current_poller


async def test_a_page_sees_the_world() -> None:
    """The page is served, and a WebSocket of that page gets pictures of the tree."""
    current_poller()  # its task is there until the run ends
    with watch_for_suspension().kept_going():  # and this one's outlives the last connection
        before = trio.lowlevel.current_statistics().tasks_living
        await see_the_world()
        assert trio.lowlevel.current_statistics().tasks_living == before


async def see_the_world() -> None:
    """Ask for the page and for its pictures, and leave."""
    async with trio.open_nursery() as nursery:
        told: list[str] = []

        async def announce(url: str) -> None:
            told.append(url)
            port = int(url.rpartition(":")[2].strip("/"))
            head = f"Host: 127.0.0.1:{port}\r\n"
            page = await ask(port, f"GET / HTTP/1.1\r\n{head}Connection: close\r\n\r\n", b"</html>")
            assert b"200" in page
            upgrade = (
                f"GET /live HTTP/1.1\r\n{head}Origin: http://127.0.0.1:{port}\r\n"
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            live = await ask(port, upgrade, b'"full":true')
            assert b"World.run" in live
            assert b'"buttons"' in live
            nursery.cancel_scope.cancel()

        await show(0, announce)
    assert told[0].startswith("http://127.0.0.1:")


async def ask(port: int, head: str, until: bytes) -> bytes:
    """Send a head, and return what comes, up to something.

    The world has a network of its own for this run, so a plain socket is used.
    """
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(head.encode())
        data = b""
        with trio.fail_after(20):  # noqa: ASYNC912
            while until not in data and (more := await stream.receive_some()):
                data += more
    return data


async def test_a_port_that_is_taken() -> None:
    """It is an `OSError`, and nothing is left."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.RaisesGroup(pytest.RaisesExc(OSError)):
            await show(taken.getsockname()[1], _never)


async def _never(url: str) -> None:
    raise AssertionError(url)
