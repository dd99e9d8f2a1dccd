"""The peers' processes, one of each for the whole test run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator

import pytest

from .browser import Browser, Page
from .converse import Papers
from .harness import Process
from .kinds import CHROMIUM, KINDS, LIBRARIES, Kind

Processes = dict[Kind, Process | Browser]


@pytest.fixture(scope="session")
def processes() -> Generator[Processes]:
    """Every peer; none is started yet, and all are ended in the end."""
    browser = Browser()
    peers: Processes = {kind: Process(kind) for kind in LIBRARIES} | {CHROMIUM: browser}
    yield peers
    for kind in KINDS:
        peers[kind].stop()
    browser.forget()


@pytest.fixture(scope="session")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """An authority and a certificate."""
    return Papers(tmp_path_factory.mktemp("papers"))


def skip_without(kind: Kind) -> None:
    """Skip the test if the peer is not installed; on CI that is a failure (tests/conftest.py)."""
    if reason := kind.lacks():
        pytest.skip(reason)


@pytest.fixture
def chromium() -> None:
    """Skip the test if there is no Chromium."""
    skip_without(CHROMIUM)


@pytest.fixture
async def page(chromium: None, processes: Processes) -> AsyncGenerator[Page]:
    """A browser's tab that is about to open."""
    async with processes[CHROMIUM].attached() as peer:
        assert isinstance(peer, Page)
        yield peer
