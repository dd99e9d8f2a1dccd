"""Ctrl-C at the n-th line of the library that the main task executes, for every n (B15, law 8).

A signal handler of Python runs between two instructions, so a Ctrl-C can come anywhere.
Wherever it comes, exactly one `KeyboardInterrupt` leaves, and what is on the wire is whole:
no line of the library is one after which half a change has been made.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import trio
import trio.testing

import trio_ws
from trio_ws._concurrency.exceptions import iter_leaves

from ..halls import Hall, MemoryListener, echo
from ..wires import TwoWayWire, both_roles, frames_of, open_wired, what_leaves
from ..worlds import World, ending, half, listen, telling

LIBRARY = str(Path(trio_ws.__file__).parent)
MESSAGES = [b"whole", b"a", b"b", b"", b"ping", b"pong", b"last"]


class Press:
    """A trace function that presses Ctrl-C at the n-th line of the library in the main task."""

    def __init__(self, at: int, *, anywhere: bool = False) -> None:
        self.at = at
        self.anywhere = anywhere
        self.count = 0
        self.main: trio.lowlevel.Task | None = None
        self.where = ""

    def __call__(self, frame: FrameType, event: str, arg: object) -> Any:
        """Trace the library only; in the main task, or anywhere."""
        return self._line if frame.f_code.co_filename.startswith(LIBRARY) else None

    def _line(self, frame: FrameType, event: str, arg: object) -> Any:
        if event == "line" and self._in_main_task():
            self.count += 1
            if self.count == self.at:
                self.where = f"{frame.f_code.co_filename}:{frame.f_lineno}"
                signal.raise_signal(signal.SIGINT)
        return self._line

    def _in_main_task(self) -> bool:
        try:
            return trio.lowlevel.current_task() is self.main or self.anywhere
        except RuntimeError:  # Trio itself is at work
            return False


async def converse(client: bool, wires: list[TwoWayWire], press: Press) -> None:
    """Use a connection in every way, while Ctrl-C may be pressed."""
    press.main = trio.lowlevel.current_task()
    async with open_wired(client) as (ws, peer, wire):
        wires.append(wire)
        await ws.send("whole")
        await ws.send(["a", "b"])
        await ws.flush()
        with trio.move_on_after(1):
            await ws.ping(b"ping")
        await ws.pong(b"pong")
        await peer.send_text("in")
        await peer.send_text("too")
        assert await ws.receive() == "in"
        async with ws.receive_stream() as chunks:
            assert await anext(chunks) == "too"
        await ws.send("last")
        with trio.move_on_after(1):
            await ws.close()


@pytest.mark.timeout(600)  # thousands of runs, on a machine that may be busy
@both_roles
@pytest.mark.parametrize(
    "stride", [23, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_ctrl_c_at_any_line(stride: int, client: bool) -> None:
    """Whichever line it comes at, it leaves bare, behind whole frames and a closed stream."""
    tracer = sys.gettrace()
    for at in itertools.count(1, stride):
        press = Press(at)
        wires: list[TwoWayWire] = []

        async def main(wires: list[TwoWayWire] = wires, press: Press = press) -> object:
            sys.settrace(press)
            try:
                return await what_leaves(lambda: converse(client, wires, press))
            finally:
                sys.settrace(tracer)

        left: object
        try:
            left = trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
        except KeyboardInterrupt as error:  # it came so late that it could only leave the run
            left = error
        if not press.where:
            assert at > 300
            return
        assert isinstance(left, KeyboardInterrupt), f"{left!r} left, pressed at {press.where}"
        if wires:
            assert wires[0].closed, f"the stream is open, pressed at {press.where}"
            payloads = [f.payload for f in frames_of(wires[0].written) if f.opcode != 0x8]
            assert payloads == MESSAGES[: len(payloads)], f"pressed at {press.where}"


# Blocks that have a task beside them: a Ctrl-C lands in that, too (F7.6)


def connecting(nursery: trio.Nursery) -> Any:
    """Return options for a world with one loss."""
    world = World(nursery, telling("a", then=ending()), telling("a", then=listen))
    return {"connect": world.connect, "jitter": half}


async def supervised(nursery: trio.Nursery) -> None:
    """Leave the block of a supervisor while another task is in its run."""

    async def session(ws: trio_ws.WebSocket) -> None:
        await ws.receive()
        await trio.sleep_forever()

    async def run() -> None:
        with contextlib.suppress(trio.ClosedResourceError):
            await supervisor.run(session)

    async with trio_ws.open_supervisor("ws://h/", **connecting(nursery)) as supervisor:
        nursery.start_soon(run)
        await trio.sleep(30)


async def channelled(nursery: trio.Nursery) -> None:
    """Use a reconnecting channel over a loss."""
    async with trio_ws.open_reconnecting_websocket("ws://h/", **connecting(nursery)) as channel:
        assert await channel.receive() == "a"
        assert await channel.receive() == "a"
        await channel.send("x")


async def served(nursery: trio.Nursery) -> None:
    """Serve, be a client of that, and drain: the doors, from the first byte to the last."""
    listener = MemoryListener()
    serve = partial(trio_ws.serve_websocket_listeners, echo, [listener])
    server: trio_ws.Server = await nursery.start(serve)
    hall = Hall(server, listener)
    async with hall.open() as ws, hall.open() as other:
        await ws.send("x")
        assert await ws.receive() == "x"
        await other.close()
        await server.drain(spread=0, timeout=1)


async def served_and_cancelled(nursery: trio.Nursery) -> None:
    """Serve, and be cancelled with a connection that is open and one that is none yet."""
    listener = MemoryListener()
    async with trio.open_nursery() as inner:
        serve = partial(trio_ws.serve_websocket_listeners, echo, [listener])
        hall = Hall(await inner.start(serve), listener)
        await listener.connect().send_all(b"GET / HT")
        async with hall.open() as ws:
            await ws.send("x")
            assert await ws.receive() == "x"
            inner.cancel_scope.cancel()


@pytest.mark.timeout(600)  # thousands of runs, on a machine that may be busy
@pytest.mark.parametrize(
    "stride", [37, pytest.param(1, marks=pytest.mark.slow)], ids=["some", "all"]
)
@pytest.mark.parametrize("program", [supervised, channelled, served, served_and_cancelled])
def test_ctrl_c_in_any_task(program: Callable[[trio.Nursery], Any], stride: int) -> None:
    """Whichever line of whichever task it comes at, everything ends, and with it."""
    tracer = sys.gettrace()
    for at in itertools.count(1, stride):
        press = Press(at, anywhere=True)

        async def main(press: Press = press) -> None:
            async with trio.open_nursery() as nursery:
                sys.settrace(press)
                try:
                    await program(nursery)
                finally:
                    sys.settrace(tracer)
                nursery.cancel_scope.cancel()

        left: list[BaseException] = []
        try:
            trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
        except BaseException as error:  # noqa: ASYNC103 - outside of Trio
            left = list(iter_leaves(error))
        if not press.where:
            assert at > 300
            return
        assert any(isinstance(leaf, KeyboardInterrupt) for leaf in left), (press.where, left)
