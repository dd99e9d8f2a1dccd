"""A world for supervised clients: what becomes of each attempt stands in a script.

`World.connect` takes the place of `open_websocket`.
A step of the script is an exception, which the attempt fails with,
or a function of a `RawPeer`, which plays the server of that connection.
After the last step the world stays as it is: the last step is repeated.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, suppress
from typing import TypeAlias, Unpack

import trio
import trio.testing

from trio_ws import Headers, Rejected, Request, Response, WebSocket
from trio_ws._client.options import ClientOptions
from trio_ws._connection.block import ConnectionBlock
from trio_ws._handshake.opening import Opening
from trio_ws._options import ConnectionOptions
from trio_ws._policies import Limits, Timeouts
from trio_ws.testing import Frame, RawPeer

Play: TypeAlias = Callable[[RawPeer], Awaitable[object]]
Step: TypeAlias = Exception | Play
Pair: TypeAlias = tuple[trio.abc.HalfCloseableStream, trio.abc.HalfCloseableStream]

OPENING = Opening(
    request=Request(method="GET", target="/", headers=Headers()), response=Response(101)
)


def half() -> float:
    """No jitter: with it the delays are 2.5, 3, 9, 27, 43.5, 45, 45, …"""
    return 0.5


class World:
    """Where a supervised client lives; see the top of this file."""

    def __init__(self, nursery: trio.Nursery, *steps: Step) -> None:
        self._nursery = nursery
        self._steps = list(steps)
        self.attempts: list[float] = []
        self.urls: list[str] = []
        self.farewells: list[int] = []
        self.seconds_to_connect = 0.0

    def connect(
        self, url: str, **options: Unpack[ClientOptions]
    ) -> AbstractAsyncContextManager[WebSocket]:
        """What `open_websocket` would do."""

        async def connected() -> WebSocket:
            self.attempts.append(round(trio.current_time(), 6))
            self.urls.append(url)
            await trio.sleep(self.seconds_to_connect)
            return self._connect(options)

        return ConnectionBlock(connected)

    def _connect(self, options: ClientOptions) -> WebSocket:
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        if isinstance(step, Exception):
            raise step
        ours, theirs = self.streams()
        self._nursery.start_soon(self._play, step, RawPeer(theirs, client=False))
        rules = ConnectionOptions(
            heartbeat=options.get("heartbeat"),
            timeouts=options.get("timeouts", Timeouts()),
            limits=options.get("limits", Limits()),
        )
        return WebSocket(ours, OPENING, client=True, options=rules, name="client")

    def streams(self) -> Pair:
        """The two ends of a new connection."""
        return trio.testing.memory_stream_pair()

    async def _play(self, play: Play, peer: RawPeer) -> None:
        async with peer:
            with suppress(EOFError, trio.BrokenResourceError):
                farewell = await play(peer)
                if isinstance(farewell, Frame):
                    self.farewells.append(int.from_bytes(farewell.payload[:2], "big"))


async def listen(peer: RawPeer) -> Frame:
    """A server that only listens, and answers the close."""
    return await peer.close_politely()


def telling(*texts: str, then: Play = listen) -> Play:
    """A server that sends these, and goes on with `then`."""

    async def play(peer: RawPeer) -> object:
        for text in texts:
            await peer.send_text(text)
        return await then(peer)

    return play


def closing(code: int | None, *, after: float = 0) -> Play:
    """A server that closes with `code`, some time after it accepted."""

    async def play(peer: RawPeer) -> None:
        await trio.sleep(after)
        await peer.send_close(code)
        while (await peer.receive_frame()).opcode != 8:
            pass

    return play


def ending(*, after: float = 0) -> Play:
    """A server that is gone without a word."""

    async def play(peer: RawPeer) -> None:
        await trio.sleep(after)

    return play


async def silence(peer: RawPeer) -> None:
    """A server that neither says nor answers anything."""
    while True:
        await peer.receive_frame()


def rejection(status: int, headers: Iterable[tuple[str, str]] = ()) -> Rejected:
    """The server's answer to an upgrade, as the client sees it."""
    made = Headers(headers)
    wait = made.get("Retry-After")
    return Rejected(Response(status, made), retry_after=None if wait is None else float(wait))
