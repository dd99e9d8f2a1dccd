"""A peer's process, and how a test talks with it.

A process is started when a test first asks for it and serves all tests after that one by one:
starting one takes longer than most conversations.
`Peer.reset` at the start of each test drops whatever the last one left;
a process whose test failed is not trusted with another.
It ends when its standard input ends, so it goes even if the test run is killed.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import subprocess
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import trio

from .kinds import TOP, Can, Kind

PATIENCE = 10.0
"""How many seconds a peer may take for anything: plenty, for a machine that is busy."""

BAD_NEWS = frozenset({"error", "failed", "rejected"})
"""Reports that fail a test which waits for something else."""

_tags = count()


def digest(message: str | bytes) -> dict[str, Any]:
    """What a peer must report when `message` reached it."""
    data = message.encode() if isinstance(message, str) else message
    kind = "text" if isinstance(message, str) else "binary"
    return {"saw": kind, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


class Peer:
    """A peer as a test sees it: tell it what to do, ask what it saw."""

    def __init__(
        self,
        kind: Kind,
        write: Callable[[str], Awaitable[None]],
        read: Callable[[], Awaitable[str]],
    ) -> None:
        self.kind = kind
        self.pid: int | None = None
        self.unread: list[dict[str, Any]] = []
        self._write = write
        self._read = read

    def can(self, *abilities: Can) -> bool:
        """Whether its library has all of these."""
        return self.kind.abilities >= set(abilities)

    async def do(self, word: str, **details: object) -> None:
        """Tell it to do something; see the line protocol for the words."""
        await self._write(json.dumps({"do": word, **details}))

    async def saw(self, what: str) -> dict[str, Any]:
        """The oldest report of this kind that nobody has asked for yet; waits for it."""
        with trio.move_on_after(PATIENCE):
            while True:
                for event in self.unread:
                    if event["saw"] == what:
                        self.unread.remove(event)
                        return event
                    assert event["saw"] not in BAD_NEWS, f"{self.kind}, instead of {what}: {event}"
                self.unread.append(json.loads(await self._read()))
        raise AssertionError(f"{self.kind} never saw {what!r}; it saw {self.unread}")

    async def send(self, message: str | bytes) -> None:
        """Tell it to send a message."""
        if isinstance(message, str):
            await self.do("text", data=message)
        else:
            await self.do("binary", data=base64.b64encode(message).decode())

    async def got(self, message: str | bytes) -> dict[str, Any]:
        """Check that the next message of this type that reached it is this one."""
        expected = digest(message)
        event = await self.saw(expected["saw"])
        assert {key: event[key] for key in expected} == expected, f"{self.kind} got another message"
        return event

    async def listen(self, **options: object) -> int:
        """Make it serve, and return the port."""
        await self.do("listen", **options)
        port: int = (await self.saw("listening"))["port"]
        return port

    async def connect(self, url: str, **options: object) -> None:
        """Make it open a connection; what came of it is for the caller to ask."""
        await self.do("connect", url=url, **options)

    def freeze(self) -> None:
        """Stop its process where it stands: its kernel goes on acknowledging, nobody answers."""
        assert self.pid is not None
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        assert self.pid is not None
        os.kill(self.pid, signal.SIGCONT)

    async def reset(self) -> None:
        """Drop what the last test left, here and there."""
        tag = next(_tags)
        await self.do("reset", tag=tag)
        with trio.fail_after(PATIENCE):
            while json.loads(await self._read()) != {"saw": "reset", "tag": tag}:
                pass
        self.unread.clear()


class Process:
    """The process of one kind of peer, started when it is first needed."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.popen: subprocess.Popen[bytes] | None = None

    @asynccontextmanager
    async def attached(self) -> AsyncGenerator[Peer]:
        """The peer, with nothing left from the test before."""
        try:
            popen = self.running()
            async with _lines(popen) as (write, read):
                peer = Peer(self.kind, write, read)
                peer.pid = popen.pid
                await peer.reset()
                yield peer
        except BaseException:
            self.stop()
            raise

    def running(self) -> subprocess.Popen[bytes]:
        """The process, a new one if it has ended."""
        if self.popen is None or self.popen.poll() is not None:
            self.stop()
            self.popen = subprocess.Popen(
                self.kind.command, cwd=TOP, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        return self.popen

    def stop(self) -> None:
        """End the process, by force if need be; does nothing if there is none."""
        if self.popen is None:
            return
        with self.popen:  # closes the pipes, and waits for the process
            try:
                assert self.popen.stdin is not None
                self.popen.stdin.close()
                self.popen.wait(timeout=2)
            except subprocess.TimeoutExpired:
                self.popen.kill()
        self.popen = None


@asynccontextmanager
async def _lines(
    popen: subprocess.Popen[bytes],
) -> AsyncGenerator[tuple[Callable[[str], Awaitable[None]], Callable[[], Awaitable[str]]]]:
    """Write a line to the process, read one from it, with Trio, for as long as one test."""
    assert popen.stdin is not None
    assert popen.stdout is not None
    unread = bytearray()
    async with (
        trio.lowlevel.FdStream(os.dup(popen.stdin.fileno())) as stdin,
        trio.lowlevel.FdStream(os.dup(popen.stdout.fileno())) as stdout,
    ):

        async def write(line: str) -> None:
            await stdin.send_all(f"{line}\n".encode())

        async def read() -> str:
            while b"\n" not in unread:
                data = await stdout.receive_some()
                assert data, f"the peer's process ended with exit code {popen.poll()}"
                unread.extend(data)
            line, _, rest = unread.partition(b"\n")
            unread[:] = rest
            return line.decode()

        yield write, read
