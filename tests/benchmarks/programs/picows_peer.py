"""picows, which calls back instead of being awaited."""

from __future__ import annotations

import asyncio
from functools import partial
from time import perf_counter
from typing import Any

from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    WSUpgradeRequest,
    ws_connect,
    ws_create_server,
)

from ..wire import Talk, payload, read_talk
from .line import Options, listening
from .talking import OnAsyncio, Watch, burst_of, main

AUDIENCE: list[WSTransport] = []
"""The connections of a server that are there to be sent to."""

TYPES = {"binary": WSMsgType.BINARY, "text": WSMsgType.TEXT}


class Writable(WSListener):  # type: ignore[misc, unused-ignore]
    """A listener that knows when more may be written."""

    def __init__(self, talk: Talk) -> None:
        super().__init__()
        self.talk = talk
        self.type = TYPES[talk.kind]
        self.count = 0
        self.writable = asyncio.Event()
        self.writable.set()
        self.done = asyncio.Event()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    async def send_all(self, transport: WSTransport) -> None:
        """Send all messages of the talk."""
        data = payload(self.talk.kind, self.talk.size)
        for _ in range(self.talk.messages):
            if not self.writable.is_set():
                await self.writable.wait()
            transport.send(self.type, data)


def take(frame: WSFrame) -> bytes:
    """Take a message as an application would keep it, and make what can be sent of it again."""
    if frame.msg_type is WSMsgType.TEXT:
        text: str = frame.get_payload_as_utf8_text()
        return text.encode()
    data: bytes = frame.get_payload_as_bytes()
    return data


class Answering(Writable):
    """A server's side of a connection."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        if self.talk.conversation == "source":
            self.task = asyncio.create_task(self.send_all(transport))
        elif self.talk.conversation == "audience":
            AUDIENCE.append(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        if self.talk.conversation == "audience":
            AUDIENCE.remove(transport)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif self.talk.conversation == "echo":
            transport.send(frame.msg_type, take(frame))
        elif self.talk.conversation in ("conductor", "looper"):
            take(frame)
            self.conduct()
        else:
            data = take(frame)
            self.count += 1
            if self.count == self.talk.messages:
                transport.send(self.type, data)

    def conduct(self) -> None:
        """Send a burst to the audience."""
        for data in burst_of(self.talk):
            for transport in AUDIENCE:
                transport.send(self.type, data)


class Asking(Writable):
    """A client's side of a connection: counts what arrives, and perhaps sends it back."""

    end = 0.0
    watch: Watch | None = None

    def __init__(self, talk: Talk) -> None:
        super().__init__(talk)
        self.expected = 1 if talk.conversation == "sink" else talk.messages
        self.report: dict[str, float] = {}

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type is WSMsgType.CLOSE:
            transport.disconnect()
            return
        data = take(frame)
        self.count += 1
        if perf_counter() < self.end:
            transport.send(self.type, data)
            self.expected += 1
            return
        if self.watch is not None and not self.report:
            self.report = self.watch.report(self.count)
        if self.count == self.expected:
            self.done.set()


class Picows(OnAsyncio):
    """The fastest one on asyncio: written in Cython, with callbacks, for single frames."""

    async def serve(self, options: Options) -> None:
        """Tell `line.listening`, and serve until killed."""
        server = await ws_create_server(
            self.listener,
            "127.0.0.1",
            0,
            ssl=options.server_tls(),
            backlog=1000,
            enable_auto_ping=options.heartbeat,
            auto_ping_strategy=WSAutoPingStrategy.PING_WHEN_IDLE,
        )
        listening(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    def listener(self, request: WSUpgradeRequest) -> WSListener:
        """Serve one connection."""
        return Answering(read_talk(request.path.decode()))

    async def work(self, options: Options, job: dict[str, Any]) -> dict[str, Any]:
        """Do what a job asks of a client."""
        talk = Talk(*job["talk"])
        url, tls = job["url"] + talk.path, options.client_tls()
        if talk.conversation == "none":
            return await self.handshakes(url, job["at_once"], job["seconds"])
        transport, listener = await ws_connect(partial(Asking, talk), url, ssl_context=tls)
        assert isinstance(listener, Asking)
        watch = Watch()
        if talk.conversation == "echo":
            listener.watch = watch
            listener.end = perf_counter() + job["seconds"]
        if talk.conversation != "source":
            await listener.send_all(transport)
        await listener.done.wait()
        report = listener.report or watch.report(talk.messages)
        await self.close(transport)
        return report

    async def close(self, transport: WSTransport) -> None:
        """Say goodbye, and wait for the answer."""
        transport.send_close(WSCloseCode.OK)
        await transport.wait_disconnected()

    async def handshakes(self, url: str, at_once: int, seconds: float) -> dict[str, Any]:
        """Open and close connections, so many at once, for so long."""
        count = 0
        watch = Watch()
        end = perf_counter() + seconds

        async def again_and_again() -> None:
            nonlocal count
            while perf_counter() < end:
                transport, _ = await ws_connect(partial(Asking, Talk()), url)
                count += 1
                await self.close(transport)

        await self.at_once(again_and_again, at_once)
        return watch.report(count)


if __name__ == "__main__":
    main(Picows())
