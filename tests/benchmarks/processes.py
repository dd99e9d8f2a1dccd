"""The processes that are measured: starting them, asking them, and their processor time."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .peers import Peer

TOP = Path(__file__).resolve().parent.parent.parent
PACKAGE = __name__.rpartition(".")[0]

PATIENCE = 60.0
"""After how many seconds without a word a program is taken for dead."""


class Failed(Exception):
    """A program ended, or answered with what nobody expected."""


class Process:
    """A running program, which speaks JSON by the line."""

    def __init__(self, command: str, popen: subprocess.Popen[str], errors: Any) -> None:
        self._popen = popen
        self.command = command
        self._errors = errors
        self.pid = popen.pid
        self.port = 0

    def hear(self) -> Any:
        """Read its next line."""
        assert self._popen.stdout is not None
        if not select.select([self._popen.stdout], [], [], PATIENCE)[0]:
            raise Failed(f"{self.command} says nothing")
        line = self._popen.stdout.readline()
        if not line:
            self._errors.seek(0)
            tail = self._errors.read()[-2000:]
            raise Failed(f"{self.command} ended with {self._popen.wait()}: {tail}")
        return json.loads(line)

    def ask(self, job: dict[str, Any]) -> dict[str, Any]:
        """Give a client something to do, and return what it reports."""
        assert self._popen.stdin is not None
        print(json.dumps(job), file=self._popen.stdin, flush=True)
        report: dict[str, Any] = self.hear()
        return report

    def cpu(self) -> float:
        """How many seconds it had a processor so far."""
        return time.clock_gettime(cpu_clock(self.pid))

    def memory(self) -> int:
        """How many bytes of memory it has."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
        raise Failed("it has no memory")


def cpu_clock(pid: int) -> int:
    """The CPU clock of another process, as Linux makes it from its number."""
    return (~pid << 3) | 2


@contextmanager
def running(module: str, *arguments: str) -> Iterator[Process]:
    """A program of ours, from its first line, which tells its port, until the block is left."""
    command = [sys.executable, "-m", f"{PACKAGE}.{module}", *arguments]
    with tempfile.TemporaryFile("w+") as errors:
        popen = subprocess.Popen(
            command,
            cwd=TOP,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        with popen:
            try:
                process = Process(module, popen, errors)
                process.port = process.hear()
                yield process
            finally:
                popen.kill()


def running_peer(peer: Peer, role: str, *arguments: str) -> Any:
    """A peer's program in one role."""
    return running(f"programs.{peer.program}", role, *peer.arguments, *arguments)
