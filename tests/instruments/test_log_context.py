"""`trio_ws.instruments._log_context`: what tells a connection from others."""

from __future__ import annotations

import pytest

from trio_ws import WebSocket
from trio_ws.instruments import log_context

from ..halls import serving


async def test_what_is_in_it() -> None:
    """It has the name of the log, the path without its query, the address, the subprotocol."""
    seen: list[tuple[WebSocket, dict[str, object]]] = []

    async def handler(ws: WebSocket) -> None:
        seen.append((ws, log_context(ws)))

    async with (
        serving(handler, subprotocols=["chat"]) as hall,
        hall.open("/room/5?token=hunter2", subprotocols=["chat"]) as ws,
    ):
        await ws.wait_closed()
    ((server, context),) = seen
    assert list(context) == ["name", "path", "remote", "subprotocol"]
    assert str(context["name"]) in repr(server)
    assert (context["path"], context["subprotocol"]) == ("/room/5", "chat")
    assert context["remote"] == server.remote_address


def test_what_is_no_connection() -> None:
    """Anything else is refused."""
    with pytest.raises(TypeError, match=r"ws must be a WebSocket, not a value of type int"):
        log_context(5)  # type: ignore[arg-type]
