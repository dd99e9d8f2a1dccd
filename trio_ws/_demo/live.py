"""The demo with a page: the world, its watcher and the page's server in one nursery.

    show
    └─ nursery
       ├─ the page's server       ← `Site`, on one port of 127.0.0.1
       ├─ the world               ← what is drawn
       └─ the watcher

The page's server listens before the world begins, on a real socket:
within its network the world has no other sockets than its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import trio

from trio_ws import Server, serve_websocket

from .page.site import LIMITS, Site
from .watcher.ring import Ring
from .watcher.watcher import Watcher
from .world.world import World

HOST = "127.0.0.1"


async def show(port: int, announce: Callable[[str], Awaitable[None]]) -> None:
    """Show the demo on a port (0: a free one) until cancelled; `announce` is told the page's URL.

    Raises:
        OSError: the port is taken.
    """
    ring = Ring()
    watcher = Watcher(ring)
    world = World(watcher.tell)
    site = Site(ring, world.press)
    async with trio.open_nursery() as nursery:
        serve = partial(
            serve_websocket, site.serve, HOST, port, on_request=site.answer, limits=LIMITS
        )
        server: Server = await nursery.start(serve)
        top = await nursery.start(world.run)
        nursery.start_soon(watcher.run, top, world.leases)
        await announce(f"http://{HOST}:{server.port}/")
