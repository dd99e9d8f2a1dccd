"""What an idle connection holds is told by type and by line."""

from __future__ import annotations

import pytest

from . import holdings


def test_a_few_connections(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each connection has its task and a reader's, and what is shared is not counted."""
    monkeypatch.setattr(holdings, "CONNECTIONS", 20)
    monkeypatch.setattr(holdings, "SHOWN", 1000)
    assert holdings.main([]) == 0
    told = capsys.readouterr().out
    objects, lines = told.split("\n\n")
    counts = {name: float(count) for name, count in map(str.split, objects.splitlines()[1:-1])}
    assert counts["WebSocket"] == counts["Lease"] == 1
    assert counts["Task"] == 2
    assert "SystemChance" not in counts
    assert "trio_ws/_connection/connection.py:" in lines


def test_without_heartbeats(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The heartbeat may be left out."""
    monkeypatch.setattr(holdings, "CONNECTIONS", 10)
    assert holdings.main(["--without-heartbeat"]) == 0
    assert "HeartbeatTimer" not in capsys.readouterr().out
