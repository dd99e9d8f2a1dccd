"""Who is measured."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """One that is measured; `program` is a module of `programs`, with these arguments.

    `imports` is the statement that a user of it writes; `needs` must be installed;
    `compresses` is whether it knows permessage-deflate.
    """

    name: str
    program: str
    needs: str
    imports: str
    arguments: tuple[str, ...] = ()
    compresses: bool = True

    @property
    def missing(self) -> bool:
        """Whether what it needs is not installed."""
        return importlib.util.find_spec(self.needs) is None


US = "trio_ws"
US_PURE = "trio_ws pure"
BARE = "bare TCP"

PEERS = (
    Peer(US, "trio_ws_peer", "trio_ws", "import trio_ws"),
    Peer(US_PURE, "trio_ws_peer", "trio_ws", "import trio_ws", ("--without", "numpy")),
    Peer(
        "trio-websocket",
        "trio_websocket_peer",
        "trio_websocket",
        "import trio_websocket",
        compresses=False,
    ),
    Peer("websockets.trio", "websockets_trio_peer", "websockets", "import websockets.trio"),
    Peer("websockets", "websockets_peer", "websockets", "import websockets.asyncio.server"),
    Peer("aiohttp", "aiohttp_peer", "aiohttp", "import aiohttp.web"),
    Peer("picows", "picows_peer", "picows", "import picows", compresses=False),
    Peer(BARE, "bare_peer", "trio", "import trio", compresses=False),
)
"""``trio_ws`` has the accelerator if it was built, ``trio_ws pure`` has neither that nor numpy;
the last is a limit, no rival."""
