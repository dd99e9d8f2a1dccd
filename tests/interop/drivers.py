"""Two browsers that look at a page of ours: Chromium by its DevTools, Firefox by WebDriver BiDi.

Both protocols are JSON over a WebSocket, and our client speaks them.
A `Tab` is what a test sees of either: go to a page, run a script, press a key, take a picture.
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import trio

from trio_ws import Limits, WebSocket, open_websocket

from .browser import Browser
from .firefox import PREFERENCES
from .harness import PATIENCE
from .install import find_program

LIMITS = Limits(max_message_size=32 * 1024 * 1024)


class Tab(Protocol):
    """A tab of a browser."""

    async def go(self, url: str) -> None:
        """Open a page, and wait until it is loaded."""

    async def run(self, script: str) -> Any:
        """Return the value of an expression of JavaScript."""

    async def press(self, key: str) -> None:
        """Press a key and let it go."""

    async def shape(self, width: int, height: int, *, dark: bool) -> None:
        """Give the page a size, and a preference."""

    async def front(self) -> None:
        """Bring the tab to the front: a browser does not paint the others."""

    async def picture(self) -> bytes:
        """Return what is to be seen, as PNG."""


class Remote:
    """Commands and their answers on a WebSocket."""

    def __init__(self, ws: WebSocket) -> None:
        self._ws = ws
        self._numbers = itertools.count(1)

    async def do(self, method: str, **params: Any) -> Any:
        """Send a command, and return the result; what else comes is passed over."""
        number = next(self._numbers)
        await self._ws.send_json({"id": number, "method": method, "params": params})
        with trio.fail_after(PATIENCE):
            while (answer := await self._ws.receive_json()).get("id") != number:
                pass
        assert "error" not in answer, answer
        return answer["result"]


class ChromiumTab:
    """A tab of Chromium; see `Tab`."""

    def __init__(self, remote: Remote) -> None:
        self._do = remote.do

    async def go(self, url: str) -> None:
        """Open a page, and wait until it is loaded."""
        await self._do("Page.navigate", url=url)
        await _until(self, "document.readyState === 'complete' && location.href !== 'about:blank'")

    async def run(self, script: str) -> Any:
        """Return the value of an expression of JavaScript."""
        answer = await self._do(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def press(self, key: str) -> None:
        """Press a key and let it go."""
        text = {"text": key} if len(key) == 1 else {}
        await self._do("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        await self._do("Input.dispatchKeyEvent", type="keyUp", key=key)

    async def shape(self, width: int, height: int, *, dark: bool) -> None:
        """Give the page a size, and a preference."""
        await self._do(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self._do("Emulation.setEmulatedMedia", features=features)

    async def front(self) -> None:
        """Bring the tab to the front."""
        await self._do("Page.bringToFront")

    async def picture(self) -> bytes:
        """Return what is to be seen, as PNG."""
        answer = await self._do("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(answer["data"])


class FirefoxTab:
    """A tab of Firefox; see `Tab`."""

    def __init__(self, remote: Remote, context: str) -> None:
        self._do = remote.do
        self._context = context

    async def go(self, url: str) -> None:
        """Open a page, and wait until it is loaded."""
        await self._do("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def run(self, script: str) -> Any:
        """Return the value of an expression of JavaScript."""
        answer = await self._do(
            "script.evaluate",
            expression=f"JSON.stringify({script})",
            target={"context": self._context},
            awaitPromise=False,
        )
        assert answer["type"] == "success", answer
        value = answer["result"].get("value")
        return None if value is None else json.loads(value)

    async def press(self, key: str) -> None:
        """Press a key and let it go."""
        names = {"ArrowLeft": "\ue012", "ArrowRight": "\ue014", "End": "\ue010"}
        value = names.get(key, key)
        actions = [{"type": "keyDown", "value": value}, {"type": "keyUp", "value": value}]
        keys = {"type": "key", "id": "keyboard", "actions": actions}
        await self._do("input.performActions", context=self._context, actions=[keys])

    async def shape(self, width: int, height: int, *, dark: bool) -> None:
        """Give the page a size, and a preference."""
        size = {"width": width, "height": height}
        await self._do("browsingContext.setViewport", context=self._context, viewport=size)

    async def front(self) -> None:
        """Bring the tab to the front."""
        await self._do("browsingContext.activate", context=self._context)

    async def picture(self) -> bytes:
        """Return what is to be seen, as PNG."""
        answer = await self._do("browsingContext.captureScreenshot", context=self._context)
        return base64.b64decode(answer["data"])


async def _until(tab: ChromiumTab, condition: str) -> None:
    with trio.fail_after(PATIENCE):
        while not await tab.run(condition):  # noqa: ASYNC110
            await trio.sleep(0.05)


def lacks_firefox() -> str | None:
    """Return why there is no Firefox, or None if there is."""
    if find_program("firefox-esr") or find_program("firefox"):
        return None
    return f"firefox-esr is not installed; `python -m {__package__}.install` brings it"


@asynccontextmanager
async def chromium_tab(browser: Browser) -> AsyncGenerator[Tab]:
    """Open a tab in Chromium for the length of a block."""
    if browser.popen is None or browser.popen.poll() is not None:
        browser.stop()
        await browser.start()
    tab = await browser.ask("new?about:blank")
    async with open_websocket(tab["webSocketDebuggerUrl"], limits=LIMITS, heartbeat=None) as ws:
        yield ChromiumTab(Remote(ws))
        await browser.ask(f"close/{tab['id']}")


@asynccontextmanager
async def firefox_tab(*, dark: bool = False) -> AsyncGenerator[Tab]:
    """Start a Firefox with a profile of its own, for the length of a block."""
    with tempfile.TemporaryDirectory(prefix="firefox-", ignore_cleanup_errors=True) as home:
        own = {
            "layout.css.prefers-color-scheme.content-override": "0" if dark else "1",
            "remote.prefs.recommended": "true",
        }
        lines = [
            f'user_pref("{name}", {value});\n' for name, value in {**PREFERENCES, **own}.items()
        ]
        Path(home, "user.js").write_text("".join(lines))
        program = find_program("firefox-esr") or find_program("firefox")
        assert program is not None
        popen = subprocess.Popen(  # noqa: ASYNC220
            [program, "--headless", "--no-remote", "--remote-debugging-port=0", "--profile", home],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"HOME": home, "MOZ_CRASHREPORTER_DISABLE": "1"},
            start_new_session=True,
        )
        try:
            port = await _port_of(Path(home, "WebDriverBiDiServer.json"))
            address = f"ws://127.0.0.1:{port}/session"
            async with open_websocket(address, limits=LIMITS, heartbeat=None) as ws:
                remote = Remote(ws)
                await remote.do("session.new", capabilities={})
                tree = await remote.do("browsingContext.getTree")
                yield FirefoxTab(remote, tree["contexts"][0]["context"])
        finally:
            with popen:
                os.killpg(popen.pid, signal.SIGKILL)


async def _port_of(file: Path) -> int:
    with trio.fail_after(60):  # noqa: ASYNC912
        while not file.exists() or not file.read_text():  # noqa: ASYNC110
            await trio.sleep(0.05)
    return int(json.loads(file.read_text())["ws_port"])
