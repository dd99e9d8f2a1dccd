"""A message that is received in chunks, in bounded memory.

The message is claimed with its first chunk, not when the block is entered.
`State` has the life of an `IncomingMessage`::

    NEW ──enter──▶ ENTERED ──claim──▶ STREAMING ──the last chunk──▶ DONE
                      │                   │                           │
                      └───────leave───────┴────────────▶ LEFT ◀───────┘

A message that had arrived whole when it is claimed is given as one chunk: ENTERED ─▶ DONE.
A task that leaves while it is STREAMING gets no more of it: the rest is dropped as it arrives.
A heartbeat that is hidden uses the claim up: the task claims again, or takes a message
that came whole behind the heartbeat.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from types import TracebackType
from typing import Self, final

import trio

from .._instrument import MessageKind, kind_of_message
from .connection import Connection
from .receive_queue import wire_size
from .turn import Turn


class State(enum.Enum):
    """Where an `IncomingMessage` stands; see the top of this file."""

    NEW = enum.auto()
    ENTERED = enum.auto()
    STREAMING = enum.auto()
    DONE = enum.auto()
    LEFT = enum.auto()


@final
class IncomingMessage:
    """A message that is taken in chunks; made by `WebSocket.receive_stream`.

    An async context manager, and inside the block an async iterator over the chunks.
    """

    __slots__ = (
        "_check_more_comes",
        "_core",
        "_given",
        "_heartbeat",
        "_on_received",
        "_protocol",
        "_receive_queue",
        "_size",
        "_state",
        "_turn",
    )

    def __init__(
        self,
        connection: Connection,
        check_more_comes: Callable[[], None],
        on_received: Callable[[MessageKind, int], None],
    ) -> None:
        self._heartbeat = connection.heartbeat
        self._protocol = connection.core.protocol
        self._receive_queue = connection.core.receive_queue
        self._core = connection.core
        self._turn: Turn | None = None
        self._check_more_comes = check_more_comes
        self._on_received = on_received
        self._size = 0
        self._state = State.NEW
        self._given = False

    @trio.lowlevel.enable_ki_protection
    async def __aenter__(self) -> Self:
        """Wait until no other task streams."""
        if self._state is not State.NEW:
            raise RuntimeError("this block was entered before; call receive_stream() for each")
        await trio.lowlevel.checkpoint()
        self._turn = await self._core.take_turn_to_stream()
        self._state = State.ENTERED
        return self

    @trio.lowlevel.enable_ki_protection
    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Drop what was not taken; does not wait for it to arrive."""
        self._disclaim()
        self._state = State.LEFT
        while self._receive_queue.chunks:
            self._receive_queue.take_chunk()
        assert self._turn is not None
        self._turn.release()

    def __aiter__(self) -> Self:
        """Iterate over the chunks."""
        return self

    @trio.lowlevel.enable_ki_protection
    async def __anext__(self) -> str | bytes:
        """Return the next chunk; if cancelled, none is lost.

        A message without any content is one empty chunk.
        """
        if self._state is State.NEW or self._state is State.LEFT:
            raise RuntimeError("receive_stream() must be used as `async with … as chunks`")
        await trio.lowlevel.checkpoint()
        if self._state is State.DONE:
            raise StopAsyncIteration
        return await self._next()

    async def _next(self) -> str | bytes:
        queue = self._receive_queue
        while not queue.chunks:
            if queue.messages and not self._given:
                # Claimed, it may come whole all the same: right behind a heartbeat.
                self._disclaim()
                message = queue.take()
                self._note(message, finished=True)
                return message
            self._check_more_comes()
            if self._given or self._protocol.assembler.is_claimed or self._protocol.buffering:
                await queue.streamers.park()
            else:
                self._claim()
        chunk = queue.take_chunk()
        self._note(chunk.data, finished=chunk.finished)
        if chunk.finished and not chunk.data and self._given:
            raise StopAsyncIteration
        self._given = True
        return chunk.data

    def _note(self, data: str | bytes, *, finished: bool) -> None:
        """Count what is given out; tell the instruments of a message that is complete."""
        self._size += wire_size(data)
        if finished:
            self._state = State.DONE
            self._on_received(kind_of_message(data), self._size)

    def _claim(self) -> None:
        """Have the message in progress, or the next one, passed on in chunks."""
        self._state = State.STREAMING
        chunk = self._heartbeat.stream()
        if chunk is not None:
            self._receive_queue.put_chunk(chunk)

    def _disclaim(self) -> None:
        """Take no more chunks; what is left of a message that was begun is dropped."""
        if self._state is State.STREAMING:
            self._protocol.assembler.skip_rest()
