"""A conversation: lines become messages, messages lines, until there is an end.

    nursery
    ├─ sender: each line of the input is sent ─▶ then, if nothing is expected, a silence ends it
    └─ receiver: each message is shown ────────▶ the last one that is expected ends it

The end of the input is not the end of the conversation: answers may be on their way.
With `expect` it lasts until so many messages have come;
otherwise until none has come for `wait` seconds.
Then the connection is closed, and what arrives before the peer's answer is still shown.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

import trio

from trio_ws import ConnectionClosed, WebSocket

from .codec import Codec
from .exits import CommandError

FOREVER = math.inf

PONG = 10.0
"""Seconds that a peer has to read what was sent, before silence means something."""


class Channel(Protocol):
    """A connection, as far as a conversation needs it."""

    async def send(self, message: str | bytes) -> None:
        """Send a message."""

    async def receive(self) -> str | bytes:
        """Return the next message."""

    async def close(self, code: int = ..., reason: str = ...) -> None:
        """Close politely."""


Show = Callable[[bytes], Awaitable[None]]
Complain = Callable[[str], None]
Commands = Callable[[bytes], Awaitable[bytes | None]]


class Talk:
    """A conversation.

    Args:
        channel: the connection, or the channel across many.
        codec: how lines become messages, and messages lines.
        show: called with each message as a line.
        expect: end after so many messages; None: any number.
        wait: seconds of silence after the end of the input that end it.

    Attributes:
        received: how many messages have come.
    """

    def __init__(
        self,
        channel: Channel,
        codec: Codec,
        show: Show,
        *,
        expect: int | None = None,
        wait: float = 0.0,
    ) -> None:
        self._channel = channel
        self._codec = codec
        self._show = show
        self._expect = expect
        self._wait = wait
        self._heard = -math.inf
        self._failure: CommandError | None = None
        self.received = 0

    @property
    def satisfied(self) -> bool:
        """Return True if everything that was expected has come."""
        return self._expect is None or self.received >= self._expect

    async def run(
        self,
        lines: AsyncIterator[bytes],
        complain: Complain | None = None,
        commands: Commands | None = None,
    ) -> None:
        """Talk until there is an end; the connection is closed then, or closes with its block.

        With `complain` a line that cannot be sent is reported; otherwise it ends the conversation.
        `commands` sees each line before it is sent, and returns what is to be sent instead.

        Raises:
            CommandError: a line cannot be sent.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._receive_all, nursery.cancel_scope)
            await self._send_all(lines, complain, commands)
            if self._failure is None:
                await self._wait_for_answers()
            await self._channel.close()
        if self._failure is not None:
            raise self._failure

    async def _send_all(
        self,
        lines: AsyncIterator[bytes],
        complain: Complain | None,
        commands: Commands | None,
    ) -> None:
        number = 0
        async for line in lines:
            number += 1
            try:
                await self._send(line, commands)
            except ValueError as error:
                if complain is None:
                    self._failure = CommandError(f"line {number} cannot be sent: {error}")
                    return
                complain(f"not sent: {error}")
            except (ConnectionClosed, trio.ClosedResourceError):
                await trio.sleep_forever()  # the receiver sees the end, and what came before it

    async def _send(self, line: bytes, commands: Commands | None) -> None:
        chosen = await commands(line) if commands else line
        if chosen is not None:
            await self._channel.send(self._codec.encode(chosen))

    async def _wait_for_answers(self) -> None:
        """Wait for a silence, once the peer has read what was sent."""
        if self._wait and isinstance(self._channel, WebSocket):
            await self._wait_until_read(self._channel)
        self._heard = trio.current_time()
        while (until := self._heard + self._wait) > trio.current_time():  # noqa: ASYNC110
            await trio.sleep_until(until)  # meanwhile more may have come

    async def _wait_until_read(self, ws: WebSocket) -> None:
        """Wait for the pong of a ping behind everything else; not for long, if none comes."""
        with trio.move_on_after(PONG):
            try:
                await ws.flush()  # a ping would overtake what is queued
                await ws.ping()
            except ConnectionClosed:
                await trio.sleep_forever()  # the receiver sees it, too

    async def _receive_all(self, scope: trio.CancelScope) -> None:
        try:
            while self.received < (self._expect or FOREVER):
                message = await self._channel.receive()
                self.received += 1
                self._heard = trio.current_time()
                await self._show(self._codec.show(message))
            await self._channel.close()
        except (ConnectionClosed, trio.ClosedResourceError):
            pass  # what kind of end it was, the channel or its block tells
        finally:
            scope.cancel(reason="the conversation has ended")
