"""Several handlers and pages on one port: a chat, an upload, a widget, pages beside them."""

from __future__ import annotations

import secrets

import trio

from trio_ws import (
    ANY_ORIGIN,
    SAME_ORIGIN,
    Accept,
    Limits,
    Request,
    Response,
    Router,
    Server,
    WebSocket,
    basic_auth,
    serve_websocket,
)

router = Router()


@router.websocket("/rooms/{room}/{seat:int}")
async def chat(ws: WebSocket) -> None:
    room, seat = ws.path_params["room"], ws.path_params["seat"]
    await ws.send(f"This is seat {seat} in {room}.")


@router.websocket(
    "/uploads/{name:path}",
    limits=Limits(max_message_size=64 * 1024 * 1024),
    max_connections=10,
)
async def upload(ws: WebSocket) -> None:
    size = 0
    async with ws.receive_stream() as chunks:
        async for chunk in chunks:
            size += len(chunk)
    await ws.send_json({"name": ws.path_params["name"], "size": size})


@router.websocket("/widget", origins=ANY_ORIGIN, subprotocols=["widget.v2", "widget.v1"])
async def widget(ws: WebSocket) -> None:
    await ws.send(f"You speak {ws.subprotocol}.")


@router.get("/health")
def health(request: Request) -> Response:
    return Response.from_text("fine\n")


@router.get("/rooms/{room}")
async def room_page(request: Request) -> Response:
    room = request.path_params["room"]
    if not room.isalnum():
        return Response.from_text("There is no such room.\n", status=404)
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


def with_a_session(request: Request) -> Accept:
    """Know a client again by its cookie; give one to a client that has none."""
    session = request.cookies.get("session")
    if session is not None:
        request.state["session"] = session
        return Accept()
    request.state["session"] = session = secrets.token_urlsafe()
    return Accept({"Set-Cookie": f"session={session}; HttpOnly; Secure; SameSite=Strict"})


async def on_request(request: Request) -> Response | Accept | None:
    """Ask for a password in the uploads; give every WebSocket a session."""
    if request.path.startswith("/uploads/"):
        return await log_in(request)
    if "Upgrade" in request.headers:
        return with_a_session(request)
    return None


log_in = basic_auth(credentials={"ada": "lovelace"}, realm="uploads")


async def main(
    port: int = 8765, *, task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED
) -> None:
    await serve_websocket(
        router,
        "localhost",
        port,
        on_request=on_request,
        origins=SAME_ORIGIN,
        task_status=task_status,
    )
