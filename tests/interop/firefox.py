"""A headless Firefox as one more peer.

It shows `page.html` as Chromium does (`browser`), led over a second WebSocket.
Unlike Chromium it is started for each page: without its own remote protocol
there is no other way to open one.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from trio_ws import WebSocket

from .browser import LedPage, controlled
from .install import find_program

PATIENCE = 60.0
"""How many seconds a new profile may take to show its first page."""

PREFERENCES = {
    "app.update.enabled": "false",
    "browser.aboutwelcome.enabled": "false",
    "browser.shell.checkDefaultBrowser": "false",
    "datareporting.policy.dataSubmissionEnabled": "false",
    "network.captive-portal-service.enabled": "false",
    "network.connectivity-service.enabled": "false",
    "services.settings.server": '"http://127.0.0.1:9/"',
    "toolkit.telemetry.enabled": "false",
}
"""Nothing that asks, and nothing that calls home."""


class Window(LedPage):
    """A window as a test sees it."""

    def __init__(
        self, home: Path, arrived: trio.MemoryReceiveChannel[WebSocket], control: str
    ) -> None:
        super().__init__(arrived, control)
        self._home = home
        self._popen: subprocess.Popen[bytes] | None = None

    async def open(self, page: str) -> None:
        """Start Firefox at this address, and wait until the page's script runs."""
        lines = [f'user_pref("{name}", {value});' for name, value in PREFERENCES.items()]
        (self._home / "user.js").write_text("\n".join(lines))
        self._popen = _spawn(self._home, f"{page}#{self._address}")
        await self.wait_for_script(PATIENCE)

    async def close_window(self) -> None:
        """End Firefox."""
        if self._popen is not None:
            self._popen.terminate()
            await trio.to_thread.run_sync(self._popen.wait)


def _spawn(home: Path, page: str) -> subprocess.Popen[bytes]:
    program = find_program("firefox-esr")
    assert program is not None
    return subprocess.Popen(
        [program, "--headless", "--no-remote", "--profile", home, page],
        env={**os.environ, "HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@asynccontextmanager
async def firefox(home: Path) -> AsyncGenerator[Window]:
    """Open a window to come, as a peer; it is closed at the end."""
    async with controlled() as (arrived, control):
        window = Window(home, arrived, control)
        try:
            yield window
        finally:
            with trio.move_on_after(PATIENCE, shield=True):
                await window.close_window()
