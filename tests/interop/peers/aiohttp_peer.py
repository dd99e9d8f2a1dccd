"""A peer on `aiohttp`.

Its answering of pings is done here by hand, as its documentation says for ``autoping=False``:
that is the only way to see pings and pongs.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from aiohttp import ClientSession, WSMsgType, WSServerHandshakeError, web

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


class Peer:
    def __init__(self) -> None:
        self.runner: web.AppRunner | None = None
        self.session: ClientSession | None = None
        self.ws: Any = None
        self.transport: Any = None

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
        async def serve_one(request: web.Request) -> web.StreamResponse:
            if reject is not None:
                return web.Response(
                    status=reject["status"], headers=reject["headers"], text=reject["body"]
                )
            ws = web.WebSocketResponse(
                protocols=subprotocols or (),
                compress=compression,
                autoping=False,
                max_msg_size=0,
                heartbeat=ping_interval,
            )
            ws.headers.update(headers or {})
            await ws.prepare(request)
            report(
                "open",
                target=request.path_qs,
                headers=dict(request.headers),
                subprotocol=ws.ws_protocol,
            )
            await self.listen_to(ws, request.transport)
            return ws

        app = web.Application()
        app.router.add_get("/{path:.*}", serve_one)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0, ssl_context=server_tls(tls)).start()
        report("listening", port=self.runner.addresses[0][1])

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
        self.session = ClientSession()
        try:
            ws = await self.session.ws_connect(
                url,
                ssl=client_tls(tls) or True,
                protocols=subprotocols or (),
                compress=15 if compression else 0,
                headers=headers,
                autoping=False,
                max_msg_size=0,
                heartbeat=ping_interval,
            )
        except WSServerHandshakeError as error:
            report("rejected", status=error.status, headers=dict(error.headers or {}), body=None)
            return
        answer = ws._response
        report("open", headers=dict(answer.headers), subprotocol=ws.protocol)
        assert answer.connection is not None
        await self.listen_to(ws, answer.connection.transport)

    async def listen_to(self, ws: Any, transport: Any) -> None:
        self.ws, self.transport = ws, transport
        while True:
            message = await ws.receive()
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                report_message(message.data)
            elif message.type is WSMsgType.PING:
                report("ping", data=show(message.data))
                await ws.pong(message.data)
            elif message.type is WSMsgType.PONG:
                report("pong", data=show(message.data))
            elif message.type is WSMsgType.CLOSE:
                return report("close", code=message.data, reason=message.extra)
            elif message.type is WSMsgType.CLOSING:
                return None  # `close` below reports
            else:
                return report("close", code=ws.close_code, reason=None)

    async def text(self, *, data: str) -> None:
        await self.ws.send_str(data)

    async def binary(self, *, data: str) -> None:
        await self.ws.send_bytes(unpack(data))

    async def ping(self, *, data: str) -> None:
        await self.ws.ping(data.encode())

    async def close(self, *, code: int, reason: str) -> None:
        await self.ws.close(code=code, message=reason.encode())
        report("close", code=self.ws.close_code, reason=None)

    async def abort(self) -> None:
        self.transport.abort()

    async def reset(self, *, tag: int) -> None:
        await self.drop()
        report("reset", tag=tag)

    async def drop(self) -> None:
        if self.transport is not None:
            self.transport.abort()
        with contextlib.suppress(Exception):  # it may complain about what was just aborted
            if self.runner is not None:
                await self.runner.cleanup()
        if self.session is not None:
            await self.session.close()
        self.ws = self.transport = self.runner = self.session = None


async def main() -> None:
    peer = Peer()
    async with asyncio.TaskGroup() as tasks:
        await obey(
            peer,
            lambda: asyncio.to_thread(read_line),
            lambda work: tasks.create_task(work()),  # type: ignore[arg-type]
        )
        await peer.drop()


if __name__ == "__main__":
    asyncio.run(main())
