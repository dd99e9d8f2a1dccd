"""Every case of the Autobahn testsuite, against our server and our client."""

from pathlib import Path

import pytest
import trio

from .install import CannotInstall, environment
from .roles import BOUND, ROLES, Run, run_roles
from .verdict import Expected, report

pytestmark = [pytest.mark.slow, pytest.mark.peer, pytest.mark.timeout(BOUND + 300)]


@pytest.fixture(scope="module")
def python27() -> Path:
    """The suite's interpreter; a user may do without (on CI the skip of a peer is a failure)."""
    try:
        return environment()
    except CannotInstall as reason:
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def runs(python27: Path, request: pytest.FixtureRequest) -> dict[str, Run]:
    """Both roles, run once; what became of them is shown whether the tests pass or not."""
    runs = trio.run(run_roles, python27)
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        for role, run in runs.items():
            print(f"\n{report(role, run.results, run.seconds)}")
    return runs


@pytest.mark.parametrize("role", ROLES)
def test_no_case_is_worse_than_expected(role: str, runs: dict[str, Run]) -> None:
    """No case of the suite gets a worse verdict than expected.json says."""
    worse = Expected.load(role).worse(runs[role].results)
    assert [(result.case, result.behaviour, result.close) for result in worse] == []


@pytest.mark.parametrize("role", ROLES)
def test_every_case_was_run(role: str, runs: dict[str, Run]) -> None:
    """Each case of the suite was run once."""
    cases = {result.case for result in runs[role].results}
    assert len(cases) == len(runs[role].results) == Expected.load(role).cases
