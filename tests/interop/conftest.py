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


@pytest.fixture
async def page(processes: Processes) -> AsyncGenerator[Page]:
    """A browser's tab that is about to open."""
    if reason := CHROMIUM.lacks():
        pytest.skip(reason)
    async with processes[CHROMIUM].attached() as peer:
        assert isinstance(peer, Page)
        yield peer
