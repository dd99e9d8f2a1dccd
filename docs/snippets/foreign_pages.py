"""Which pages a server admits by default, and who gets in when a page is listed."""

from __future__ import annotations

import trio
import trio.testing

from trio_ws import SAME_ORIGIN, Origins, Rejected, WebSocket, open_websocket
from trio_ws.testing import MemoryNetwork

PAGES = [
    ("https://shop.example", "a page of the server's own host"),
    ("http://shop.example", "the same without TLS"),
    ("https://shop.example:8443", "another port"),
    ("https://admin.shop.example", "a subdomain"),
    ("https://evil.example", "any other page"),
    ("null", "a file, a sandboxed frame"),
    (None, "no header: not a browser"),
]


async def greet(ws: WebSocket) -> None:
    await ws.send("Hello")


async def answer_to(origin: str | None) -> str:
    try:
        async with open_websocket("wss://shop.example/", origin=origin):
            return "101"
    except Rejected as error:
        return str(error.response.status)


async def ask_all(origins: Origins) -> list[str]:
    async with MemoryNetwork(seed=1, strict=False) as network:
        await network.serve("wss://shop.example/", greet, origins=origins)
        return [await answer_to(origin) for origin, _ in PAGES]


def main() -> None:
    def run(origins: Origins) -> list[str]:
        clock = trio.testing.MockClock(autojump_threshold=0)
        return trio.run(ask_all, origins, clock=clock)

    default = run(SAME_ORIGIN)
    listed = run([SAME_ORIGIN, "https://admin.shop.example"])
    print(f"{'Origin':<28} {'':<32} default  listed")
    for (origin, meaning), first, second in zip(PAGES, default, listed, strict=True):
        print(f"{origin or '–':<28} {meaning:<32} {first:>7} {second:>7}")


if __name__ == "__main__":
    main()
