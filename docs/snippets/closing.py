"""Closing with a code, and looking at how it ended."""

from __future__ import annotations

from trio_ws import CloseCode, Ending, WebSocket


async def members_only(ws: WebSocket) -> None:
    if await ws.receive() != "the password":
        await ws.close(CloseCode.POLICY_VIOLATION, "members only")
        return
    await ws.send("Come in!")


def tell_the_end(ending: Ending) -> str:
    if ending.normal:
        return "as it should be"
    if ending.clean:
        if ending.received_first:
            return f"the peer closed with {ending.received}"
        return f"we closed with {ending.sent}"
    return f"the connection was lost: {ending}"
