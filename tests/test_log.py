"""`trio_ws._log`: a line of the log never ends anything."""

from __future__ import annotations

import logging
from collections.abc import Generator

import pytest

from trio_ws._log import Log

from .wires import Own

NAME = "trio_ws.tests.log"


@pytest.fixture
def log() -> Log:
    """A log of a name of its own."""
    return Log(NAME)


def test_levels(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    """Each method writes at its level, and says where it was called."""
    caplog.set_level(logging.DEBUG, NAME)
    error = ZeroDivisionError()
    log.debug("a %s", 1)
    log.info("b")
    log.warning("c")
    log.error("d %r", "x", error=error)
    assert [(r.levelname, r.getMessage()) for r in caplog.records] == [
        ("DEBUG", "a 1"),
        ("INFO", "b"),
        ("WARNING", "c"),
        ("ERROR", "d 'x'"),
    ]
    assert {record.filename for record in caplog.records} == {"test_log.py"}
    assert caplog.records[3].exc_info is not None
    assert caplog.records[3].exc_info[1] is error


def test_shows(log: Log, caplog: pytest.LogCaptureFixture) -> None:
    """What is not shown need not be made."""
    caplog.set_level(logging.INFO, NAME)
    assert log.shows(logging.INFO)
    assert not log.shows(logging.DEBUG)
    log.debug("nothing")
    assert not caplog.records


class Unprintable:
    """Raises when it is put into a line."""

    def __str__(self) -> str:
        raise ZeroDivisionError


@pytest.fixture(params=[ZeroDivisionError, Own])
def broken_filter(request: pytest.FixtureRequest) -> Generator[None]:
    """A filter that raises, as a user's may, also what is no `Exception`."""

    def fail(record: logging.LogRecord) -> bool:
        raise request.param

    logger = logging.getLogger(NAME)
    logger.addFilter(fail)
    yield
    logger.removeFilter(fail)


def test_a_filter_that_raises(log: Log, broken_filter: None) -> None:
    """What a filter raises stays in the log."""
    log.error("x")


def test_an_exit_passes(log: Log) -> None:
    """A Ctrl-C while a line is written is one, and passes."""

    def stop(record: logging.LogRecord) -> bool:
        raise KeyboardInterrupt

    logger = logging.getLogger(NAME)
    logger.addFilter(stop)
    with pytest.raises(KeyboardInterrupt):
        log.error("x")
    logger.removeFilter(stop)
