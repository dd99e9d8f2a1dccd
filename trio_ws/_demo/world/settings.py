"""What both sides are set to: shorter and smaller than the defaults, so that one sees it happen."""

from __future__ import annotations

from trio_ws import Backoff, Heartbeat, Limits, Timeouts

HEARTBEAT = Heartbeat(interval=3, timeout=3)
TIMEOUTS = Timeouts(connect=3, close=3, goodbye=0.5)
LIMITS = Limits(receive_buffer=2048, send_buffer=8192, max_message_size=65536)
BACKOFF = Backoff(first=2.0, cap=2.5, stable=8.0, restart=(1.0, 4.0), overload=4.0, max_restarts=50)
