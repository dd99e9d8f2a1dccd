"""What both sides are set to can be watched: nothing takes longer than a glance."""

from __future__ import annotations

from pathlib import Path

import trio_ws._demo
from trio_ws import Backoff, Heartbeat, Limits
from trio_ws._demo.plain import INTRODUCTION
from trio_ws._demo.world.buttons import BUTTONS
from trio_ws._demo.world.settings import BACKOFF, HEARTBEAT, LIMITS, TIMEOUTS
from trio_ws._demo.world.world import CUT_FOR, FROZEN_FOR

from ...quickstart import TOP

DEMO = Path(trio_ws._demo.__file__).parent


def test_waits_are_short() -> None:
    """A lease of six seconds, delays of five at most, and never a rest for flapping."""
    assert HEARTBEAT.interval + HEARTBEAT.timeout == 6
    assert 2 * BACKOFF.cap <= 5
    assert BACKOFF.stable < Backoff().stable
    assert TIMEOUTS.connect <= 3


def test_a_frozen_peer_is_given_up() -> None:
    """It is frozen for longer than the lease, and a handshake in vain; the buttons say how long."""
    assert HEARTBEAT.interval + HEARTBEAT.timeout + TIMEOUTS.connect < FROZEN_FOR
    assert f"For {FROZEN_FOR:g} s" in BUTTONS["freeze"].does
    assert f"For {CUT_FOR:g} s" in BUTTONS["cut"].does


def test_the_page_tells_how_short_they_are() -> None:
    """What the page, its documentation and the text say of waits is what is set."""
    lease, default = HEARTBEAT.interval + HEARTBEAT.timeout, Heartbeat()
    usual = default.interval + default.timeout
    low, high = BACKOFF.restart
    least, most = Backoff().restart
    for path in (DEMO / "page" / "page.html", TOP / "docs" / "explain" / "demo.rst"):
        text = " ".join(path.read_text(encoding="utf-8").split())
        assert f"a lease is {lease:g} s, not {usual:g}" in text
        assert f"waits {low:g} to {high:g} s, not {least:g} to {most:g}" in text
    assert f"silent for {lease:g} s, not {usual:g}." in INTRODUCTION


def test_queues_fill_up_soon() -> None:
    """Far sooner than with the defaults."""
    assert LIMITS.receive_buffer * 100 < Limits().receive_buffer
