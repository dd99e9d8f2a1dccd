"""A pytest plugin that ends the run when a test in virtual time waits for what will never come.

If all tasks wait and no deadline is left, a virtual clock has nowhere to jump to.
Trio tries again and again, and the test goes on for ever.
If a task looks at something once a second, the clock jumps on and on instead.
Without a guard that wakes a task that is the rule, so it must not take a minute each time.
Nothing can be raised at such a moment that Trio would survive: so the process ends.
"""

from __future__ import annotations

import math
import os
import time

import pytest
import trio
from trio.testing import MockClock

EXIT_CODE = 77
"""How the process ends then."""

SECONDS = 2.0
"""A thread, or another process, may take so long to bring something after all."""


MAX_JUMPS = 40_000
"""No test of the list needs so many jumps."""


class StuckClock:
    """What takes the place of `MockClock._autojump`, which Trio calls when all tasks wait."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._jump = MockClock._autojump
        self._since = math.inf
        self._jumps = 0

    def restart(self) -> None:
        """Begin to count for another test."""
        self._jumps = 0

    def jump(self, clock: MockClock) -> None:
        """Jump, or give up."""
        if trio.lowlevel.current_statistics().seconds_to_next_deadline < math.inf:
            self._since = math.inf
            self._jumps += 1
            if self._jumps > MAX_JUMPS:
                self._give_up()
        else:
            self._since = min(self._since, time.monotonic())
            if time.monotonic() > self._since + SECONDS:
                self._give_up()
        self._jump(clock)

    def _give_up(self) -> None:
        self._config.pluginmanager.getplugin("capturemanager").suspend_global_capture()
        test = os.environ["PYTEST_CURRENT_TEST"].rpartition(" (")[0]
        print(f"\nFAILED {test} - all tasks wait, and for nothing", flush=True)
        os._exit(EXIT_CODE)


class Restarting:
    """The part of the plugin that knows the watch."""

    def __init__(self, watch: StuckClock) -> None:
        self._watch = watch

    def pytest_runtest_setup(self) -> None:
        """Begin another test."""
        self._watch.restart()


def pytest_configure(config: pytest.Config) -> None:
    """Watch the clocks of all tests."""
    watch = StuckClock(config)

    def jump(clock: MockClock) -> None:
        watch.jump(clock)

    patch = pytest.MonkeyPatch()
    patch.setattr(MockClock, "_autojump", jump)
    config.add_cleanup(patch.undo)
    config.pluginmanager.register(Restarting(watch))
