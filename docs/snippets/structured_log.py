"""Log lines of a handler that all say which connection they are about, with structlog."""

from __future__ import annotations

import structlog

from trio_ws import WebSocket
from trio_ws.instruments import log_context

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.JSONRenderer(default=str),
    ]
)
log = structlog.get_logger()


async def handler(ws: WebSocket) -> None:
    structlog.contextvars.bind_contextvars(**log_context(ws))
    log.info("hello")
    async for message in ws:
        log.info("a message", size=len(message))
