"""Messages in pieces: sent from an iterator, received in chunks.

A message that is sent in fragments (RFC 6455 §5.4) is the one thing
that cannot be taken back once it has begun:
the peer waits for the rest, and no other message may come between.
So when the iterator fails or the sender is cancelled half-way, the connection must close;
anything else would leave the peer with half a message and no way to know it.

The last fragment is empty: only when the iterator is exhausted do we know which was the last,
and holding one back would delay every fragment by one.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Self, final

import trio

from .._protocol.assembler import Mode
from .connection import Connection


@final
class IncomingMessage:
    """A message that is taken in chunks; made by `WebSocket.receive_stream`.

    An async context manager, and inside the block an async iterator over the chunks.
    """

    def __init__(
        self, connection: Connection, turn: trio.Lock, check_more_comes: Callable[[], None]
    ) -> None:
        self._connection = connection
        self._receive_queue = connection.receive_queue
        self._turn = turn
        self._check_more_comes = check_more_comes
        self._inside = False
        self._begun = False
        self._given = False
        self._finished = False

    @trio.lowlevel.enable_ki_protection
    async def __aenter__(self) -> Self:
        """Wait until no other task streams."""
        await self._turn.acquire()
        self._inside = True
        return self

    @trio.lowlevel.enable_ki_protection
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Drop what was not taken; does not wait for it to arrive."""
        self._inside = False
        assembly = self._connection.protocol.assembly
        if self._begun and assembly.mode is Mode.PARTS:
            assembly.skip_rest()
            self._connection.reader.mid_stream = False
        while self._receive_queue.parts:
            self._receive_queue.take_chunk()
        self._connection.reader.go_on()
        self._turn.release()

    def __aiter__(self) -> Self:
        """Iterate over the chunks."""
        return self

    @trio.lowlevel.enable_ki_protection
    async def __anext__(self) -> str | bytes:
        """The next chunk; if cancelled, none is lost.

        A message without any content is one empty chunk.
        """
        if not self._inside:
            raise RuntimeError("receive_stream() must be used as `async with … as chunks`")
        await trio.lowlevel.checkpoint()
        if self._finished:
            raise StopAsyncIteration
        return await self._next()

    async def _next(self) -> str | bytes:
        while not self._receive_queue.parts:
            if not self._begun and self._receive_queue.messages:
                self._finished = True
                return self._took(self._receive_queue.take())
            self._check_more_comes()
            if self._begun or self._connection.protocol.gathering:
                await self._receive_queue.streamers.park()
            else:
                self._begin()
        part = self._receive_queue.take_chunk()
        self._finished = part.finished
        if part.finished and not part.data and self._given:
            raise StopAsyncIteration
        return self._took(part.data)

    def _took(self, data: str | bytes) -> str | bytes:
        self._given = True
        self._connection.reader.go_on()
        return data

    def _begin(self) -> None:
        self._begun = True
        part = self._connection.protocol.stream()
        if part is not None:
            self._receive_queue.put_chunk(part)
