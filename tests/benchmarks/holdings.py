"""What an idle connection of a server holds: ``python -m tests.benchmarks.holdings``.

Some hundred clients, in a process of their own, connect to a server
whose handler waits in `receive`, with the heartbeat that is the default.
Then two tables are printed, for one connection:

objects
    that the garbage collector looks at, by their type: it visits each of them again and again
bytes
    that Python's allocator gave, by the line of the program that asked for them

What memory the process takes for all that is measured by `idle`; this says where to look.
"""

from __future__ import annotations

import argparse
import gc
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import trio
import trio.testing

from trio_ws import Heartbeat, WebSocket, serve_websocket
from trio_ws._policies import HeartbeatOption

from .crowd import crowd
from .table import aligned

CONNECTIONS = 200
SHOWN = 30

PACKAGES = ("trio_ws", "trio")
"""Files in these are named from here on."""

Shares = dict[str, float]
"""How much one connection has of each, the most first."""


async def wait(ws: WebSocket) -> None:
    """Wait for a message, as most handlers do most of the time."""
    await ws.receive()


async def measure(count: int, heartbeat: HeartbeatOption) -> tuple[Shares, Shares]:
    """Return the objects by type, and the bytes by line, of each of so many connections."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(
            lambda **start: serve_websocket(wait, "127.0.0.1", 0, heartbeat=heartbeat, **start)
        )
        async with clients(server.port, 1):
            pass  # what is made once, for all, is there now
        before = tracked()
        tracemalloc.start(1)
        async with clients(server.port, count):
            lines = allocated()
            objects = tracked()
            objects.subtract(before)
        nursery.cancel_scope.cancel()
    return shares(objects, count), shares(lines, count)


@asynccontextmanager
async def clients(port: int, count: int) -> AsyncGenerator[None]:
    """Let so many clients be connected."""
    command = [sys.executable, "-m", __spec__.name, "--clients", str(port), str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: ASYNC220
        assert process.stdin is not None
        assert process.stdout is not None
        await trio.lowlevel.wait_readable(process.stdout)
        await trio.testing.wait_all_tasks_blocked(0.05)
        yield
        process.stdin.close()
    await trio.testing.wait_all_tasks_blocked(0.05)


def be_the_clients(port: int, count: int) -> None:
    """Connect so often, and stay until there is no more input."""
    with crowd(port, count):
        print("connected", flush=True)
        sys.stdin.read()


def tracked() -> Counter[str]:
    """Count the objects that the garbage collector looks at, by their type."""
    gc.collect()
    return Counter(type(each).__qualname__ for each in gc.get_objects())


def allocated() -> Counter[str]:
    """Return the bytes that were allocated since the start, by the line that asked for them."""
    lines = Counter[str]()
    for each in tracemalloc.take_snapshot().statistics("lineno"):
        frame = each.traceback[0]
        lines[f"{shortened(frame.filename)}:{frame.lineno}"] += each.size
    tracemalloc.stop()
    return lines


def shortened(file: str) -> str:
    """Return the name of a file from its package on."""
    parts = Path(file).parts
    first = max((index for index, part in enumerate(parts) if part in PACKAGES), default=0)
    return str(Path(*parts[first:]))


def shares(totals: Counter[str], count: int) -> Shares:
    """Return what each connection has, without what all of them have together."""
    return {name: total / count for name, total in totals.most_common() if total >= count / 2}


def shown(title: str, unit: str, of_each: Shares) -> str:
    """Make a table of the most, and of all together."""
    rows = [[title, "", unit]]
    rows += [[name, "", f"{share:.1f}"] for name, share in list(of_each.items())[:SHOWN]]
    return aligned([*rows, ["all of it", "", f"{sum(of_each.values()):.1f}"]])


def main(arguments: list[str]) -> int:
    """Measure, and print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.holdings",
        description=__doc__.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--without-heartbeat", action="store_true")
    parser.add_argument("--clients", nargs=2, type=int, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.clients:
        be_the_clients(*options.clients)
        return 0
    heartbeat = None if options.without_heartbeat else Heartbeat()
    objects, lines = trio.run(measure, CONNECTIONS, heartbeat)
    print(shown("objects", "each", objects))
    print(f"\n{shown('allocated by', 'bytes', lines)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
