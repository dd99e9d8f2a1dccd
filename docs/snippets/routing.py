"""Several handlers and pages on one port: a chat, an upload, a widget, pages beside them."""

from __future__ import annotations

import html
import secrets

import trio

from trio_ws import (
    ANY_ORIGIN,
    Accept,
    Limits,
    Request,
    Response,
    Router,
    Server,
    WebSocket,
    basic_auth,
    open_websocket,
    serve_websocket,
)
from trio_ws.testing import MemoryNetwork

router = Router()


@router.websocket("/rooms/{room}/{seat:int}")
async def chat(ws: WebSocket) -> None:
    room, seat = ws.path_params["room"], ws.path_params["seat"]
    await ws.send(f"This is seat {seat} in {room}.")


@router.websocket("/widget", origins=ANY_ORIGIN, subprotocols=["widget.v2", "widget.v1"])
async def widget(ws: WebSocket) -> None:
    await ws.send(f"You speak {ws.subprotocol}.")


log_in = basic_auth(credentials={"ada": "lovelace"}, realm="uploads")


@router.websocket(
    "/uploads/{name:path}",
    limits=Limits(max_message_size=64 * 1024 * 1024),
    max_connections=10,
    on_request=log_in,
)
async def upload(ws: WebSocket) -> None:
    size = 0
    async with ws.receive_stream() as chunks:
        async for chunk in chunks:
            size += len(chunk)
    await ws.send(f"{ws.state['username']} has uploaded {size} bytes: {ws.path_params['name']}")


@router.get("/health")
def health(request: Request) -> Response:
    return Response.from_text("fine\n")


@router.get("/rooms/{room}")
async def room_page(request: Request) -> Response:
    room = html.escape(request.path_params["room"])
    return Response.from_html(f"<!doctype html><title>{room}</title><h1>{room}</h1>")


@router.get("/rooms/{room}/seats.json")
def seats(request: Request) -> Response:
    return Response.from_json(
        {"room": request.path_params["room"], "free": [3, 5]},
        headers={"Cache-Control": "no-store"},
    )


@router.get("/")
def start(request: Request) -> Response:
    return Response.redirect("/rooms/lobby", status=303)


def on_request(request: Request) -> Accept | None:
    """Know a client again by its cookie; give a new client one."""
    if "Upgrade" not in request.headers:
        return None
    session = request.cookies.get("session")
    request.state["session"] = session or secrets.token_urlsafe()
    if session:
        return None
    cookie = f"session={request.state['session']}; HttpOnly; Secure; SameSite=Strict"
    return Accept({"Set-Cookie": cookie})


async def main(
    host: str | None = "localhost",
    port: int = 8765,
    *,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
) -> None:
    await serve_websocket(router, host, port, on_request=on_request, task_status=task_status)


async def take_a_seat(network: MemoryNetwork) -> str | bytes:
    async with network, trio.open_nursery() as nursery:
        with network.on("chat.example"):
            await nursery.start(main, None, 80)
        async with open_websocket("ws://chat.example/rooms/lobby/5") as ws:
            heard = await ws.receive()
        nursery.cancel_scope.cancel()
    return heard
