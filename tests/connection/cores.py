"""A core without its tasks, to test the parts of a connection one by one."""

from __future__ import annotations

from typing import Any, NoReturn

import trio.testing

from trio_ws import WebSocket
from trio_ws._connection.core import ConnectionCore
from trio_ws._connection.heartbeat import HeartbeatDriver
from trio_ws._connection.writer import Writer
from trio_ws._liveness.lease import Lease
from trio_ws._options import ConnectionOptions

from ..wires import TwoWayWire, opening


def core_of(client: bool = True, **options: Any) -> ConnectionCore:
    """Make a core over a stream in memory; no heartbeat unless asked for."""
    ours, _ = trio.testing.memory_stream_pair()
    rules = ConnectionOptions(**{"heartbeat": None, **options})
    return ConnectionCore(
        TwoWayWire(ours), opening(), client=client, options=rules, name="tested", phase=1.0
    )


def writer_of(core: ConnectionCore) -> Writer:
    """Make a writer for it."""
    return Writer(core, HeartbeatDriver(core))


class BrokenLease(Lease):
    """A lease that cannot be asked for a question."""

    __slots__ = ()

    def question(self, now: float) -> NoReturn:
        """Fail."""
        raise ZeroDivisionError


def break_lease_of(ws: WebSocket) -> None:
    """Let what asks for a connection whether it is time for a question fail."""
    lease: object = ws._connection.core.lease
    lease.__class__ = BrokenLease
