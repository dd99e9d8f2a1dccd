"""Each kind of heartbeat, as the how-tos show them."""

from __future__ import annotations

import json
import socket

import trio

from trio_ws import (
    Heartbeat,
    HeartbeatTimeout,
    MessageHeartbeat,
    MessageReply,
    Server,
    Watchdog,
    WebSocket,
    open_websocket,
    open_websocket_on,
    serve_websocket,
)


async def watch_valve(url: str) -> None:
    heartbeat = Heartbeat(interval=5, timeout=5)
    try:
        async with open_websocket(url, heartbeat=heartbeat) as ws:
            async for message in ws:
                print(message)
    except HeartbeatTimeout as error:
        print(f"the valve does not answer: {error}")


def tell_latency(ws: WebSocket) -> None:
    now = ws.statistics()
    if now.latency is not None:
        print(f"last {now.latency:.3f} s, smoothed {now.smoothed_latency:.3f} s")
    print(f"silent for {now.silence:.1f} s; reading paused: {now.reading_paused}")


async def listen_to_ticks(url: str) -> None:
    heartbeat = Watchdog(timeout=45)
    async with open_websocket(url, heartbeat=heartbeat) as ws:
        async for message in ws:
            print(message)


def is_tick(message: str | bytes) -> bool:
    return isinstance(message, str) and '"tick"' in message


async def listen_to_chosen_ticks(url: str) -> None:
    watchdog = Watchdog(timeout=45, is_beat=is_tick)
    async with open_websocket(url, heartbeat=[Heartbeat(), watchdog]) as ws:
        async for message in ws:
            print(message)


def is_page_ping(message: str | bytes) -> bool:
    return message == "ping"


async def serve_pages(
    port: int = 8765, *, task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED
) -> None:
    reply = MessageReply(is_ping=is_page_ping, reply="pong")
    await serve_websocket(
        echo, "127.0.0.1", port, heartbeat=[Heartbeat(), reply], task_status=task_status
    )


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


def is_answer(message: str | bytes) -> bool:
    return message == '{"op":"pong"}'


async def ask_the_service(url: str) -> None:
    heartbeat = MessageHeartbeat(
        message='{"op":"ping"}', interval=15, timeout=10, is_reply=is_answer
    )
    async with open_websocket(url, heartbeat=heartbeat) as ws:
        async for message in ws:
            print(message)


def is_question(message: str | bytes) -> bool:
    return isinstance(message, str) and message.startswith('{"ping":')


def answer(message: str | bytes) -> str:
    return json.dumps({"pong": json.loads(message)["ping"]})


async def answer_the_service(url: str) -> None:
    reply = MessageReply(is_ping=is_question, reply=answer)
    async with open_websocket(url, heartbeat=[Heartbeat(), reply]) as ws:
        async for message in ws:
            print(message)


async def with_user_timeout(host: str, port: int) -> str | bytes:
    stream = await trio.open_tcp_stream(host, port)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 60_000)  # milliseconds
    async with open_websocket_on(stream, f"ws://{host}:{port}/") as ws:
        await ws.send("Hello")
        return await ws.receive()
