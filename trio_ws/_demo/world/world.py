"""The world: a server, a client, and a network between them that obeys buttons.

    World.run                        ← what the watcher draws begins here
    ├─ network      `MemoryNetwork`, over real time: bytes take 30 ms, unless something happens
    ├─ server       `PriceServer.run`
    └─ client       `Client.run`: a supervisor, and a session for each connection

It tells what happens by calling ``tell(kind, **facts)``, and knows nothing of who listens.
Only public names of `trio_ws` and `trio_ws.testing` are used.
"""

from __future__ import annotations

import trio

from trio_ws import WebSocket
from trio_ws.testing import Fault, MemoryNetwork

from .buttons import BUTTONS, CODES
from .client import Client
from .server import HOST, PriceServer
from .wire import Tell, Wire

LATENCY = 0.03
CUT_FOR = 6.0
FROZEN_FOR = 12.0


class World:
    """The world, for as long as `run` runs."""

    def __init__(self, tell: Tell, *, seed: int | None = None) -> None:
        self._tell = tell
        self._network = MemoryNetwork(
            seed=seed, strict=False, allow_real_sockets=True, any_clock=True
        )
        wire = Wire(tell)
        self._server = PriceServer(self._network, wire, tell)
        self._client = Client(self._network, wire, tell)

    async def run(
        self, *, task_status: trio.TaskStatus[trio.lowlevel.Task] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Run until cancelled; `task_status` is told the task at the top of the world."""
        async with self._network as network, trio.open_nursery() as nursery:
            with network.on(HOST):
                nursery.start_soon(self._server.run, name="server")
            network.link(HOST, latency=LATENCY)
            nursery.start_soon(self._client.run, name="client")
            task_status.started(trio.lowlevel.current_task())

    def press(self, name: str, code: int = 1012) -> None:
        """Press a button; a code that may not be sent is a `ValueError`, an unknown button too."""
        if name not in BUTTONS:
            raise ValueError(f"name must be one of {', '.join(BUTTONS)}; got {name!r}")
        if code not in CODES:
            raise ValueError(f"code must be one of {', '.join(map(str, CODES))}; got {code!r}")
        self._tell("press", button=name, code=code if name == "close" else None)
        self._do(name, code)

    def _do(self, name: str, code: int) -> None:
        match name:
            case "cut":
                self._network.cut(HOST, for_=CUT_FOR)
            case "black_hole":
                self._network.inject(HOST, Fault.black_hole())
            case "freeze":
                self._network.inject(HOST, Fault.stall(for_=FROZEN_FOR))
            case "restart":
                self._server.restart()
            case "slow":
                self._client.slow_down()
            case "ctrl_c":
                self._client.interrupt()
            case _:
                self._server.wish(name, code)

    def leases(self) -> list[dict[str, object]]:
        """Return how long each side has heard nothing, as the library tells it."""
        sides = {"client": self._client.connections[-1:], "server": self._server.connections[-1:]}
        return [
            _lease(side, ws) for side, found in sides.items() for ws in found if ws.ending is None
        ]


def _lease(side: str, ws: WebSocket) -> dict[str, object]:
    numbers = ws.statistics()
    return {
        "side": side,
        "heard": round(trio.current_time() - numbers.silence, 2),
        "paused": numbers.reading_paused,
        "waiting": numbers.receive_queue,
        "sending": numbers.tasks_sending,
    }
