"""The demo's page in Chromium and in Firefox: each button, and what then appears.

The demo is a process of its own, as a user starts it; its time is real.
Buttons are pressed by their keys.  What is looked at is what a reader sees: the text of the page.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import trio

from trio_ws._demo.world.buttons import BUTTONS

from .browser import Browser
from .conftest import Processes, skip_without
from .drivers import Tab, chromium_tab, firefox_tab, lacks_firefox
from .harness import PATIENCE
from .kinds import CHROMIUM, TOP

pytestmark = [pytest.mark.peer, pytest.mark.slow, pytest.mark.timeout(300)]

SCRUB = "document.querySelector('#scrub')"

PAINTED = 0.15
"""Seconds after which a page has painted what a key has changed."""

BROWSERS = ("chromium", "firefox")


class Demo:
    """The demo, as a process."""

    def __init__(self) -> None:
        self.start(0)

    def start(self, port: int) -> None:
        """Start it."""
        command = [sys.executable, "-m", "trio_ws", "demo", "--page", "--no-browser"]
        self.popen = subprocess.Popen(
            [*command, "--port", str(port)],
            cwd=TOP,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self.popen.stdout is not None
        self.url = self.popen.stdout.readline().split()[4]

    def end(self) -> None:
        """Press Ctrl-C; nothing may be complained of."""
        self.popen.send_signal(signal.SIGINT)
        out, err = self.popen.communicate(timeout=20)
        assert (self.popen.returncode, out, err) == (130, "", "")


@pytest.fixture
def demo() -> Generator[Demo]:
    """A demo that runs."""
    running = Demo()
    try:
        yield running
        running.end()
    finally:
        running.popen.kill()
        running.popen.communicate()


@asynccontextmanager
async def a_tab(name: str, processes: Processes, *, dark: bool = False) -> AsyncGenerator[Tab]:
    """A tab of one of the browsers, or a skip."""
    opens: AbstractAsyncContextManager[Tab]
    if name == "chromium":
        skip_without(CHROMIUM)
        browser = processes[CHROMIUM]
        assert isinstance(browser, Browser)
        opens = chromium_tab(browser)
    else:
        if reason := lacks_firefox():
            pytest.skip(reason)
        opens = firefox_tab(dark=dark)
    async with opens as tab:
        await tab.shape(1280, 1000, dark=dark)
        yield tab


class Reader:
    """Who reads the page."""

    def __init__(self, tab: Tab) -> None:
        self.tab = tab

    async def text(self, selector: str) -> str:
        """The text of an element."""
        found = await self.tab.run(f"document.querySelector({selector!r})?.textContent ?? ''")
        return str(found)

    async def names(self) -> list[str]:
        """The tasks in the tree."""
        script = "[...document.querySelectorAll('.task > .row > .name')].map(e => e.textContent)"
        return list(await self.tab.run(f"JSON.stringify({script}) && {script}"))

    async def until(self, script: str, seconds: float = PATIENCE) -> Any:
        """Wait until an expression is true; return its value."""
        with trio.move_on_after(seconds):
            while not (value := await self.tab.run(script)):  # noqa: ASYNC110
                await trio.sleep(0.1)
            return value
        shown = await self.tab.run("document.querySelector('main').innerText")
        raise AssertionError(f"{script} did not come true; the page shows: {shown}")

    async def state(self, name: str) -> None:
        """Wait until the supervisor is in a state."""
        await self.until(
            f"document.querySelector('#states [aria-current]')?.textContent === {name!r}"
        )

    async def story(self, seconds: float = 40) -> dict[str, str]:
        """Wait for the end of the story; return its facts by their names."""
        await self.until("document.querySelector('#story').classList.contains('done')", seconds)
        terms = "[...document.querySelectorAll('#story dt')]"
        pairs = f"{terms}.map(e => [e.textContent, e.nextSibling.textContent])"
        facts = dict(await self.tab.run(pairs))
        facts["title"] = await self.text("#story-title")
        facts["sentences"] = await self.text("#story-sentences")
        return facts


async def open_page(tab: Tab, demo: Demo) -> Reader:
    """Open the page, and wait until the client is connected; slow motion is off."""
    reader = Reader(tab)
    await tab.front()
    await tab.go(demo.url)
    await reader.until("document.querySelector('#link').textContent === 'live'")
    await tab.press("m")
    await reader.until("document.querySelectorAll('.task').length > 12")
    return reader


EXPECTED = {
    "cut": ("body of the client's connection", "ConnectionLost", "found the connection broken"),
    "black_hole": ("body of the client's connection", "HeartbeatTimeout", "heard nothing for 6 s"),
    "freeze": ("body of the client's connection", "HeartbeatTimeout", "heard nothing for 6 s"),
    "slow": ("nothing", None, "its reader stopped reading"),
    "flood": ("nothing", None, "its reader stopped reading"),
    "restart": ("scope in PriceServer.run", "received 1001", "said goodbye with 1001"),
    "close": ("nursery in Client._trade", "received 1012", "The server closed the connection"),
    "raise": ("nursery in PriceServer._answer", "received 1011", "raised RuntimeError"),
    "ctrl_c": ("nursery in Client._program", "KeyboardInterrupt", "KeyboardInterrupt was raised"),
}
"""For each button: what is cancelled, which exception leaves, and words of the sentences."""


@pytest.mark.parametrize("browser", BROWSERS)
async def test_each_button_and_what_appears(browser: str, processes: Processes, demo: Demo) -> None:
    """The story tells what was cancelled, in which order, the exception, what comes back."""
    async with a_tab(browser, processes) as tab:
        reader = await open_page(tab, demo)
        await trio.sleep(1)
        quiet = sorted(await reader.names())
        for name, button in BUTTONS.items():
            await tab.press(button.key)
            await reader.until(f"document.querySelector('#story').dataset.button === {name!r}")
            facts = await reader.story()
            cancelled, exception, words = EXPECTED[name]
            assert button.label.replace("a code", "1012") == facts["title"]
            assert cancelled in facts["cancelled"], facts
            assert (
                facts.get("exception") is None
                if exception is None
                else exception in facts["exception"]
            )
            assert words in facts["sentences"], facts
            assert facts["comes back"]
            if exception is not None:
                assert re.findall(r"\d+(?:orders|book)", facts["unwound"]), facts
            await trio.sleep(2.5)  # the reader's writer comes with the first thing to write
        left = set(quiet) - set(await reader.names())
        assert left <= {"stability timer", "writer"}
        assert await reader.text("#link") == "live"


@pytest.mark.parametrize("browser", BROWSERS)
async def test_pause_step_and_scrub(browser: str, processes: Processes, demo: Demo) -> None:
    """While it is paused nothing moves but by step; stepping back goes against the time."""
    async with a_tab(browser, processes) as tab:
        reader = await open_page(tab, demo)
        await tab.press("c")
        await reader.state("waiting")
        await tab.press(" ")
        await reader.until("document.documentElement.dataset.state === 'paused'")
        here = await tab.run(f"Number({SCRUB}.value)")
        await trio.sleep(1)
        assert await tab.run(f"Number({SCRUB}.value)") == here
        ended = "document.querySelectorAll('#ended li').length"
        for _ in range(60):
            await tab.press("ArrowLeft")
            await trio.sleep(PAINTED)
            if await tab.run(f"{ended} === 1"):
                break
        assert await tab.run("document.querySelectorAll('.box.cancelled').length") >= 1
        assert await tab.run("document.querySelectorAll('.task.reached').length") >= 3
        for _ in range(9):  # each thing that is told is a step, too
            await tab.press("ArrowRight")
            await trio.sleep(PAINTED)
            if await tab.run(f"{ended} === 2"):
                break
        assert await tab.run(f"{ended} === 2")
        await tab.run(f"({SCRUB}.value = 0, {SCRUB}.dispatchEvent(new Event('input')), 1)")
        await trio.sleep(0.3)
        assert await reader.text("#story-title") == "All is well"
        await tab.press("End")
        await reader.until("document.documentElement.dataset.state === 'live'")
        assert await reader.text("#story-title") == "Cut the cable"


@pytest.mark.parametrize("browser", BROWSERS)
@pytest.mark.parametrize("dark", [False, True])
async def test_all_sizes_in_both_themes(
    browser: str, dark: bool, processes: Processes, demo: Demo
) -> None:
    """Nothing is wider than the screen; the theme is the one that is preferred."""
    async with a_tab(browser, processes, dark=dark) as tab:
        await open_page(tab, demo)
        for width in (1600, 1100, 800, 500, 360):
            await tab.shape(width, 900, dark=dark)
            await trio.sleep(0.3)
            wide = await tab.run(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert wide <= 0, width
        colour = await tab.run("getComputedStyle(document.body).backgroundColor")
        brightness = sum(int(each) for each in re.findall(r"\d+", colour)[:3])
        assert (brightness < 300) is dark


async def test_several_pages_a_reload_and_a_restart(processes: Processes, demo: Demo) -> None:
    """All pages see the same; a page that is reloaded knows the past; one waits for the demo."""
    async with a_tab("chromium", processes) as one, a_tab("chromium", processes) as other:
        first, second = await open_page(one, demo), await open_page(other, demo)
        await other.press("k")
        facts = await second.story()
        await one.front()
        assert await first.story() == facts
        third = await open_page(other, demo)
        assert await third.story() == facts
        port = int(demo.url.rpartition(":")[2].strip("/"))
        demo.end()
        await third.until("document.querySelector('#link').textContent.includes('has ended')")
        assert await other.run("document.querySelector('[data-button=cut]').disabled")
        demo.start(port)
        await third.until("document.querySelector('#link').textContent === 'live'")
        await third.until("document.querySelector('#story-title').textContent === 'All is well'")


LONG = """import('/model.js').then(({ Model, CAPACITY }) => {
    const model = new Model(), row = { id: 1, name: 'a', in: null, lines: [], boxes: [] };
    for (let t = 0; t < 300; t++) {
        const tree = { k: 'tree', t, full: t % 40 === 0, rows: [row], gone: [], why: [] };
        const frame = { k: 'frame', t, id: `1>${t}` }, landed = { k: 'landed', t, id: `1>${t}` };
        model.add([tree, frame, landed], 100000);
    }
    const { begin, dropped, end, size, frames } = model;
    const rows = model.last('tree', begin).map.size;
    return [size <= CAPACITY, dropped, end, frames.size, begin - dropped < 3, rows];
})"""


async def test_a_page_that_is_open_for_long(processes: Processes, demo: Demo) -> None:
    """It keeps as much as the server does, and the oldest that it has is still a picture."""
    async with a_tab("chromium", processes) as tab:
        await open_page(tab, demo)
        fits, dropped, end, frames, near, rows = await tab.run(LONG)
    assert (fits, end, near, rows) == (True, 900, True, 1)
    assert 700 < dropped < 800
    assert frames < 60
