"""The configurations of the page on deployment, run by the real nginx, Apache, Caddy and HAProxy.

Each file of ``docs/snippets/deploy`` is taken as it is, but for the addresses,
and put in front of the program of the same page, ``docs/snippets/deployed.py``.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from docs.snippets.deployed import Service
from trio_ws import HandshakeError, Rejected, Server, WebSocket, open_websocket

from .install import find_program
from .test_rolling_deploy import free_ports

DEPLOY = Path(__file__).parents[2] / "docs" / "snippets" / "deploy"
APACHE_MODULES = Path("/usr/lib/apache2/modules")

pytestmark = pytest.mark.peer


def nginx(snippet: str, front: int, home: Path) -> tuple[str, list[str]]:
    """A ``location`` stands in a server."""
    temporary = "".join(
        f"{kind}_temp_path {home}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = (
        f"daemon off; pid {home}/pid; error_log stderr; events {{}} http {{ access_log off; "
        f"{temporary} server {{ listen 127.0.0.1:{front};\n{snippet}\n}} }}"
    )
    return file, ["-p", str(home), "-c"]


def apache(snippet: str, front: int, home: Path) -> tuple[str, list[str]]:
    """The lines of a site, with the modules that Debian has for them."""
    modules = ["mpm_event", "authz_core", "proxy", "proxy_http", "proxy_wstunnel"]
    loaded = [f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so" for name in modules]
    user = ["User www-data", "Group www-data"] if os.geteuid() == 0 else []
    lines = [f"Listen 127.0.0.1:{front}", "ServerName localhost", f"PidFile {home}/pid"]
    lines += [f"ErrorLog {home}/errors", f"DefaultRuntimeDir {home}", f"ServerRoot {home}"]
    return "\n".join([*loaded, *user, *lines, snippet]), ["-DFOREGROUND", "-f"]


def caddy(snippet: str, front: int, home: Path) -> tuple[str, list[str]]:
    """A site; without its name there is no certificate to be got for it."""
    version = subprocess.run(["caddy", "version"], capture_output=True, text=True, check=True)
    found = re.search(r"(\d+)\.(\d+)", version.stdout)
    if found is not None and (int(found[1]), int(found[2])) < (2, 7):  # as the page says
        snippet = re.sub(r"\{\s*stream_close_delay 5m\s*\}", "", snippet)
    file = snippet.replace("example.org", f"http://127.0.0.1:{front}")
    options = f"{{\n    admin unix//{home}/admin\n    storage file_system {home}\n}}\n"
    return options + file, ["run", "--adapter", "caddyfile", "--config"]


def haproxy(snippet: str, front: int, home: Path) -> tuple[str, list[str]]:
    """A whole configuration; its second server is down."""
    return snippet.replace(":80\n", f"127.0.0.1:{front}\n"), ["-db", "-f"]


@dataclass(frozen=True)
class Front:
    """A program that stands in front of a server, and what its configuration is made of."""

    program: str
    file: str
    complete: Callable[[str, int, Path], tuple[str, list[str]]]


FRONTS = [
    Front("nginx", "nginx.conf", nginx),
    Front("apache2", "apache.conf", apache),
    Front("caddy", "Caddyfile", caddy),
    Front("haproxy", "haproxy.cfg", haproxy),
]


@contextmanager
def running(front: Front, port: int, server: int, home: Path) -> Iterator[Path]:
    """Run the program on a port, in front of the server on another; yield its configuration."""
    program = find_program(front.program)
    if program is None:
        pytest.skip(f"{front.program} is not installed")
    snippet = (DEPLOY / front.file).read_text(encoding="utf-8").replace("8765", str(server))
    text, arguments = front.complete(snippet, port, home)
    config = home / front.file
    config.write_text(text + "\n")
    home.chmod(0o777)  # Apache changes its user
    process = subprocess.Popen([program, *arguments, config], stdin=subprocess.DEVNULL)
    try:
        yield config
    finally:
        process.terminate()
        process.wait()


@asynccontextmanager
async def serving() -> AsyncGenerator[tuple[Service, Server]]:
    """Run the program of the page."""
    service = Service()
    async with trio.open_nursery() as nursery:
        server: Server = await nursery.start(service.run, "127.0.0.1", 0)
        yield service, server
        nursery.cancel_scope.cancel()


async def listens(port: int) -> None:
    """Wait until a WebSocket comes about: a balancer may first look how its servers are."""
    with trio.fail_after(20):
        while True:
            try:
                async with open_websocket(f"ws://127.0.0.1:{port}/live"):
                    return
            except HandshakeError:
                await trio.sleep(0.1)


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that another user may write to, with a name short enough for a socket's."""
    with tempfile.TemporaryDirectory(prefix="front") as folder:
        yield Path(folder)


@pytest.mark.parametrize("front", FRONTS, ids=lambda front: front.program)
async def test_a_page_of_the_site(front: Front, home: Path) -> None:
    """A page that came through the proxy, on whatever port, may connect through it; no other may.

    So the proxy passes on the upgrade, and ``Host`` with its port.
    """
    (port,) = free_ports(1)
    async with serving() as (_, server):
        with running(front, port, server.port, home):
            await listens(port)
            url, here = f"ws://127.0.0.1:{port}/live", f"http://127.0.0.1:{port}"
            async with open_websocket(url, origin=here) as ws:
                await converse(ws)
            assert ws.ending is not None
            assert ws.ending.clean
            for foreign in ("http://evil.example", "http://127.0.0.1:1"):
                with pytest.raises(Rejected) as caught:
                    async with open_websocket(url, origin=foreign):
                        pass
                assert caught.value.response.status == 403


async def converse(ws: WebSocket) -> None:
    """Say small things and large ones, and ask whether the peer is there."""
    for message in ("hello", bytes(300_000), "é" * 1000, b""):
        await ws.send(message)
        assert await ws.receive() == message
    assert await ws.ping() < 5


@pytest.mark.parametrize("front", FRONTS, ids=lambda front: front.program)
async def test_the_ending_passes(front: Front, home: Path) -> None:
    """The code with which the server closes reaches the client, through each proxy."""
    (port,) = free_ports(1)
    async with serving() as (_, server):
        with running(front, port, server.port, home):
            await listens(port)
            async with open_websocket(f"ws://127.0.0.1:{port}/live") as ws:
                await converse(ws)
                await server.drain(spread=0)
                await ws.wait_closed()
            assert ws.ending is not None
            assert (ws.ending.code, ws.ending.clean) == (1012, True)


async def test_caddy_reloads(home: Path) -> None:
    """Caddy closes with 1001 at a reload, but for ``stream_close_delay``, as the page says."""
    (port,) = free_ports(1)
    front = Front("caddy", "Caddyfile", without_delay)
    async with serving() as (_, server):
        with running(front, port, server.port, home) as config:
            await listens(port)
            async with open_websocket(f"ws://127.0.0.1:{port}/live") as ws:
                await converse(ws)
                reload = ["caddy", "reload", "--force", "--adapter", "caddyfile", "--config"]
                await trio.run_process([*reload, config])
                with trio.fail_after(10):
                    await ws.wait_closed()
            assert ws.ending is not None
            assert ws.ending.code == 1001


def without_delay(snippet: str, front: int, home: Path) -> tuple[str, list[str]]:
    """Caddy's configuration without the delay."""
    return caddy(re.sub(r"\{\s*stream_close_delay 5m\s*\}", "", snippet), front, home)
