"""The numbers that bound what a peer may cost, and how long it is waited for.

Other tests take these numbers from the library, so they would follow a mistake in one of them.
Here each stands a second time.  To change one, think again, and change it here as well.
"""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

import pytest

from trio_ws import Backoff, Deflate, SendBuffer

KIB, MIB = 1024, 1024 * 1024

BOUNDS: dict[str, dict[str, float]] = {
    "_cli.connect": {"MAX_MESSAGE": 64},
    "_cli.explain": {"MAX_FILE": 16 * MIB},
    "_cli.feed": {"MAX_HEAD": 16 * KIB},
    "_cli.handlers": {"QUEUE": 100, "MAX_NAME": 30, "GRACE": 2},
    "_cli.lines": {"MAX_LINE": 16 * MIB},
    "_concurrency.checkpoints": {"CALLS": 128, "BYTES": 512 * KIB, "SECONDS": 0.005},
    "_concurrency.suspension": {"INTERVAL": 5, "SUSPEND_THRESHOLD": 1},
    "_connection.heartbeat": {"LONGEST_HEARTBEAT": 1024},
    "_connection.reader": {"MAX_FRAMES_PER_TURN": 64},
    "_connection.writer": {
        "COALESCE_LIMIT": 48 * KIB,
        "COALESCE_TURNS": 6,
        "COALESCE_SECONDS": 0.001,
    },
    "_handshake.answers": {"MAX_INTERIM": 20},
    "_handshake.server": {"MAX_SKIPPED_BODY": 64 * KIB},
    "_liveness.grace": {"STALLED": 0.1, "GRACE": 1, "GLANCE": 1 / 64, "GLANCES": 5},
    "_liveness.lease": {"LONGEST_STEP": 1},
    "_liveness.pings": {"RIGHT_AFTER": 1},
    "_liveness.tick_groups": {"MAX_PER_WAKE": 64},
    "_liveness.timer": {"TICK": 1 / 16, "POSTPONEMENT": 1, "NOTHING_BEFORE": 128},
    "_protocol.diagnosis": {"MAX_INFLATED": 16 * MIB, "MAX_LAST_BLOCKS": 1000},
    "_protocol.extensions.deflate": {"CHUNK": 64 * KIB, "MAX_FINAL_BLOCKS": 1024},
    "_protocol.fast_path": {"MAX_MESSAGES_PER_FEED": 1024},
    "_protocol.frame_header": {"MAX_CONTROL_PAYLOAD": 125},
    "_protocol.frame_log": {"MAX_LOGGED_PAYLOAD": 60},
    "_protocol.message_decoder": {"MAX_DECODED_PER_TURN": 256 * KIB, "PIECE_COST": 512},
    "_protocol.payload_buffer": {"INITIAL_SIZE": 16 * KIB, "MAX_GROWTH": 32},
    "_protocol.send_queue": {
        "MAX_BATCH": 64 * KIB,
        "MAX_PENDING_PONGS": 16,
        "QUEUE_ITEM_OVERHEAD": 64,
    },
    "_reconnecting.channel": {"DOUBT_INTERVAL": 5},
    "_server.admission": {"FULL_RETRY_AFTER": 5, "NEW_GRACE": 1},
    "_server.http_connection": {"LINGER": 1},
    "_server.log": {"MAX_LOGGED_TEXT": 200, "ORIGIN_LOG_INTERVAL": 60},
    "_supervision.backoff": {"GROWTH": 3, "WIDTH": 5, "SPREAD": 3},
    "_supervision.loop": {"MAX_SLOT_WAITS": 2},
    "_supervision.retry_timer": {"RESUME_JITTER": 1},
    "_supervision.throttle": {"FORGET_AFTER": 600},
    "_transport.address_order": {"FORGET_AFTER": 300},
    "_transport.base": {"READ_SIZE": 65 * KIB},
    "_transport.kernel": {"DELIVERED_AT": 192},
    "_transport.listening": {"ACCEPT_RETRY_DELAY": 0.1, "ACCEPT_LOG_INTERVAL": 60},
    "_transport.read_buffer": {"READ_BUFFER_SIZE": 260 * KIB},
    "_transport.socket": {"MAX_IOVECS": 16},
    "_transport.tls": {"TLS_RECORD": 16 * KIB, "ALERT_LINGER": 1},
    "_transport.tls_session": {"MAX_BATCH": 65 * KIB, "MAX_SEALED": 260 * KIB, "MAX_JOINED": 16},
    "_validation": {"DAY": 24 * 60 * 60},
    "testing._left": {"MANY": 10},
    "testing._log": {"MUCH": 16 * MIB},
    "testing._network": {"SETTLING": 60},
    "testing._script": {"TIMEOUT": 60},
    "testing._wire": {"BUFFER": 64 * KIB, "WINDOW": 64 * KIB, "SEGMENT": 16 * KIB},
}


@pytest.mark.parametrize("module", BOUNDS)
def test_bounds(module: str) -> None:
    """Each bound of a module is the number that it was given with thought."""
    found = importlib.import_module(f"trio_ws.{module}")
    assert {name: getattr(found, name) for name in BOUNDS[module]} == BOUNDS[module]


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        (Backoff(), [5, 30, 10, (5, 30), 30, 300, 5, 30, None, None, 120]),
        (Deflate(), [12, 5, None, None, True, 60, "permessage-deflate"]),
        (SendBuffer(), [1000, MIB, 30]),
    ],
)
def test_defaults(value: Any, numbers: list[object]) -> None:
    """So are the defaults of the values that users make."""
    assert list(dataclasses.astuple(value)) == numbers
