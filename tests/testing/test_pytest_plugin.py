"""What pytest gets from trio_ws: a fixture, options, and the seed of a test that failed."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest
import trio
import trio.testing

from trio_ws import open_websocket
from trio_ws.testing import MemoryNetwork

from ..halls import echo

pytest_plugins = ["pytester"]


async def test_the_fixture(
    memory_network: MemoryNetwork, autojump_clock: trio.testing.MockClock
) -> None:
    """It is a network to be entered."""
    async with memory_network as network:
        await network.serve("ws://api.example/", echo)
        async with open_websocket("ws://api.example/"):
            pass


@pytest.fixture
def inner(pytester: pytest.Pytester) -> pytest.Pytester:
    """Make an empty project with our plugin."""
    pytester.makeini("[pytest]\naddopts = -p no:trio_ws -p no:cacheprovider\n")
    pytester.makeconftest('pytest_plugins = ["trio_ws.testing.pytest_plugin"]\n')
    return pytester


RUN = """\
import trio, trio.testing

def run(main):
    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
"""


def test_a_failure_says_how_to_repeat_it(inner: pytest.Pytester) -> None:
    """Also one behind the block, which knows no network; the command gives the same seed."""
    inner.makepyfile(
        RUN
        + """
def test_inside(memory_network):
    async def main():
        async with memory_network:
            assert False
    run(main)

def test_behind(memory_network):
    async def main():
        async with memory_network:
            pass
    run(main)
    assert memory_network.seed == 0

def test_good(memory_network):
    pass
"""
    )
    result = inner.runpytest_inprocess("-p", "no:randomly", "--trio-ws-seed=5")
    result.assert_outcomes(failed=2, passed=1)
    result.stdout.fnmatch_lines(
        [
            "*MemoryNetwork(seed=5). Repeat it with: pytest *::test_inside --trio-ws-seed=5",
            "*- Repeat with -*",
            "pytest *::test_behind --trio-ws-seed=5",
        ]
    )
    assert str(result.stdout).count("Repeat with") == 1


def test_seeds_are_fresh_without_the_option(inner: pytest.Pytester) -> None:
    """And each test is told of its own only."""
    inner.makepyfile(
        """
from trio_ws.testing import MemoryNetwork
from trio_ws.testing._determinism import drawn_seeds

def test_one(memory_network):
    assert list(drawn_seeds) == [memory_network.seed]

def test_two(memory_network):
    assert list(drawn_seeds) == [memory_network.seed]
    assert MemoryNetwork().seed != memory_network.seed
"""
    )
    inner.runpytest_inprocess().assert_outcomes(passed=2)


def test_golden_files_are_renewed(inner: pytest.Pytester) -> None:
    """With ``--trio-ws-renew``."""
    inner.makepyfile(
        RUN
        + """
from trio_ws import open_websocket
from trio_ws.testing import ScriptedPeer, record

def test_golden(memory_network):
    async def main():
        async with memory_network as network:
            @network.peer("ws://x/")
            async def script(peer):
                await peer.accept()
                await peer.send_close()
                await peer.expect_close()
            async with open_websocket("ws://x/") as ws:
                transcript = record(ws)
        text = str(transcript)
        transcript.check("golden.txt")
    run(main)
"""
    )
    inner.runpytest_inprocess().assert_outcomes(failed=1)
    inner.runpytest_inprocess("--trio-ws-renew").assert_outcomes(passed=1)
    assert "Close 1000" in (inner.path / "golden.txt").read_text(encoding="utf-8")


def test_under_anyio(inner: pytest.Pytester) -> None:
    """The fixture works with anyio's plugin, too."""
    inner.makepyfile(
        """
import pytest, trio.testing
from trio_ws import open_websocket

CLOCK = trio.testing.MockClock(autojump_threshold=0)

@pytest.fixture
def anyio_backend():
    return "trio", {"clock": CLOCK}

@pytest.mark.anyio
async def test_a_network(memory_network):
    async def echo(ws):
        async for message in ws:
            await ws.send(message)

    async with memory_network as network:
        await network.serve("ws://x/", echo, heartbeat=None)
        async with open_websocket("ws://x/", heartbeat=None) as ws:
            network.link("x", latency=3600)
            await ws.send("x")
            assert await ws.receive() == "x"
            network.link("x")
"""
    )
    done = inner.runpytest_subprocess("-p", "no:trio", "-p", "anyio")
    done.assert_outcomes(passed=1)


def test_pytest_finds_the_plugin_by_itself(tmp_path: Path) -> None:
    """Where both are installed nothing is to be configured."""
    entries = importlib.metadata.entry_points(group="pytest11", name="trio_ws")
    if not entries and not os.environ.get("CI"):
        pytest.skip("trio_ws was installed before it had an entry point: install it again")
    (entry,) = entries
    assert entry.value == "trio_ws.testing.pytest_plugin"
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--fixtures", "-q"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert "memory_network" in done.stdout


def test_the_kit_needs_no_pytest() -> None:
    """It can be imported, and a network can run, where pytest is not installed."""
    program = """
import sys
sys.modules["pytest"] = None
import trio, trio.testing
from trio_ws.testing import MemoryNetwork

async def main():
    async with MemoryNetwork() as network:
        await trio.sleep(3600)

trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))
"""
    subprocess.run([sys.executable, "-c", program], check=True)
