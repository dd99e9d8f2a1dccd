"""Start both sides of a role, the suite's and ours, and collect what the suite says.

Every program runs inside the block that needs it:
if one fails the others are stopped, and nothing is left behind.
"""

import json
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import trio

import trio_ws

from .verdict import Result

HERE = Path(__file__).parent
LIBRARY = Path(trio_ws.__file__).parents[1]
AGENT = "trio_ws"
BOUND = 1900.0  # seconds; fuzz27.py gives up before
GOODBYE = 30.0  # how long our own program may take to end when the suite is done


class RunFailed(Exception):
    """The suite could not say what became of the cases."""


@dataclass(frozen=True)
class Run:
    """The results of one role, and the CPU seconds that our own process used for it."""

    results: list[Result]
    seconds: float


class Program:
    """A running program, whose output is read line by line."""

    def __init__(self, process: trio.Process) -> None:
        assert process.stdout is not None
        self._output = process.stdout
        self._pending = b""
        self.terminate = process.terminate

    async def line(self) -> str:
        """Return its next line, or nothing at the end."""
        while b"\n" not in self._pending:
            chunk = await self._output.receive_some()
            if not chunk:
                return ""
            self._pending += chunk
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode()


@asynccontextmanager
async def program(*command: str | Path) -> AsyncGenerator[Program]:
    """Run a program for the length of a block, which waits for its end; it may not fail."""
    environ = os.environ | {"PYTHONPATH": str(LIBRARY)}
    run = partial(trio.run_process, command, stdout=subprocess.PIPE, env=environ)
    async with trio.open_nursery() as nursery:
        yield Program(await nursery.start(run))


async def run_server(python27: Path, patterns: str) -> Run:
    """Test our server with the suite's fuzzing client."""
    async with program(sys.executable, HERE / "echo_server.py") as ours:
        url = f"ws://127.0.0.1:{int(await ours.line())}"
        async with program(python27, HERE / "fuzz27.py", "client", url, patterns) as suite:
            results = await collect(suite, await announcement(suite))
        ours.terminate()
        with trio.fail_after(GOODBYE):
            return Run(results, float(await ours.line()))


async def run_client(python27: Path, patterns: str) -> Run:
    """Test our client with the suite's fuzzing server."""
    async with program(python27, HERE / "fuzz27.py", "server", AGENT, patterns) as suite:
        said = await announcement(suite)
        url = f"ws://127.0.0.1:{said['port']}"
        async with program(sys.executable, HERE / "echo_client.py", url, AGENT) as ours:
            results = await collect(suite, said)
            with trio.fail_after(GOODBYE):
                return Run(results, float(await ours.line()))


ROLES = {"server": run_server, "client": run_client}


async def announcement(suite: Program) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(await suite.line() or "{}")
    if "cases" not in said:
        raise RunFailed(f"the suite did not start: {said}")
    return said


async def collect(suite: Program, said: dict[str, Any]) -> list[Result]:
    """Read results until the suite says it is done; as many as it has announced."""
    results: list[Result] = []
    while "case" in (record := json.loads(await suite.line() or "{}")):
        results.append(Result.from_record(record))
    if "done" not in record or len(results) != said["cases"]:
        raise RunFailed(f"{len(results)} cases of {said['cases']}, then {record or 'nothing'}")
    return results


async def run_roles(
    python27: Path, roles: Sequence[str] = tuple(ROLES), patterns: Sequence[str] = ("*",)
) -> dict[str, Run]:
    """Run the roles side by side: each keeps one core busy, mostly with the suite's own work."""
    runs: dict[str, Run] = {}

    async def run(role: str) -> None:
        runs[role] = await ROLES[role](python27, json.dumps(patterns))

    with trio.fail_after(BOUND):
        async with trio.open_nursery() as nursery:
            for role in roles:
                nursery.start_soon(run, role)
    return {role: runs[role] for role in roles}
