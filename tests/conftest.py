"""What all tests share: Hypothesis without deadlines, and peers that may be missing.

A test marked ``peer`` talks to software that not everybody has.
It skips, with a reason, where that software is missing;
on CI (``CI=true``) nothing may be missing, so there such a skip is a failure.
"""

from __future__ import annotations

import os
from collections.abc import Generator

import pytest
from hypothesis import settings

pytest_plugins = ["trio_ws.testing.pytest_plugin"]  # see addopts in pyproject.toml

ON_CI = os.environ.get("CI", "").lower() in {"1", "true"}

# A deadline per example measures the machine, not the code; `timeout` in pyproject.toml bounds all.
# On CI the examples are the same in every run, so that a red run can be repeated.
settings.register_profile("trio_ws", deadline=None, derandomize=ON_CI, print_blob=True)
settings.load_profile("trio_ws")


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
