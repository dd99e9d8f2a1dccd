"""`trio_ws.testing.assert_no_leaks`: what a block has left behind."""

from __future__ import annotations

import os
import re

import pytest
import trio
import trio.testing

from trio_ws import WebSocket, open_websocket, serve_websocket
from trio_ws.testing import _leaks as leaks
from trio_ws.testing import assert_no_leaks, open_websocket_pair


async def test_a_block_that_leaves_nothing() -> None:
    """Connections that were closed, files too, and tasks that are just ending."""
    async with assert_no_leaks():
        async with open_websocket_pair() as (client, server):
            await client.send("x")
            await server.receive()
        os.close(os.open(os.devnull, os.O_RDONLY))
        trio.lowlevel.spawn_system_task(trio.lowlevel.checkpoint)


async def test_the_first_sockets_of_a_run() -> None:
    """What waits for all sockets until the run ends is no leak of the block that was first."""
    async with assert_no_leaks(), trio.open_nursery() as nursery:
        server = await nursery.start(serve_websocket, WebSocket.wait_closed, "127.0.0.1", 0)
        async with open_websocket(f"ws://127.0.0.1:{server.port}/"):
            pass
        nursery.cancel_scope.cancel()


async def test_a_task_and_its_nursery() -> None:
    """A task that runs on is named, and so is the nursery that it has opened."""

    async def forgotten() -> None:
        async with trio.open_nursery() as inner:
            inner.start_soon(trio.lowlevel.checkpoint)
            inner.start_soon(trio.sleep_forever, name="the inner one")

    async with trio.open_nursery() as nursery:
        with pytest.raises(AssertionError) as caught:
            async with assert_no_leaks():
                nursery.start_soon(forgotten, name="the forgotten one")
        nursery.cancel_scope.cancel()
    lines = str(caught.value).splitlines()
    assert lines[0] == "the block has left"
    assert set(lines[1:]) == {
        "  - a task: the forgotten one",
        "  - a task: the inner one",
        "  - a nursery, opened by the task the forgotten one",
    }


async def test_a_descriptor() -> None:
    """A file that is still open is named."""
    with pytest.raises(AssertionError, match=f"a descriptor: .*{re.escape(os.devnull)}"):
        async with assert_no_leaks():
            file = os.open(os.devnull, os.O_RDONLY)
    os.close(file)


async def test_a_connection() -> None:
    """A connection that nobody has closed is named, with the tasks behind it."""
    pair = open_websocket_pair()
    kept: list[WebSocket] = []
    with pytest.raises(AssertionError, match=r"a connection: <.*client") as caught:
        async with assert_no_leaks():
            kept += await pair.__aenter__()
    assert "a task: trio_ws reader client" in str(caught.value)
    await pair.__aexit__(None, None, None)


async def test_an_exception_is_passed_on() -> None:
    """A block that fails is not asked what it has left."""
    with pytest.raises(ZeroDivisionError):
        async with assert_no_leaks():
            raise ZeroDivisionError


async def test_where_the_system_lists_no_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    """There they are not counted."""
    monkeypatch.setattr(leaks, "DESCRIPTORS", "/nowhere")
    async with assert_no_leaks():
        file = os.open(os.devnull, os.O_RDONLY)
    os.close(file)
