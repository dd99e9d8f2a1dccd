"""On which host code runs, and where a URL leads from there.

Every task is on a host, and hands that on to the tasks that it starts (`contextvars`).
So a program that connects need not be told from where.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple

from .._url import parse_url

current_host: ContextVar[str] = ContextVar("trio_ws.testing.host", default="client")
"""The name of the host that the code is on."""

HERE = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "::"})
"""What stands for that host in an address."""


class Place(NamedTuple):
    """Where a URL leads in a simulated network."""

    url: str
    host: str
    port: int
    path: str
    tls: bool


def find_place(url: str) -> Place:
    """Return where a URL leads.

    Raises:
        InvalidURL: it is no WebSocket URL.
    """
    parsed = parse_url(url)
    path = parsed.target.partition("?")[0]
    return Place(url, find_name(parsed.host), parsed.port, path, parsed.tls)


def find_name(host: str | None) -> str:
    """Return the name of a host; that of the code itself if it names itself, or none."""
    return current_host.get() if host is None or host in HERE else host.lower()
