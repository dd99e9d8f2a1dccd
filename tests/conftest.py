"""What all tests share: Hypothesis without deadlines, cases in order, peers that may be missing.

A test marked ``peer`` talks to software that not everybody has.
It skips, with a reason, where that software is missing;
on CI (``CI=true``) nothing may be missing, so there such a skip is a failure.
"""

from __future__ import annotations

import importlib
import os
import random
import signal
import warnings
from collections.abc import Callable, Generator
from contextlib import suppress
from types import FrameType
from typing import TypeAlias

import pytest
from hypothesis import settings

from trio_ws._protocol import masking
from trio_ws._transport.poller import current_poller

from . import secrecy

pytest_plugins = ["trio_ws.testing.pytest_plugin"]  # see addopts in pyproject.toml

ON_CI = os.environ.get("CI", "").lower() in {"1", "true"}

# A deadline per example measures the machine, not the code; `timeout` in pyproject.toml bounds all.
# On CI the examples are the same in every run, so that a red run can be repeated.
settings.register_profile("trio_ws", deadline=None, derandomize=ON_CI, print_blob=True)
settings.load_profile("trio_ws")

# A shell starts background jobs with Ctrl-C ignored, and they hand that on; tests rely on Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


Handler: TypeAlias = Callable[[int, FrameType | None], None]


class TimeIsOver(BaseException):
    """A test takes longer than its limit, `timeout`.

    pytest-timeout says so with an exception that Hypothesis takes for the failure of an example.
    It would play that example again, which passes then, and report an example
    that fails now and then: of a limit that was too tight for a busy machine.
    """


def tell_the_limit(raises: Callable[[int, FrameType | None], object]) -> Handler:
    """Return a handler of the signal that raises `TimeIsOver` for what pytest-timeout raises."""

    def handle(number: int, frame: FrameType | None) -> None:
        try:
            raises(number, frame)
        except pytest.fail.Exception as failure:
            raise TimeIsOver(str(failure)) from None

    return handle


@pytest.hookimpl(wrapper=True)
def pytest_timeout_set_timer(
    item: pytest.Item, settings: object
) -> Generator[None, object, object]:
    """Let no limit look like a failing example; see `TimeIsOver`."""
    done = yield
    found = signal.getsignal(signal.SIGALRM) if hasattr(signal, "SIGALRM") else None
    if callable(found):
        signal.signal(signal.SIGALRM, tell_the_limit(found))
    return done


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Refuse cases without an order: two processes that share the tests would disagree."""
    for mark in metafunc.definition.iter_markers("parametrize"):
        cases = mark.kwargs.get("argvalues", mark.args[-1])
        if isinstance(cases, (set, frozenset)):
            raise pytest.UsageError(f"{metafunc.definition.nodeid}: sort the set of cases")


@pytest.fixture(scope="session", autouse=True)
def numpy_is_there() -> None:
    """The library imports numpy in a thread when it first needs it; tests begin with it.

    So what they run does not depend on when that thread is done.
    """
    with suppress(ImportError):
        masking.numpy.provide(importlib.import_module("numpy"))


@pytest.fixture(scope="session", autouse=True)
def secrets_are_watched() -> Generator[None]:
    """Every test fails during which a message of the library shows what it must not."""
    with pytest.MonkeyPatch.context() as patch:
        secrecy.begin(patch)
        yield


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin afresh: the chance that a test meets is its own, and is the same each time.

    What the last test showed of the secret is forgotten: it has failed for it already.
    """
    random.seed(item.nodeid)
    secrecy.watch.shown.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """Fail a test that would pass, if a message showed a secret."""
    yield
    secrecy.watch.complain()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, None, None]:
    """The same for what was said while the test was taken down."""
    yield
    secrecy.watch.complain()


def pytest_warning_recorded(warning_message: warnings.WarningMessage) -> None:
    """Look at a warning that is not an error."""
    secrecy.watch.look("warning", str(warning_message.message))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """On CI, turn the skip of a test that lacks its peer into a failure."""
    report = yield
    if ON_CI and report.skipped and item.get_closest_marker("peer"):
        report.outcome = "failed"
        report.longrepr = f"CI must have every peer, but {item.nodeid} skipped: {report.longrepr}"
    return report


@pytest.fixture(params=["poller", "no poller"])
def each_way_to_wait(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Sockets are watched by the poller, and again as where there is none."""
    if request.param == "no poller":
        monkeypatch.setattr(current_poller, "_make", lambda: None)
    return str(request.param)
