"""Exceptions in words."""

from __future__ import annotations

import pytest

from trio_ws._demo.world.client import Client
from trio_ws._demo.world.errors import describe, iter_leaves, where


def test_an_exception_is_described() -> None:
    """Type and text; of a group with what is in it."""
    assert describe(ValueError("no")) == "ValueError: no"
    assert describe(KeyboardInterrupt()) == "KeyboardInterrupt"
    group = ExceptionGroup("", [ValueError("no"), ExceptionGroup("", [OSError()])])
    assert describe(group) == "ExceptionGroup(ValueError: no, ExceptionGroup(OSError))"
    assert [type(leaf) for leaf in iter_leaves(group)] == [ValueError, OSError]


def test_the_line_of_a_function() -> None:
    """Where an exception came by that function of that file; "" if it did not."""
    with pytest.raises(RuntimeError) as caught:
        Client(None, None, None).slow_down()  # type: ignore[arg-type]  # outside Trio
    error = caught.value
    found = where(ExceptionGroup("", [ValueError("elsewhere"), error]), "client.py", "slow_down")
    assert found.startswith("client.py:")
    assert found.endswith(" “self._slow_until = trio.current_time() + SLOW_FOR”")
    assert where(error, "client.py", "run") == ""
    assert where(error, "server.py", "slow_down") == ""
