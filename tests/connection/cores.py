"""A core without its tasks, to test the parts of a connection one by one."""

from __future__ import annotations

from typing import Any

import trio.testing

from trio_ws._connection.core import ConnectionCore
from trio_ws._connection.heartbeat import HeartbeatDriver
from trio_ws._connection.writer import Writer
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
