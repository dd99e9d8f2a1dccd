"""`trio_ws.debug._dump`: what an operator is shown of a process that goes on."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import AsyncIterator

import pytest
import trio
import trio.testing

from trio_ws import Limits, WebSocket, open_reconnecting_websocket
from trio_ws.debug import dump
from trio_ws.testing import open_websocket_pair

from ..halls import serving
from ..wires import both_roles, open_wired, settled


@pytest.fixture
def _no_stackscope(monkeypatch: pytest.MonkeyPatch) -> None:
    """`stackscope` is not installed."""
    monkeypatch.setitem(sys.modules, "stackscope", None)


def dumped() -> list[str]:
    """Return the lines that `dump` prints."""
    file = io.StringIO()
    dump(file)
    return file.getvalue().splitlines()


@pytest.mark.usefixtures("_no_stackscope")
async def test_a_line_for_each_connection(autojump_clock: trio.testing.MockClock) -> None:
    """It has name, state, path, address, queues, silence, and what is waited for."""
    async with open_websocket_pair(heartbeat=None):
        await trio.sleep(3)
        count, *lines, tree = dumped()
        assert [count, *sorted(lines), tree] == [
            "2 connections",
            "client open: / for None: out 0 B, in 0 B, silent 3.0 s; the reader waits for bytes",
            "server open: / for None: out 0 B, in 0 B, silent 3.0 s; the reader waits for bytes",
            "(for the tree of tasks: pip install stackscope)",
        ]
    assert dumped()[0] == "0 connections"


@pytest.mark.usefixtures("_no_stackscope")
async def test_a_server(autojump_clock: trio.testing.MockClock) -> None:
    """The connections of a server stand in it under the names of its log, its watch does not."""
    async with serving() as hall:
        assert dumped()[0] == "0 connections"
        async with hall.open("/chat?token=hunter2"):
            await settled()
            lines = dumped()
    assert lines[0] == "2 connections"
    assert any(re.match(r"server-\d+ open: /chat for ", line) for line in lines)
    assert "hunter2" not in "".join(lines)


def waits(ws: WebSocket) -> str:
    """Return what the first connection of a dump waits for."""
    return dumped()[1].partition("; ")[2]


@pytest.mark.usefixtures("_no_stackscope")
@both_roles
async def test_what_waits(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """Tasks that receive and that send, the writer, pings, and the reader when it is full."""
    limits = Limits(send_buffer=100, receive_buffer=100)
    async with (
        open_wired(client, limits=limits) as (ws, peer, wire),
        trio.open_nursery() as nursery,
    ):
        await settled()
        assert dumped()[0] == "1 connection"
        assert waits(ws) == "the reader waits for bytes"
        nursery.start_soon(ws.receive)
        await settled()
        assert waits(ws) == "1 task waits in receive for a message"
        nursery.start_soon(ws.receive)
        await settled()
        assert waits(ws) == "2 tasks wait in receive for a message"
        nursery.cancel_scope.cancel()
    async with (
        open_wired(client, limits=limits) as (ws, peer, wire),
        trio.open_nursery() as nursery,
    ):
        wire.stop_taking()
        nursery.start_soon(ws.ping, b"1")
        await settled()
        nursery.start_soon(ws.send, b"x" * 90)
        await settled()
        nursery.start_soon(ws.send, b"y" * 90)
        await peer.send_text("x" * 200)
        await settled()
        assert waits(ws) == (
            "the reader waits for a task that takes messages; "
            "the writer waits for the peer to take bytes; "
            "1 task waits in send for room; 1 ping for a pong"
        )
        nursery.start_soon(ws.ping, b"2")
        await settled()
        assert waits(ws).endswith("2 pings for a pong")
        nursery.cancel_scope.cancel()


@pytest.mark.usefixtures("_no_stackscope")
async def test_a_turn_to_send(autojump_clock: trio.testing.MockClock) -> None:
    """Tasks behind a message in fragments count among those that send."""
    async with open_websocket_pair() as (client, _), trio.open_nursery() as nursery:
        never = trio.Event()

        async def fragments() -> AsyncIterator[str]:  # noqa: ASYNC900
            yield "half"
            await never.wait()

        nursery.start_soon(client.send, fragments())
        await settled()
        nursery.start_soon(client.send, "behind")
        await settled()
        assert any("1 task waits in send for room" in line for line in dumped())
        nursery.cancel_scope.cancel()


@pytest.mark.usefixtures("_no_stackscope")
async def test_a_close(autojump_clock: trio.testing.MockClock) -> None:
    """A connection that closes says for how long it still may."""
    async with open_wired(True) as (ws, peer, _), trio.open_nursery() as nursery:
        nursery.start_soon(ws.close)
        await trio.sleep(4)
        assert dumped()[1].startswith("tested closing: ")
        assert waits(ws) == "the close for its end, at most 6.0 s"
        await peer.close_politely()


def test_the_tree_of_tasks(capsys: pytest.CaptureFixture[str]) -> None:
    """With `stackscope` all tasks are shown, each at the line where it waits; to stderr."""

    async def main() -> None:
        async with (
            serving() as hall,
            hall.open(),
            open_reconnecting_websocket(
                "ws://a", connect=lambda url, **options: hall.open(**options)
            ) as channel,
        ):
            await channel.send("hello")
            await channel.receive()
            dump()

    trio.run(main)
    printed = capsys.readouterr().err
    assert "Task" in printed
    if sys.version_info < (3, 13):  # into whose blocks stackscope 0.2 does not see
        for task in ("reader client", "reader server", "reconnecting channel", "stability"):
            assert re.search(rf"Task '.*{task}", printed), task
        assert "await self._transport.receive_behind" in printed


class _Interruption(trio.abc.Instrument):
    """What a signal does to a process that is idle: a function is called between two tasks."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def before_io_wait(self, timeout: float) -> None:
        """Print what goes on."""
        assert not trio.lowlevel.in_trio_task()
        self.lines = dumped()


async def test_between_two_tasks(autojump_clock: trio.testing.MockClock) -> None:
    """A signal may come while no task runs; what goes on is shown all the same."""
    interruption = _Interruption()
    async with open_websocket_pair(heartbeat=None):
        trio.lowlevel.add_instrument(interruption)
        await trio.sleep(3)
        trio.lowlevel.remove_instrument(interruption)
    assert interruption.lines[0] == "2 connections"


async def test_outside_trio() -> None:
    """There is nothing to show outside a Trio run, in another thread for example."""
    with pytest.raises(RuntimeError, match=r"dump\(\) needs Trio"):
        await trio.to_thread.run_sync(dump)
