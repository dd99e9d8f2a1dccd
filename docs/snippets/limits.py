"""Limits of a server for small messages."""

from __future__ import annotations

import trio

from trio_ws import CloseCode, Limits, Server, WebSocket, open_websocket, serve_websocket

KIB = 1024


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


async def main(
    port: int = 8765, *, task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED
) -> None:
    await serve_websocket(
        echo,
        "localhost",
        port,
        limits=Limits(max_message_size=64 * KIB, receive_buffer=128 * KIB),
        max_connections=10_000,
        task_status=task_status,
    )


def budget(limits: Limits, max_connections: int, *, largest_sent: int = 0) -> int:
    """The bytes that a server can be made to hold, if it sends messages up to a size."""
    incoming = limits.receive_buffer + limits.max_message_size + 260 * KIB
    waiting = max(limits.send_buffer, largest_sent)
    in_hand = max(64 * KIB, largest_sent)
    return max_connections * (incoming + waiting + in_hand)


async def send_report(url: str, report: bytes) -> None:
    async with open_websocket(url) as ws:
        await ws.send(report)
    if ws.ending is not None and ws.ending.code == CloseCode.MESSAGE_TOO_BIG:
        raise ValueError(f"the server takes no report of {len(report)} bytes")
