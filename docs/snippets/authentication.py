"""Who may connect: tokens, passwords and cookies before the upgrade, a first message after it."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Protocol

import trio

from trio_ws import (
    CloseCode,
    Request,
    RequestHook,
    Response,
    Server,
    WebSocket,
    basic_auth,
    open_websocket,
    serve_websocket,
)


def digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


class Users(Protocol):
    """Something that knows users and their passwords."""

    async def verify(self, name: str, password: str) -> bool: ...


class Gate:
    """Knows the users by the digests of their tokens."""

    def __init__(self, users: Mapping[bytes, str]) -> None:
        self._users = users

    def user_by_token(self, token: str) -> str | None:
        return self._users.get(digest(token))

    def user_of(self, request: Request) -> str | None:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self.user_by_token(token)
        return self.user_by_token(request.cookies.get("token", ""))

    def on_request(self, request: Request) -> Response | None:
        user = self.user_of(request)
        if user is None:
            return Response(401, {"WWW-Authenticate": "Bearer"}, "log in first\n")
        request.state["user"] = user
        return None

    async def greet(self, ws: WebSocket) -> None:
        await ws.send(f"Hello, {ws.state['user']}!")


async def serve(
    gate: Gate, port: int = 8765, *, task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED
) -> None:
    await serve_websocket(
        gate.greet, "localhost", port, on_request=gate.on_request, task_status=task_status
    )


async def serve_with_passwords(
    passwords: Mapping[str, str],
    port: int = 8765,
    *,
    task_status: trio.TaskStatus[Server] = trio.TASK_STATUS_IGNORED,
) -> None:
    log_in = basic_auth(credentials=passwords, realm="Ada's machine")
    await serve_websocket(
        greet_by_name, "localhost", port, on_request=log_in, task_status=task_status
    )


async def greet_by_name(ws: WebSocket) -> None:
    await ws.send(f"Hello, {ws.state['username']}!")


def ask_the_database(users: Users) -> RequestHook:
    async def check(name: str, password: str) -> bool:
        return await users.verify(name, password)

    return basic_auth(check)


async def ask(url: str, token: str) -> str | bytes:
    headers = {"Authorization": f"Bearer {token}"}
    async with open_websocket(url, headers=headers) as ws:
        return await ws.receive()


class Tickets:
    """A ticket for the query: good once, and for half a minute."""

    def __init__(self) -> None:
        self._tickets: dict[str, tuple[str, float]] = {}

    def issue(self, user: str) -> str:
        """Return a ticket for a user whom an ordinary request has identified."""
        ticket = secrets.token_urlsafe()
        self._tickets[ticket] = (user, trio.current_time() + 30)
        return ticket

    def user_of(self, request: Request) -> str | None:
        ticket = request.query.get("ticket", [""])[0]
        user, until = self._tickets.pop(ticket, ("", 0))
        return user if trio.current_time() < until else None


def user_by_subprotocol(gate: Gate, request: Request) -> str | None:
    """A page: ``new WebSocket(url, ["chat", "bearer." + token])``."""
    offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
    for name in map(str.strip, offered):
        if name.startswith("bearer."):
            return gate.user_by_token(name.removeprefix("bearer."))
    return None


async def log_in_first(gate: Gate, ws: WebSocket) -> None:
    user = None
    with trio.move_on_after(5):
        user = gate.user_by_token(str(await ws.receive()))
    if user is None:
        await ws.close(CloseCode.POLICY_VIOLATION, "log in first")
        return
    await ws.send(f"Hello, {user}!")


async def until_the_token_ends(seconds: float, ws: WebSocket) -> None:
    with trio.move_on_after(seconds):
        async for message in ws:
            await ws.send(json.dumps({"echo": message}))
        return
    await ws.close(4001, "the token has expired")
