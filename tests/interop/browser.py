"""A headless Chromium as one more peer.

Chromium is a process of the whole test run; each test opens a tab in it, and closes it.
The tab shows `page.html`, served beside the WebSocket on the same port (`converse.serve_page`),
and the page is led over a second WebSocket, to a server of its own,
so that the connection under test carries nothing but the test.
Tabs are opened over Chromium's DevTools port, in plain HTTP.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import urllib.request
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio

from trio_ws import ANY_ORIGIN, Limits, WebSocket, open_websocket, serve_websocket

from .harness import PATIENCE, Peer
from .kinds import CHROMIUM

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--ignore-certificate-errors",  # of our own authority, which it does not know
    "--remote-debugging-port=0",
)
"""No sandbox, since tests may run as root; nothing that calls home."""


class Browser:
    """The Chromium of a test run, started when it is first needed."""

    kind = CHROMIUM

    def __init__(self) -> None:
        self.popen: subprocess.Popen[bytes] | None = None
        self.home = tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True)
        self.devtools = ""

    async def start(self) -> None:
        """Start it with a profile of its own, and learn where its DevTools listen."""
        profile = Path(self.home.name, f"profile-{os.urandom(4).hex()}")
        self.popen = _spawn(profile)
        port = ""
        for _ in range(600):
            await trio.sleep(0.05)
            assert self.popen.poll() is None, "chromium ended as soon as it was started"
            if port := _first_line(profile / "DevToolsActivePort"):
                break
        assert port, "chromium did not open its DevTools"
        self.devtools = f"http://127.0.0.1:{port}"

    def stop(self) -> None:
        """Kill it and all its children; does nothing if there is none."""
        if self.popen is not None:
            with self.popen:
                os.killpg(self.popen.pid, signal.SIGKILL)
            self.popen = None

    def forget(self) -> None:
        """Remove its profiles."""
        self.home.cleanup()

    async def ask(self, path: str) -> Any:
        """A request to DevTools over HTTP."""
        request = urllib.request.Request(f"{self.devtools}/json/{path}", method="PUT")
        fetch = partial(urllib.request.urlopen, request, timeout=PATIENCE)
        with await trio.to_thread.run_sync(fetch) as response:
            data = await trio.to_thread.run_sync(response.read)
        return json.loads(data) if data[:1] in (b"{", b"[") else data.decode()

    @asynccontextmanager
    async def attached(self) -> AsyncGenerator[Page]:
        """A tab to come, as a peer; it is closed at the end."""
        if self.popen is None or self.popen.poll() is not None:
            self.stop()
            await self.start()
        async with controlled() as (arrived, control):
            page = Page(self, arrived, control)
            try:
                yield page
            finally:
                with trio.move_on_after(PATIENCE, shield=True):
                    await page.close_tab()


@asynccontextmanager
async def controlled() -> AsyncGenerator[tuple[trio.MemoryReceiveChannel[WebSocket], str]]:
    """Serve the connections over which pages are led: where they arrive, and their address."""
    arrivals, arrived = trio.open_memory_channel[WebSocket](1)

    async def control(ws: WebSocket) -> None:
        await arrivals.send(ws)
        await ws.wait_closed()

    async with trio.open_nursery() as nursery:
        limits = Limits(max_message_size=64 * 1024 * 1024)
        serve = partial(serve_websocket, control, "127.0.0.1", 0, origins=ANY_ORIGIN, limits=limits)
        server = await nursery.start(serve)
        yield arrived, f"ws://127.0.0.1:{server.port}/"
        nursery.cancel_scope.cancel()


class LedPage(Peer):
    """A page of a browser, led over a WebSocket of its own."""

    def __init__(self, arrived: trio.MemoryReceiveChannel[WebSocket], control: str) -> None:
        super().__init__(CHROMIUM, self._write_line, self._read_line)
        self._arrived = arrived
        self._address = control
        self._control: WebSocket | None = None

    async def open(self, page: str) -> None:
        """Open the page at this address, and wait until its script runs."""
        raise NotImplementedError

    async def wait_for_script(self, seconds: float) -> None:
        """Wait until the page's script has connected."""
        with trio.fail_after(seconds):
            self._control = await self._arrived.receive()

    async def connect(self, url: str, **options: object) -> None:
        """Open the page that the server of `url` serves, and connect from there."""
        scheme, _, rest = url.partition("://")
        host = rest.partition("/")[0]
        await self.open(f"{'https' if scheme == 'wss' else 'http'}://{host}/page")
        await super().connect(url, **options)

    async def _write_line(self, line: str) -> None:
        assert self._control is not None
        await self._control.send(line)

    async def _read_line(self) -> str:
        assert self._control is not None
        line = await self._control.receive()
        assert isinstance(line, str)
        return line


class Page(LedPage):
    """A tab of Chromium as a test sees it."""

    def __init__(
        self, browser: Browser, arrived: trio.MemoryReceiveChannel[WebSocket], control: str
    ) -> None:
        super().__init__(arrived, control)
        self.browser = browser
        self.tab: str | None = None
        self.debugger = ""

    async def open(self, page: str) -> None:
        """Open the tab at this address, and wait until its script runs."""
        tab = await self.browser.ask(f"new?{page}%23{self._address}")
        self.tab, self.debugger = tab["id"], tab["webSocketDebuggerUrl"]
        await self.wait_for_script(PATIENCE)

    async def close_tab(self) -> None:
        """Close the tab as its user would."""
        tab, self.tab = self.tab, None
        if tab is not None and self.browser.popen is not None:
            await self.browser.ask(f"close/{tab}")

    async def crash(self) -> None:
        """Crash the process behind the tab."""
        async with open_websocket(self.debugger) as devtools:
            await devtools.send_json({"id": 1, "method": "Page.crash"})
            await devtools.receive()


def _spawn(profile: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["chromium", *FLAGS, f"--user-data-dir={profile}", "about:blank"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _first_line(file: Path) -> str:
    return file.read_text().partition("\n")[0] if file.exists() else ""
