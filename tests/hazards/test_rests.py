"""In every state in which a connection rests a clock runs, and ends it (F1.2).

The rows and columns are those of the table in ``docs/explain/liveness.rst``.
The peer is there and does nothing; times are virtual and exact.
"""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import (
    ConnectionClosed,
    Heartbeat,
    Limits,
    Loss,
    MessageHeartbeat,
    Timeouts,
    Watchdog,
    WebSocket,
)
from trio_ws._transport.kernel import HangUp
from trio_ws.testing import RawPeer

from ..kernels import SaidKernel, kernel
from ..wires import both_roles, open_wired, settled

__all__ = ["kernel"]

PAGE = Path(__file__).parents[2] / "docs" / "explain" / "liveness.rst"

READS = "waits for bytes"
READS_AND_WRITES = "waits for bytes; bytes wait to leave"
FULL = "waits for room"
FULL_AND_WRITES = "waits for room; bytes wait to leave"
CLOSING = "waits for the peer's Close"
OVER = "waits for the peer's end"

BEAT = Heartbeat(interval=4, timeout=2)
BY_MESSAGE = MessageHeartbeat(message="?", interval=4, timeout=2)
NEVER = float("inf")

CELLS: list[tuple[str, dict[str, Any], float, Loss | None]] = [
    # what the reader does, the policies, the seconds until the end, and how it is lost
    (READS, {"heartbeat": BEAT}, 4 + 2, Loss.HEARTBEAT),
    (READS, {"heartbeat": BY_MESSAGE}, 4 + 2, Loss.HEARTBEAT),
    (READS, {"heartbeat": Watchdog(timeout=7)}, 7, Loss.HEARTBEAT),
    (READS, {"timeouts": Timeouts(idle=5, close=3)}, 5 + 3, Loss.UNANSWERED),
    (READS, {"timeouts": Timeouts(send=5, stall=5)}, NEVER, None),
    (READS_AND_WRITES, {"heartbeat": BEAT}, 4 + 2, Loss.HEARTBEAT),
    (READS_AND_WRITES, {"heartbeat": BY_MESSAGE}, 4 + 2, Loss.HEARTBEAT),
    (READS_AND_WRITES, {"heartbeat": Watchdog(timeout=7)}, 7, Loss.HEARTBEAT),
    (READS_AND_WRITES, {"timeouts": Timeouts(idle=5, close=3)}, 5 + 3, Loss.UNANSWERED),
    (READS_AND_WRITES, {"timeouts": Timeouts(send=5)}, 5, Loss.SEND_TIMEOUT),
    (READS_AND_WRITES, {"timeouts": Timeouts(stall=5)}, 5, Loss.SEND_TIMEOUT),
    (FULL, {"heartbeat": BEAT}, 1 + 2, Loss.HEARTBEAT),  # the pong after a second is not taken
    (FULL, {"timeouts": Timeouts(idle=5, close=3)}, 5 + 3, Loss.UNANSWERED),
    (FULL, {"heartbeat": BEAT, "timeouts": Timeouts(send=1)}, 1 + 1, Loss.SEND_TIMEOUT),
    (FULL, {"heartbeat": BEAT, "timeouts": Timeouts(stall=1)}, 1 + 1, Loss.SEND_TIMEOUT),
    (FULL_AND_WRITES, {"heartbeat": BEAT}, 2, Loss.HEARTBEAT),
    (FULL_AND_WRITES, {"heartbeat": BY_MESSAGE}, 2, Loss.HEARTBEAT),
    (FULL_AND_WRITES, {"timeouts": Timeouts(idle=5, close=3)}, 5 + 3, Loss.UNANSWERED),
    (FULL_AND_WRITES, {"timeouts": Timeouts(send=5)}, 5, Loss.SEND_TIMEOUT),
    (FULL_AND_WRITES, {"timeouts": Timeouts(stall=5)}, 5, Loss.SEND_TIMEOUT),
    (CLOSING, {"timeouts": Timeouts(close=6)}, 6, Loss.UNANSWERED),
    (OVER, {"timeouts": Timeouts(close=6, goodbye=6)}, 6, None),
]


@pytest.fixture(autouse=True)
def no_chance(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first question comes at the end of the first interval."""
    monkeypatch.setattr(random, "random", lambda: 1.0)


async def bring_to(state: str, ws: WebSocket, peer: RawPeer, wire: Any) -> None:
    """Bring a connection to a state."""
    if state in (FULL, FULL_AND_WRITES):
        await peer.send_text("unread")
    if state in (READS_AND_WRITES, FULL, FULL_AND_WRITES):
        wire.stop_taking()
    if state in (READS_AND_WRITES, FULL_AND_WRITES):
        await ws.send("stuck")
    await settled()
    assert ws.statistics().reading_paused is (state in (FULL, FULL_AND_WRITES))


@both_roles
@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize(("state", "policies", "seconds", "loss"), CELLS)
async def test_a_clock_runs(
    state: str,
    policies: dict[str, Any],
    seconds: float,
    loss: Loss | None,
    told: bool,
    client: bool,
    kernel: SaidKernel,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The connection ends after so many seconds, whether the system tells of acknowledgements."""
    kernel.unacknowledged = (0 if state in (READS, FULL) else 1000) if told else None
    limits = Limits(receive_buffer=1)
    with suppress(ConnectionClosed):
        async with open_wired(client, limits=limits, **policies) as (ws, peer, wire):
            await bring_to(state, ws, peer, wire)
            if state == OVER:
                await peer.send_close(1000)
            if state in (CLOSING, OVER):
                await ws.close()
            with trio.move_on_after(1000):
                await ws._connection.core.over.wait()
            over_at = trio.current_time() if ws.ending else NEVER
            if state == OVER:
                await ws.wait_closed()
                over_at = trio.current_time()
    assert over_at == seconds
    assert loss is None or (ws.ending is not None and ws.ending.loss is loss)


@both_roles
@pytest.mark.parametrize("state", [FULL, FULL_AND_WRITES])
@pytest.mark.parametrize("end", [HangUp(None), HangUp(OSError(104, "reset"))])
async def test_the_look_each_second(
    end: HangUp,
    state: str,
    client: bool,
    kernel: SaidKernel,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """While nothing is read the end shows at the next look, without any policy."""
    with pytest.raises(ConnectionClosed):
        async with open_wired(client, limits=Limits(receive_buffer=1)) as (ws, peer, wire):
            await bring_to(state, ws, peer, wire)
            kernel.end = end
            try:
                await ws.ping()
            finally:
                assert trio.current_time() == 1


def test_the_table_of_the_docs() -> None:
    """The page on liveness has each of these states."""
    page = PAGE.read_text(encoding="utf-8")
    table = page[page.index("Where a connection rests") :]
    for state in (READS, READS_AND_WRITES, FULL, FULL_AND_WRITES, CLOSING, OVER):
        assert f"   * - {state}\n" in table
