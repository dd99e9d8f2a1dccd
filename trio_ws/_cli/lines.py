"""Lines in, lines out: pipes without blocking, everything else in a thread.

Standard input may be a pipe, a terminal, a file, or closed.
Trio can wait for a pipe; a file or a terminal is read by a thread,
which is left behind when the command ends before the next line does.

`Outlet` writes what is put into it, much at a time.
It holds at most `OUTLET` bytes and one line, so that a slow reader slows the peer down,
and not our memory up.  It lives outside the connection's block,
since what has arrived is to be shown also when the connection is lost.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

import trio

from .exits import CommandError

MAX_LINE = 16 * 1024 * 1024
"""A longer line of the input is refused."""

CHUNK = 64 * 1024
OUTLET = 64 * 1024
"""Bytes that may wait to be written."""

Read = Callable[[], Awaitable[bytes | bytearray]]
Write = Callable[[bytes], Awaitable[object]]


def is_pipe(fd: int) -> bool:
    """Return True if Trio can wait for this file descriptor."""
    if not hasattr(trio.lowlevel, "FdStream"):  # pragma: no cover - Windows
        return False
    try:
        mode = os.fstat(fd).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


@contextmanager
def open_lines(fd: int) -> Iterator[Lines]:
    """Read lines from a file descriptor for the length of a block.

    A descriptor that is not open has no lines.
    """
    if is_pipe(fd):
        stream = trio.lowlevel.FdStream(os.dup(fd))
        try:
            yield Lines(stream.receive_some)
        finally:
            stream.close()  # which lets the pipe block again, for other programs that have it
    else:
        yield Lines(lambda: _read_in_thread(fd))


async def _read_in_thread(fd: int) -> bytes:
    try:
        return await trio.to_thread.run_sync(os.read, fd, CHUNK, abandon_on_cancel=True)
    except OSError:  # it is not open, or a terminal that has hung up
        return b""


class Lines(AsyncIterator[bytes]):
    """A source of the lines in what `read` returns, without their ends; ``b""`` ends it.

    A last line without an end counts, too.

    Raises:
        CommandError: a line is longer than `MAX_LINE`.
    """

    def __init__(self, read: Read) -> None:
        self._read = read
        self._ready: deque[bytes] = deque()
        self._rest = bytearray()
        self._ended = False

    async def __anext__(self) -> bytes:
        """Return the next line."""
        while not self._ready:
            if self._ended:
                raise StopAsyncIteration
            self._take(await self._read())
        return self._ready.popleft().removesuffix(b"\r")

    def _take(self, data: bytes | bytearray) -> None:
        """Split what was read; keep the beginning of a line that goes on."""
        self._ended = not data
        *lines, last = bytes(data).split(b"\n")
        if lines:
            self._ready.append(bytes(self._rest) + lines[0])
            self._ready.extend(lines[1:])
            self._rest.clear()
        self._rest += last
        if len(self._rest) > MAX_LINE:
            raise CommandError(f"a line of the input is longer than {MAX_LINE >> 20} MiB")
        if self._ended and self._rest:
            self._ready.append(bytes(self._rest))


class Outlet:
    """An outlet for lines; `run` writes them, in a task of its own."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._lines: list[bytes] = []
        self._size = 0
        self._filled = trio.Event()
        self._emptied = trio.Event()

    async def put(self, line: bytes) -> None:
        """Queue a line; wait while too much waits to be written."""
        self._lines.append(line)
        self._size += len(line) + 1
        self._filled.set()
        if self._size > OUTLET:
            await self._emptied.wait()
        else:
            await trio.lowlevel.checkpoint_if_cancelled()

    async def flush(self) -> None:
        """Wait until everything is written."""
        while self._size:
            await self._emptied.wait()

    async def run(self) -> None:
        """Write, until cancelled.

        Raises:
            BrokenPipeError: the reader went away.
        """
        while True:
            await self._filled.wait()
            self._filled = trio.Event()
            lines, self._lines = self._lines, []
            await self._write(b"\n".join([*lines, b""]))
            self._size -= sum(map(len, lines)) + len(lines)
            self._emptied.set()
            self._emptied = trio.Event()


@contextmanager
def open_writer(fd: int) -> Iterator[Write]:
    """Write to a file descriptor for the length of a block; what is returned writes all of it.

    Raises:
        BrokenPipeError: by what is returned, if the reader went away.
    """
    if not is_pipe(fd):
        yield lambda data: _write_in_thread(fd, data)
        return
    stream = trio.lowlevel.FdStream(os.dup(fd))

    async def write(data: bytes) -> None:
        try:
            await stream.send_all(data)
        except trio.BrokenResourceError as error:
            raise BrokenPipeError from error

    try:
        yield write
    finally:
        stream.close()


async def _write_in_thread(fd: int, data: bytes) -> None:
    await trio.to_thread.run_sync(_write_all, fd, data, abandon_on_cancel=True)


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
