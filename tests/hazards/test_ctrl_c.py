"""Ctrl-C at the n-th line of the library that the main task executes, for every n (B15, law 8).

A signal handler of Python runs between two instructions, so a Ctrl-C can come anywhere.
Wherever it comes, exactly one `KeyboardInterrupt` leaves, and what is on the wire is whole:
no line of the library is one after which half a change has been made.
"""

from __future__ import annotations

import itertools
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import trio
import trio.testing

import trio_ws

from ..wires import TwoWayWire, both_roles, frames_of, open_wired, what_leaves

LIBRARY = str(Path(trio_ws.__file__).parent)
MESSAGES = [b"whole", b"a", b"b", b"", b"ping", b"pong", b"last"]


class Press:
    """A trace function that presses Ctrl-C at the n-th line of the library in the main task."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.count = 0
        self.main: trio.lowlevel.Task | None = None
        self.where = ""

    def __call__(self, frame: FrameType, event: str, arg: object) -> Any:
        """Trace the library only."""
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
            return trio.lowlevel.current_task() is self.main
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
