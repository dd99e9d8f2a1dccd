"""A peer on `websockets`, its asyncio side."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.connection import Connection
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from .line import (
    Facts,
    client_tls,
    obey,
    read_line,
    report,
    report_message,
    server_tls,
    show,
    unpack,
)


class _Watched(Connection):
    """A connection that counts data frames and reports pings, which the library answers itself."""

    frames = 0

    def process_event(self, event: object) -> None:
        if isinstance(event, Frame):
            if event.opcode is Opcode.PING:
                report("ping", data=show(event.data))
            elif event.opcode in (Opcode.TEXT, Opcode.BINARY):
                self.frames = 1
            elif event.opcode is Opcode.CONT:
                self.frames += 1
        super().process_event(event)


class WatchedServer(_Watched, ServerConnection):
    pass


class WatchedClient(_Watched, ClientConnection):
    pass


class Peer:
    def __init__(self) -> None:
        self.server: Server | None = None
        self.ws: WatchedServer | WatchedClient | None = None

    async def listen(
        self,
        *,
        tls: Facts | None = None,
        subprotocols: list[str] | None = None,
        compression: bool = False,
        headers: Facts | None = None,
        reject: Facts | None = None,
        ping_interval: float | None = None,
    ) -> None:
        def refuse(ws: ServerConnection, request: Request) -> Response | None:
            if reject is None:
                return None
            response = ws.respond(HTTPStatus(reject["status"]), reject["body"])
            response.headers.update(reject["headers"])
            return response

        def add_headers(ws: ServerConnection, request: Request, response: Response) -> None:
            response.headers.update(headers or {})

        self.server = await serve(
            self.serve_one,
            "127.0.0.1",
            0,
            ssl=server_tls(tls),
            subprotocols=[Subprotocol(name) for name in subprotocols] if subprotocols else None,
            compression="deflate" if compression else None,
            process_request=refuse,
            process_response=add_headers,
            create_connection=WatchedServer,
            max_size=None,
            ping_interval=ping_interval,
            ping_timeout=ping_interval,
        )
        report("listening", port=next(iter(self.server.sockets)).getsockname()[1])

    async def serve_one(self, ws: ServerConnection) -> None:
        assert isinstance(ws, WatchedServer)
        assert ws.request is not None
        report(
            "open",
            target=ws.request.path,
            headers=dict(ws.request.headers.raw_items()),
            subprotocol=ws.subprotocol,
        )
        await self.listen_to(ws)

    async def connect(
        self,
        *,
        url: str,
        tls: Facts | None = None,
        subprotocols: list[str] | None = None,
        compression: bool = False,
        headers: Facts | None = None,
        ping_interval: float | None = None,
    ) -> None:
        try:
            ws = await connect(
                url,
                ssl=client_tls(tls),
                subprotocols=[Subprotocol(name) for name in subprotocols or ()] or None,
                compression="deflate" if compression else None,
                additional_headers=dict(headers or {}),
                create_connection=WatchedClient,
                proxy=None,
                max_size=None,
                ping_interval=ping_interval,
                ping_timeout=ping_interval,
            )
        except InvalidStatus as error:
            response = error.response
            report(
                "rejected",
                status=response.status_code,
                headers=dict(response.headers.raw_items()),
                body=bytes(response.body or b"").decode(),
            )
            return
        assert isinstance(ws, WatchedClient)
        assert ws.response is not None
        report("open", headers=dict(ws.response.headers.raw_items()), subprotocol=ws.subprotocol)
        await self.listen_to(ws)

    async def listen_to(self, ws: WatchedServer | WatchedClient) -> None:
        self.ws = ws
        try:
            while True:
                report_message(await ws.recv(), frames=ws.frames)
        except ConnectionClosed:
            report("close", code=ws.close_code, reason=ws.close_reason)

    @property
    def current(self) -> Any:
        assert self.ws is not None
        return self.ws

    async def text(self, *, data: str) -> None:
        await self.current.send(data)

    async def binary(self, *, data: str) -> None:
        await self.current.send(unpack(data))

    async def fragments(self, *, parts: list[str]) -> None:
        await self.current.send(parts)

    async def ping(self, *, data: str) -> None:
        await (await self.current.ping(data))
        report("pong", data=data)

    async def close(self, *, code: int, reason: str) -> None:
        await self.current.close(code, reason)

    async def abort(self) -> None:
        self.current.transport.abort()

    async def reset(self, *, tag: int) -> None:
        if self.ws is not None:
            self.ws.transport.abort()
        if self.server is not None:
            self.server.close()
        self.ws = self.server = None
        report("reset", tag=tag)


async def main() -> None:
    async with asyncio.TaskGroup() as tasks:
        await obey(
            Peer(),
            lambda: asyncio.to_thread(read_line),
            lambda work: tasks.create_task(work()),  # type: ignore[arg-type]
        )


if __name__ == "__main__":
    asyncio.run(main())
