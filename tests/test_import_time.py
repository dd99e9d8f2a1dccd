"""``import trio_ws`` is quick: what is slow to import comes when it is needed.

How quick it is, is measured by ``python -m tests.benchmarks.imports``.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from .benchmarks import imports
from .trees import LIBRARY

SLOW = ("email", "h11", "http", "numpy", "wsproto", "importlib.metadata")
"""What takes long, and what Trio does not import; each is needed for something unusual only."""

ECHO = """
    import trio_ws

    async def echo(ws):
        async for message in ws:
            await ws.send(message)

    async def main():
        async with trio.open_nursery() as nursery:
            server = await nursery.start(
                lambda **start: trio_ws.serve_websocket(echo, "127.0.0.1", 0, **start)
            )
            async with trio_ws.open_websocket(f"ws://127.0.0.1:{server.port}") as ws:
                await ws.send("hello")
                assert await ws.receive() == "hello"
            nursery.cancel_scope.cancel()

    trio.run(main)
"""


def slow_imports(program: str) -> list[str]:
    """Run a program that has imported Trio; return which slow modules it brought besides."""
    lines = [
        "import sys, trio",
        f"slow = {set(SLOW)} - set(sys.modules)",
        textwrap.dedent(program),
        "print(*sorted(slow & set(sys.modules)))",
    ]
    command = [sys.executable, "-c", "\n".join(lines)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


def test_the_import_is_without_what_is_slow() -> None:
    """Whatever the library needs only sometimes, it imports then."""
    assert slow_imports("import trio_ws") == []


def test_a_plain_connection_is_without_what_is_slow() -> None:
    """Nothing of it is needed from the handshake to the goodbye, so the event loop never waits."""
    assert slow_imports(ECHO) == []


@pytest.mark.slow
def test_the_import_adds_little_to_trios() -> None:
    """It adds at most 0.6 of what ``import trio`` takes, with numpy installed and without.

    That is for a quiet machine, where the benchmark prints it; the test allows twice as much.
    """
    # Measured again if it was more: another process may have had the caches meanwhile.
    assert any(
        all(found.ratio.middle <= 2 * imports.BAR for found in measured.values())
        for measured in (imports.measure({"now": LIBRARY}, 15) for _ in range(3))
    )
