"""`trio_ws._client.environment`: which proxy the environment names."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import urllib.request

import pytest
import trio

from trio_ws import Headers, ProxyError, Request
from trio_ws._client import environment
from trio_ws._client.environment import find_proxy, proxy_from_environment
from trio_ws._url import parse_url

REQUEST = Request(method="GET", target="/", headers=Headers())


def set_variables(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Set variables: ``name=value`` with blanks between."""
    for pair in text.split():
        name, _, value = pair.partition("=")
        monkeypatch.setenv(name, value)


def test_tests_have_none() -> None:
    """What the environment of the test run says of proxies is not for the tests."""
    assert not [name for name in os.environ if name.lower().endswith("_proxy")]


@pytest.mark.parametrize(
    ("url", "variables", "found"),
    [
        ("wss://a", "", None),
        ("wss://a", "wss_proxy=1 https_proxy=2 all_proxy=3 http_proxy=4 ws_proxy=5", "1"),
        ("wss://a", "https_proxy=2 all_proxy=3 http_proxy=4 ws_proxy=5", "2"),
        ("wss://a", "all_proxy=3 http_proxy=4 ws_proxy=5", "3"),
        ("wss://a", "http_proxy=4 ws_proxy=5", None),
        ("ws://a", "wss_proxy=1 https_proxy=2 all_proxy=3 http_proxy=4 ws_proxy=5", "5"),
        ("ws://a", "wss_proxy=1 https_proxy=2 all_proxy=3 http_proxy=4", "4"),
        ("ws://a", "wss_proxy=1 https_proxy=2 all_proxy=3", "3"),
        ("ws://a", "wss_proxy=1 https_proxy=2", None),
        ("wss://a", "HTTPS_PROXY=2", "2"),
        ("wss://a", "HTTPS_PROXY=2 https_proxy=1", "1"),
        ("wss://a", "HTTPS_PROXY=2 https_proxy=", None),
        ("wss://a", "wss_proxy= https_proxy=2", "2"),
        ("ws://a", "HTTP_PROXY=4 REQUEST_METHOD=GET", None),
        ("ws://localhost", "http_proxy=4", "4"),
        ("ws://127.0.0.1", "http_proxy=4", "4"),
        ("ws://[::1]", "http_proxy=4", "4"),
    ],
)
def test_order(
    url: str, variables: str, found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own variable first, then that of HTTP, then that of all; loopback is like others."""
    set_variables(monkeypatch, variables)
    proxy = find_proxy(parse_url(url))
    assert (proxy[1] if proxy else None) == found


@pytest.mark.parametrize(
    ("url", "none_for", "found"),
    [
        ("ws://a.example", "a.example", False),
        ("ws://b.a.example", "a.example", False),
        ("ws://b.a.example", ".a.example", False),
        ("ws://a.example.", "a.example", False),
        ("ws://xa.example", "a.example", True),
        ("ws://a.example", "b.example,A.EXAMPLE", False),
        ("ws://a.example:8080", "a.example:8080", False),
        ("ws://a.example:8081", "a.example:8080", True),
        ("ws://a.example", "a.example:80", False),
        ("ws://a.example", "*", False),
        ("ws://127.0.0.1", "127.0.0.1", False),
        ("ws://[::1]", "[::1]", False),
        ("ws://[::1]", "::1", False),
        ("ws://[::1]:9", "[::1]:9", False),
        ("ws://[::1]:9", "::1", False),
        ("ws://[::2]", "::1", True),
        ("ws://[::1:80]", "::1", True),
        ("ws://a.example.:8080", "a.example:8080", False),
        ("ws://localhost", "localhost", False),
        ("ws://a.example", "", True),
    ],
)
def test_no_proxy(url: str, none_for: str, found: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that is named, one below it, or one port of it, is connected to directly."""
    set_variables(monkeypatch, f"all_proxy=http://p NO_PROXY={none_for}")
    assert (find_proxy(parse_url(url)) is not None) is found


async def test_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found is a proxy, also without a scheme."""
    monkeypatch.setenv("https_proxy", "me:hunter2@p.example:3128")
    proxy = await proxy_from_environment(parse_url("wss://a"), REQUEST)
    assert str(proxy) == "http://***@p.example:3128"
    assert await proxy_from_environment(parse_url("ws://a"), REQUEST) is None


async def test_no_proxy_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no proxy is an error, which says where it stands, and tells no secret."""
    monkeypatch.setenv("ALL_PROXY", "ftp://me:hunter2@p")
    with pytest.raises(
        ProxyError,
        match=r"to wss://a/: the environment's all_proxy: '...@p' .* its scheme is 'ftp'",
    ) as caught:
        await proxy_from_environment(parse_url("wss://a"), REQUEST)
    assert caught.value.transient is False
    assert caught.value.request is REQUEST
    assert "hunter2" not in str(caught.value)


async def test_nothing_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a variable nothing is read; on systems that have settings they are."""
    asked: list[str] = []

    def getproxies() -> dict[str, str]:
        asked.append("")
        return {}

    monkeypatch.setattr(urllib.request, "getproxies", getproxies)
    assert await proxy_from_environment(parse_url("wss://a"), REQUEST) is None
    assert asked == []
    monkeypatch.setattr(environment, "SYSTEMS_WITH_SETTINGS", (sys.platform,))
    assert await proxy_from_environment(parse_url("wss://a"), REQUEST) is None
    assert asked == [""]


def test_it_is_imported_late() -> None:
    """`urllib.request` is imported when there is something to read, and not before."""
    program = """
import os, sys, trio, trio_ws
from trio_ws._client.environment import proxy_from_environment
from trio_ws._url import parse_url
url = parse_url("ws://a")
trio.run(proxy_from_environment, url, None)
assert "urllib.request" not in sys.modules
os.environ["no_proxy"] = "x"
trio.run(proxy_from_environment, url, None)
assert "urllib.request" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


async def test_the_event_loop_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the environment is read, other tasks run."""
    monkeypatch.setenv("all_proxy", "http://p")
    go_on = threading.Event()
    monkeypatch.setattr(environment, "find_proxy", lambda url: go_on.wait() and ("all", "http://p"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.to_thread.run_sync, go_on.set)
        assert await proxy_from_environment(parse_url("wss://a"), REQUEST) is not None
