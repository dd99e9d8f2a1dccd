"""What pytest gets from trio_ws: a fixture, two options, and the seed of a test that failed.

pytest loads this module by itself where both are installed (entry point ``pytest11``).

* ``memory_network``: a `MemoryNetwork` to be entered by the test.  It is a plain fixture,
  so it works with pytest-trio, with anyio's plugin, and with ``trio.run`` in the test.
* ``--trio-ws-seed=N``: the seed of all networks to which the test gives none.
* ``--trio-ws-renew``: let `Transcript.check` write golden files anew.

A test that fails says which seeds its networks had, and the one command that repeats it.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest

from ._determinism import VARIABLE, drawn_seeds, how_to_repeat
from ._network import MemoryNetwork
from ._transcript import RENEW


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    group = parser.getgroup("trio_ws", "WebSocket tests (trio_ws)")
    group.addoption(
        "--trio-ws-seed", type=int, metavar="N", help="seed of all networks without their own"
    )
    group.addoption(
        "--trio-ws-renew", action="store_true", help="write golden files of transcripts anew"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Hand the options on by environment variables, which work without pytest, too."""
    seed = config.getoption("--trio-ws-seed")
    wanted = {
        VARIABLE: None if seed is None else str(seed),
        RENEW: "1" if config.getoption("--trio-ws-renew") else None,
    }
    for name, value in wanted.items():
        if value is not None:
            patch = pytest.MonkeyPatch()
            patch.setenv(name, value)
            config.add_cleanup(patch.undo)


@pytest.fixture
def memory_network() -> MemoryNetwork:
    """Make a network: ``async with memory_network as network: …``."""
    return MemoryNetwork()


def pytest_runtest_setup() -> None:
    """Forget the seeds of the test before."""
    drawn_seeds.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell the seed of a failure, unless its exception has told it already."""
    report = yield
    if report.failed:
        ways = [how_to_repeat(seed) for seed in drawn_seeds]
        new = [way for way in ways if way not in report.longreprtext]
        if new:
            report.sections.append(("Repeat with", "\n".join(new)))
    return report
