"""A peer on `trio-websocket`.

As a client it leaves its socket open after a closing handshake that the server began.
That is ended here, as the garbage collector would, unless ``keep_socket`` asks for it to be seen.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import trio
from trio_websocket import (
    ConnectionClosed,
    ConnectionRejected,
    WebSocketConnection,
    WebSocketRequest,
    open_websocket_url,
    serve_websocket,
)

from .line import Facts, client_tls, obey, read_line, report, report_message, server_tls, unpack

BIG = 64 * 1024 * 1024


def as_pairs(headers: Facts | None) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in (headers or {}).items()]


def as_mapping(pairs: Any) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in pairs}


class Peer:
    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.life = trio.CancelScope()
        self.ws: Any = None
        self.closing = False

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
        async def serve_one(request: WebSocketRequest) -> None:
            if reject is not None:
                await request.reject(
                    reject["status"],
                    extra_headers=as_pairs(reject["headers"]),
                    body=reject["body"].encode(),
                )
                return
            common = [name for name in subprotocols or () if name in request.proposed_subprotocols]
            ws = await request.accept(
                subprotocol=common[0] if common else None, extra_headers=as_pairs(headers)
            )
            report(
                "open",
                target=request.path,
                headers=as_mapping(request.headers),
                subprotocol=ws.subprotocol,
            )
            await self.listen_to(ws)

        serve = partial(
            serve_websocket,
            serve_one,
            "127.0.0.1",
            0,
            server_tls(tls),
            max_message_size=BIG,
        )
        server = await self.nursery.start(self.living, serve)
        report("listening", port=server.port)

    async def living(self, serve: Any, *, task_status: Any) -> None:
        """Serve until the next reset."""
        with self.life:
            await serve(task_status=task_status)

    async def connect(
        self,
        *,
        url: str,
        tls: Facts | None = None,
        subprotocols: list[str] | None = None,
        compression: bool = False,
        headers: Facts | None = None,
        ping_interval: float | None = None,
        keep_socket: bool = False,
    ) -> None:
        with self.life:
            try:
                await self.hold(
                    open_websocket_url(
                        url,
                        ssl_context=client_tls(tls),
                        subprotocols=subprotocols,
                        extra_headers=as_pairs(headers),
                        max_message_size=BIG,
                    )
                )
                if not keep_socket:
                    await self.abort()
            except ConnectionRejected as error:
                report(
                    "rejected",
                    status=error.status_code,
                    headers=as_mapping(error.headers or ()),
                    body=(error.body or b"").decode(),
                )

    async def hold(self, opening: Any) -> None:
        async with opening as ws:
            report("open", headers=as_mapping(ws.handshake_headers), subprotocol=ws.subprotocol)
            await self.listen_to(ws)

    async def listen_to(self, ws: WebSocketConnection) -> None:
        self.ws, self.closing = ws, False
        try:
            while True:
                report_message(await ws.get_message())
        except ConnectionClosed:
            if not self.closing:
                self.report_close()

    def report_close(self) -> None:
        report("close", code=self.ws.closed.code, reason=self.ws.closed.reason)

    async def text(self, *, data: str) -> None:
        await self.ws.send_message(data)

    async def binary(self, *, data: str) -> None:
        await self.ws.send_message(unpack(data))

    async def ping(self, *, data: str) -> None:
        await self.ws.ping(data.encode())
        report("pong", data=data)

    async def close(self, *, code: int, reason: str) -> None:
        self.closing = True  # `get_message` fails before the answer has come
        await self.ws.aclose(code, reason)
        self.report_close()

    async def abort(self) -> None:
        await trio.aclose_forcefully(self.ws._stream)

    async def reset(self, *, tag: int) -> None:
        self.life.cancel()
        self.life = trio.CancelScope()
        if self.ws is not None:
            await self.abort()
        self.ws = None
        report("reset", tag=tag)


async def main() -> None:
    async with trio.open_nursery() as nursery:
        read = partial(trio.to_thread.run_sync, read_line, abandon_on_cancel=True)
        await obey(Peer(nursery), read, nursery.start_soon)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
