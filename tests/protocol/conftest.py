"""What the tests of the protocol share."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from trio_ws._protocol import accelerator

from .ways import WAYS, going


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Generator[str]:
    """Each way to read and to mask frames."""
    with going(request.param):
        yield request.param


@pytest.fixture
def in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """The accelerator is left out."""
    monkeypatch.setattr(accelerator, "compiled", None)
