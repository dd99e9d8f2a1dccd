"""The page's server: files, who may connect, what a page gets and may say."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import Rejected, WebSocket, open_websocket_on, serve_websocket_on
from trio_ws._demo.page import site as module
from trio_ws._demo.page.site import FILES, LIMITS, Site
from trio_ws._demo.watcher.ring import BATCH, Ring
from trio_ws._demo.world.buttons import BUTTONS

HOST = "127.0.0.1:8766"
ORIGIN = {"Origin": f"http://{HOST}"}


class Pressed:
    """Buttons that were pressed."""

    def __init__(self) -> None:
        self.all: list[tuple[str, int]] = []

    def __call__(self, name: str, code: int) -> None:
        """Press a button."""
        if name not in BUTTONS:
            raise ValueError(f"no {name}")
        self.all.append((name, code))


async def connect(site: Site, nursery: trio.Nursery, *, lockstep: bool = False) -> trio.abc.Stream:
    """Connect to the site in memory; in lockstep nothing is sent before it is received."""
    ours: trio.abc.Stream
    theirs: trio.abc.Stream
    ours, theirs = trio.testing.memory_stream_pair()
    if lockstep:
        ours, theirs = trio.testing.lockstep_stream_pair()

    async def serve() -> None:
        await serve_websocket_on(site.serve, theirs, on_request=site.answer, limits=LIMITS)

    nursery.start_soon(serve)
    await trio.lowlevel.checkpoint()
    return ours


@asynccontextmanager
async def a_page(site: Site, *, lockstep: bool = False) -> AsyncGenerator[WebSocket]:
    """A page that is connected."""
    async with trio.open_nursery() as nursery:
        stream = await connect(site, nursery, lockstep=lockstep)
        async with open_websocket_on(stream, f"ws://{HOST}/live", headers=ORIGIN) as ws:
            yield ws


async def get(path: str, host: str = HOST) -> tuple[str, str]:
    """Ask for a file; the head and the body of the answer."""
    site = Site(Ring(), Pressed())
    async with trio.open_nursery() as nursery:
        stream = await connect(site, nursery)
        await stream.send_all(
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode()
        )
        data = b""
        while more := await stream.receive_some(65536):
            data += more
        nursery.cancel_scope.cancel()
    head, _, body = data.decode().partition("\r\n\r\n")
    return head, body


@pytest.mark.parametrize("name", [name for name in FILES if name != "page.html"])
async def test_files_are_served(name: str) -> None:
    """Each under its name, with its type, and nothing from anywhere else is allowed."""
    head, body = await get(f"/{name}")
    assert head.startswith("HTTP/1.1 200")
    assert body == (Path(module.__file__).parent / name).read_text(encoding="utf-8")
    assert (
        "Content-Security-Policy: default-src 'self'; connect-src 'self' ws://127.0.0.1:8766;"
        in head
    )


async def test_the_page_is_at_the_top() -> None:
    """And under no other name; what is not there is a 404."""
    head, body = await get("/")
    assert "Content-Type: text/html; charset=utf-8" in head
    assert body.startswith("<!doctype html>")
    for path in ("/page.html", "/site.py", "/../site.py", "/favicon.ico"):
        head, body = await get(path)
        assert head.startswith("HTTP/1.1 404")
        assert body == "There is nothing here; the page is at /\n"


def test_every_file_is_served() -> None:
    """What lies in the folder is served, but for Python."""
    found = {path.name for path in Path(module.__file__).parent.iterdir() if path.is_file()}
    assert {name for name in found if not name.endswith(".py")} == {*FILES}


@pytest.mark.parametrize("text", ["http://", "https://", "url(", "@import"])
def test_the_page_needs_nothing_from_elsewhere(text: str) -> None:
    """No address stands in any file, but for a namespace."""
    folder = Path(module.__file__).parent
    for name in FILES:
        words = (
            (folder / name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        )
        assert text not in words, name


@pytest.mark.parametrize("host", ["evil.example:8766", "127.0.0.1.evil.example", "", "[::1]:8766"])
async def test_another_host_is_refused(host: str) -> None:
    """A name of somebody else that leads here does not open the demo."""
    head, _ = await get("/", host)
    assert head.startswith(("HTTP/1.1 421", "HTTP/1.1 400"))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:3000"},
        {"Origin": "null"},
    ],
)
async def test_only_its_own_page_may_connect(headers: dict[str, str]) -> None:
    """Another origin gets 403, and so does what is no page."""
    site = Site(Ring(), Pressed())
    async with trio.open_nursery() as nursery:
        stream = await connect(site, nursery)
        with pytest.raises(Rejected, match="403"):
            async with open_websocket_on(stream, f"ws://{HOST}/live", headers=headers):
                pass


async def test_a_plain_request_to_the_live_path() -> None:
    """It must be an upgrade, from the page."""
    head, _ = await get("/live")
    assert head.startswith("HTTP/1.1 403")


async def test_a_page_gets_the_past_and_then_the_news(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """First what there is to press, then all records, then each new one; 20 times a second."""
    ring = Ring()
    for number in range(3):
        ring.add({"n": number, "text": "x" * BATCH})
    site = Site(ring, Pressed())
    async with a_page(site) as ws, a_page(site) as other:
        hello = await ws.receive_json()
        assert [button["name"] for button in hello["buttons"]] == list(BUTTONS)
        assert hello["lease"] == {"interval": 3, "timeout": 3}
        assert (await other.receive_json())["run"] == hello["run"]
        for number in range(3):
            message = await ws.receive_json()
            assert [record["n"] for record in message["records"]] == [number]
        assert trio.current_time() == pytest.approx(0.1)
        for _ in range(5):
            ring.add({"n": "new"})
        assert len((await ws.receive_json())["records"]) == 5
        await trio.sleep(10)
        ring.add({"n": "late"})
        message = await ws.receive_json()
        assert message["now"] == trio.current_time() == pytest.approx(10.15)
        assert message["records"] == [{"n": "late"}]


async def test_a_page_that_does_not_read_keeps_nothing_alive(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It waits with a batch or two, and then goes on with the oldest record there is."""
    ring = Ring(capacity=1_000_000)
    site = Site(ring, Pressed())
    async with a_page(site, lockstep=True) as ws:
        await ws.receive_json()
        for number in range(60):
            ring.add({"n": number, "text": "x" * 100_000})
            await trio.sleep(1)
        numbers: list[int] = []
        while not numbers or numbers[-1] < 59:
            numbers += [record["n"] for record in (await ws.receive_json())["records"]]
    assert numbers == sorted(numbers)
    assert len(numbers) < 60


async def test_buttons_are_pressed(autojump_clock: trio.testing.MockClock) -> None:
    """A page names a button, and a code where that matters."""
    pressed = Pressed()
    async with a_page(Site(Ring(), pressed)) as ws:
        await ws.receive_json()
        await ws.send_json({"press": "cut"})
        await ws.send_json({"press": "close", "code": 4000})
        await trio.sleep(1)
    assert pressed.all == [("cut", 1012), ("close", 4000)]


@pytest.mark.parametrize(
    "message",
    [
        "",
        "no JSON",
        "[]",
        "1",
        "null",
        '{"press": "explode"}',
        '{"code": 1}',
        '{"press": []}',
        b"\xff",
        "[" * 900,
    ],
)
async def test_what_is_no_button_is_answered(message: Any) -> None:
    """With a sentence; the page stays connected."""
    pressed = Pressed()
    async with a_page(Site(Ring(), pressed)) as ws:
        await ws.receive_json()
        await ws.send(message)
        answer = json.loads(await ws.receive())
        assert answer["error"].startswith("this is no button: ")
        await ws.send_json({"press": "cut"})
        await ws.ping()
    assert pressed.all == [("cut", 1012)]
