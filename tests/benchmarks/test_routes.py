"""To choose one of 100 routes takes some microseconds."""

from __future__ import annotations

import pytest

from . import routes


@pytest.mark.parametrize("kind", routes.MATCHES)
def test_a_match_is_quick(kind: str) -> None:
    """Even on a busy machine a match takes no more than three times the bar."""
    assert routes.measure_match(routes.MATCHES[kind], rounds=5) <= 3 * routes.BAR


def test_the_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Each kind of path has a line, with a bar if it has a route; the exit code tells a miss."""
    monkeypatch.setattr(routes, "quickest", lambda act, rounds: (act() and 1e-6) or 2e-6)
    assert routes.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(routes.MATCHES) + len(routes.REFUSED)
    assert lines[1].split() == ["a", "literal", "1.00", "5", "2.00"]
    assert lines[-1].split() == ["ambiguous", "–", "–", "2.00"]
    monkeypatch.setattr(routes, "BAR", 1e-7)
    assert routes.main() == 1
