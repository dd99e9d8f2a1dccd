"""What it takes to choose one of 100 routes: ``python -m tests.benchmarks.routes``.

For each kind of path it prints two CPU times, the second of which includes the first:

match
    to decode the path and to find its route; the bar is for this one
all
    what a router does for a request; besides, that is to make the one that the handler sees,
    or the answer that refuses it

A round is some thousand requests, and the figure is the quickest of many rounds:
whatever else the machine does makes the others slower.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress

from trio_ws import Headers, Request, Router, WebSocket
from trio_ws._handshake.server import Refusal
from trio_ws._server.paths import split_path
from trio_ws._server.router import selector_for
from trio_ws._server.routes import RouteTable, parse_pattern

from ..cpu import cpu_seconds
from .table import aligned

BAR = 5e-6
"""Seconds that a match may take."""

PATTERNS = [
    pattern.replace("#", str(number))
    for number in range(25)
    for pattern in (
        *("/status/#", "/api/v1/area#/rooms/{room}/{seat:int}"),
        *("/files#/{rest:path}", "/area#/{name}"),
    )
]
MATCHES = {
    "a literal": "/status/24",
    "two parameters": "/api/v1/area24/rooms/lobby/12",
    "the rest": "/files24/a/b/c/d.txt",
    "percent-encoded": "/area24/gr%C3%BCn%20und%20blau",
}
REFUSED = {
    "nothing there": "/api/v1/area24/rooms/lobby/twelve",
    "ambiguous": "/area24/..%2Farea23",
}
REQUESTS = 2000
ROUNDS = 15


async def handler(ws: WebSocket) -> None:
    """Stand for a handler."""


def measure_match(path: str, rounds: int = ROUNDS) -> float:
    """Return the seconds that it takes to find the route of a path."""
    table: RouteTable[str] = RouteTable()
    for pattern in PATTERNS:
        table.put(parse_pattern(pattern), pattern)
    return quickest(lambda: table.find(split_path(path)), rounds)


def measure_all(path: str, rounds: int = ROUNDS) -> float:
    """Return the seconds that a router takes for a request."""
    router = Router()
    for pattern in PATTERNS:
        router.websocket(pattern)(handler)
    select = selector_for(router).select
    headers = Headers({"Host": "a", "Upgrade": "websocket"})
    request = Request(method="GET", target=path, headers=headers)

    def choose() -> None:
        with suppress(Refusal):
            select(request)

    return quickest(choose, rounds)


def quickest(act: Callable[[], object], rounds: int) -> float:
    """Return the seconds per call in the quickest round."""
    found: list[float] = []
    for _ in range(rounds):
        with cpu_seconds() as spent:
            for _ in range(REQUESTS):
                act()
        found += spent
    return min(found) / REQUESTS


def main() -> int:
    """Print a table; return 1 if a match takes too long."""
    matches = {kind: measure_match(path) for kind, path in MATCHES.items()}
    rows = [["one of 100 routes", "", "match, µs", "bar", "all, µs"]]
    for kind, path in (MATCHES | REFUSED).items():
        match = f"{1e6 * matches[kind]:.2f}" if kind in matches else "–"
        bar = f"{1e6 * BAR:g}" if kind in matches else "–"
        rows.append([kind, "", match, bar, f"{1e6 * measure_all(path):.2f}"])
    print(aligned(rows))
    return int(max(matches.values()) > BAR)


if __name__ == "__main__":
    sys.exit(main())
