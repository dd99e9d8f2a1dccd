"""Each way to read and to mask frames is measured with the same frames, and shown beside Python."""

from __future__ import annotations

import sys

import pytest

from trio_ws._protocol import accelerator
from trio_ws._protocol.fast_path import FastDecoder
from trio_ws._protocol.masking import mask_frames

from . import ways


@pytest.mark.parametrize("way", ways.WAYS)
@pytest.mark.parametrize("what", ways.DEEDS)
def test_a_way_that_is_installed_has_a_figure(what: str, way: str) -> None:
    """It takes some time; a way that is not installed takes none, and the choice is as before."""
    before = accelerator.compiled
    found = ways.measure(what, 32, way, seconds=0.001)
    if found is None:
        assert way != "Python"
    else:
        assert found > 0
    assert accelerator.compiled is before


@pytest.mark.parametrize("size", ways.SIZES.values())
def test_a_burst_is_read_to_its_end(size: int) -> None:
    """What is measured are whole simple frames, as the library would read them."""
    frames = ways.burst(size)
    received = b"".join(mask_frames([*frames]))
    messages: list[bytes] = []
    end = FastDecoder(masked=True, limit=sys.maxsize).read(received, 0, messages)  # type: ignore[arg-type]
    assert end == len(received)
    assert messages == [bytes(size)] * len(frames)


def test_a_missing_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the accelerator there is no figure for it."""
    monkeypatch.setattr(ways, "COMPILED", None)
    assert ways.measure("read", 32, "C", seconds=0.001) is None


def test_the_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A line has microseconds for each way, and how many times as long Python takes as C."""
    figures = {"Python": 4e-6, "numpy": None, "C": 2.5e-7}
    monkeypatch.setattr(ways, "measure", lambda what, size, way: figures[way])
    assert ways.main() == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + len(ways.DEEDS) * len(ways.SIZES)
    assert lines[1].split() == ["read", "32", "B", "4", "–", "0.25", "16"]
    monkeypatch.setitem(figures, "C", None)
    assert ways.main() == 0
    assert capsys.readouterr().out.splitlines()[-1].split()[-2:] == ["–", "–"]
