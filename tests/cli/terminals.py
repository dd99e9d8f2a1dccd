"""Real programs on real pseudo-terminals, seen and typed to from Trio."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import trio

BOUND = 20.0
"""Seconds that a program may take for anything."""

# What makes a terminal send its signals to a program; done there, since a fork of ours must not
# run Python (there are threads).
_TAKE_THE_TERMINAL = """\
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "trio_ws", *sys.argv[1:]])
"""

_SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]|\x1b\][^\x07]*\x07|\r")


class Terminal:
    """A program on a pseudo-terminal.

    Attributes:
        screen: everything that it wrote, without the sequences that move the cursor.
    """

    def __init__(self, process: trio.Process, master: int) -> None:
        self.process = process
        self.screen = ""
        self._master = master
        self._stream = trio.lowlevel.FdStream(master)

    async def type(self, text: str) -> None:
        """Press keys."""
        await self._stream.send_all(text.encode())

    async def see(self, *texts: str) -> None:
        """Wait until all the texts have been written; a bound makes a hang a failure."""
        with trio.move_on_after(BOUND):
            await trio.lowlevel.checkpoint()
            while not all(text in self.screen for text in texts):
                if not await self._read():
                    break
        missing = [text for text in texts if text not in self.screen]
        assert not missing, f"{missing} not in {self.screen!r}"

    async def end(self) -> int:
        """Wait for the program's end; return its exit code."""
        with trio.fail_after(BOUND):
            while await self._read():
                pass
            return await self.process.wait()

    async def hang_up(self) -> int:
        """Take the terminal away, as closing its window does; return the exit code."""
        await self._stream.aclose()
        with trio.fail_after(BOUND):
            return await self.process.wait()

    def echoes(self) -> bool:
        """Return True if the terminal is as it should be: it echoes, and reads lines."""
        flags: int = termios.tcgetattr(self._master)[3]
        return bool(flags & termios.ECHO) and bool(flags & termios.ICANON)

    async def _read(self) -> bool:
        try:
            data = await self._stream.receive_some()
        except trio.BrokenResourceError:  # how Linux says that the program's end is closed
            return False
        self.screen += _SEQUENCES.sub("", data.decode("utf-8", "replace"))
        return bool(data)

    async def aclose(self) -> None:
        """Leave nothing behind."""
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        await self._stream.aclose()


@asynccontextmanager
async def on_terminal(
    *words: str, rows: int = 24, columns: int = 100, **environ: str
) -> AsyncGenerator[Terminal]:
    """Run ``python -m trio_ws`` on a terminal of its own."""
    inherited = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", _TAKE_THE_TERMINAL, *words],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env={**inherited, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", **environ},
    )
    os.close(slave)  # so that the terminal ends with the program
    terminal = Terminal(process, master)
    try:
        yield terminal
    finally:
        with trio.CancelScope(shield=True):
            await terminal.aclose()


class Piped:
    """A program between pipes.

    Attributes:
        stdin, stdout: our ends of its pipes; stdin is None if it has another.
    """

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self.stdin = process.stdin
        assert process.stdout is not None
        self.stdout = process.stdout

    async def end(self) -> tuple[int, str]:
        """Wait for its end; return the exit code and what it complained of."""
        assert self.process.stderr is not None
        said = bytearray()
        with trio.fail_after(BOUND):
            async for data in self.process.stderr:
                said += data
            return await self.process.wait(), said.decode()

    async def feed(self, data: bytes, *, close: bool = True) -> None:
        """Give it input, and perhaps the end of it."""
        assert self.stdin is not None
        await self.stdin.send_all(data)
        if close:
            await self.stdin.aclose()

    async def aclose(self) -> None:
        """Leave nothing behind."""
        if self.process.returncode is None:
            self.process.kill()
            await self.process.wait()
        for stream in (self.stdin, self.stdout, self.process.stderr):
            if stream is not None:
                await stream.aclose()


@asynccontextmanager
async def in_pipe(*words: str, stdin: int = subprocess.PIPE) -> AsyncGenerator[Piped]:
    """Run ``python -m trio_ws`` between pipes."""
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "trio_ws", *words],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    piped = Piped(process)
    try:
        yield piped
    finally:
        with trio.CancelScope(shield=True):
            await piped.aclose()
