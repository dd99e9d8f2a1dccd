"""On which host code runs, and where a URL leads from there."""

from __future__ import annotations

import pytest

from trio_ws import InvalidURL
from trio_ws.testing._where import Place, current_host, find_name, find_place


def test_a_place() -> None:
    """Host and port of a URL, its path, and whether it wants TLS."""
    url = "wss://API.example/feed?token=x"
    assert find_place(url) == Place(url, "api.example", 443, "/feed", True)
    assert find_place("ws://x:81").port == 81
    assert find_place("ws://x:81").path == "/"
    with pytest.raises(InvalidURL):
        find_place("ftp://x/")


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "0.0.0.0", None])
def test_names_for_oneself(name: str | None) -> None:
    """They lead to the host that the code is on."""
    assert find_name(name) == "client"
    token = current_host.set("phone")
    assert find_name(name) == "phone"
    assert find_name("Other.Example") == "other.example"
    current_host.reset(token)
