"""The gate itself: which results fail a run, which are reported, how they are shown."""

import pytest

from .verdict import Expected, Result, report, table

EXPECTED = Expected(3, {"7.*": ["INFORMATIONAL", "INFORMATIONAL"], "12.*": ["UNIMPLEMENTED", "OK"]})


def result(case: str, behaviour: str = "OK", close: str = "OK") -> Result:
    return Result(case=case, behaviour=behaviour, close=close)


@pytest.mark.parametrize(
    "bad",
    [
        result("1.1", "FAILED"),
        result("1.1", close="FAILED"),
        result("1.1", close="UNCLEAN"),
        result("1.1", close="WRONG CODE"),
        result("1.1", close="FAILED BY CLIENT"),
        result("1.1", "UNIMPLEMENTED"),
        result("7.1", "FAILED"),
        result("12.1", "FAILED"),
        result("12.1", "OK", "UNCLEAN"),
        result("12.1", "a verdict of some later suite"),
    ],
)
def test_worse(bad: Result) -> None:
    """A verdict worse than expected fails the run, and never counts as better."""
    assert EXPECTED.worse([result("1.2"), bad]) == [bad]
    assert EXPECTED.better([bad]) == []


@pytest.mark.parametrize(
    "fine",
    [result("1.1"), result("1.1", "NON-STRICT"), result("7.1", "INFORMATIONAL", "INFORMATIONAL")],
)
def test_as_expected(fine: Result) -> None:
    """What is as good as expected neither fails nor is reported, strict or not."""
    assert EXPECTED.worse([fine]) == EXPECTED.better([fine]) == []


def test_better() -> None:
    """A case that was expected to be unimplemented and is not is better."""
    assert EXPECTED.better([result("12.1")]) == [result("12.1")]
    assert EXPECTED.worse([result("12.1")]) == []


def test_patterns_name_whole_numbers() -> None:
    """An exception for group 12 says nothing about group 1."""
    assert Expected(1, {"1.*": ["FAILED", "OK"]}).of("12.1") == result("12.1")


@pytest.mark.parametrize("role", ["server", "client"])
def test_nothing_bad_is_expected(role: str) -> None:
    """expected.json excuses no failure, in either role."""
    exceptions = Expected.load(role).exceptions.values()
    assert {verdict for verdicts in exceptions for verdict in verdicts} <= {
        "OK",
        "INFORMATIONAL",
        "UNIMPLEMENTED",
    }


def test_table() -> None:
    """The table counts verdicts by group, any unknown one as FAILED, and bad closes apart."""
    lines = table([result("1.1"), result("1.2", "odd", "UNCLEAN"), result("9.1")]).splitlines()
    assert [line.split() for line in lines[1:]] == [
        ["1", "framing", "2", "1", "·", "·", "·", "1", "1", "0.0"],
        ["9", "limits,", "performance", "1", "1", "·", "·", "·", "·", "·", "0.0"],
        ["all", "3", "2", "·", "·", "·", "1", "1", "0.0"],
    ]


def test_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report names what is better, and tells the story of what is worse."""
    monkeypatch.setattr(Expected, "load", lambda role: EXPECTED)
    record = {
        "case": "7.1.5",
        "behavior": "FAILED",
        "behaviorClose": "WRONG CODE",
        "result": "this",
        "resultClose": "that",
        "duration": 1500,
        "details": ["expected []"],
    }
    text = report("server", [Result.from_record(record), result("12.1")], 2.5)
    assert "our server (2.5 s of CPU)" in text
    assert "claim them: 12.1\n" in text
    assert "7.1.5: FAILED, close WRONG CODE (this / that)\n    expected []\n" in text
