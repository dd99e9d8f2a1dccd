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

from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from types import TracebackType
from typing import Self, TypeAlias, final

import trio

from ._errors import LocalProtocolError
from ._inbox import wire_size
from ._sansio.assembly import Mode
from ._services import Services
from ._values import CloseCode

BytesLike: TypeAlias = bytes | bytearray | memoryview
Fragments: TypeAlias = Iterable[str | BytesLike] | AsyncIterable[str | BytesLike]


async def send_fragments(services: Services, fragments: Fragments) -> None:
    """Send each fragment as it comes; the caller holds the data lane."""
    sending = _Fragments(services)
    try:
        if isinstance(fragments, AsyncIterable):
            async for fragment in fragments:
                await sending.put(fragment)
        else:
            for fragment in fragments:
                await sending.put(fragment)
        await sending.finish()
    except BaseException as error:
        sending.fail(error)
        raise
    finally:
        if isinstance(fragments, AsyncGenerator):
            # Not exhausted, it must be closed by whoever consumed it.
            await fragments.aclose()


class _Fragments:
    """One message on its way out."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._end: str | bytes | None = None

    async def put(self, fragment: str | BytesLike) -> None:
        """Queue a fragment and wait until the kernel has it."""
        await self._put(_checked(fragment), finished=False)
        await self._services.writer.wait_until_flushed()

    async def finish(self) -> None:
        """End the message."""
        if self._end is None:
            raise LocalProtocolError(
                'an iterable without any fragment is neither text nor binary; send "" or b""'
            )
        await self._put(self._end, finished=True)

    async def _put(self, fragment: str | bytes, *, finished: bool) -> None:
        await self._services.writer.wait_for_room(wire_size(fragment))
        await self._services.check_open()
        self._services.session.send(fragment, finished=finished)
        self._services.lease.data(trio.current_time())
        self._services.settle()
        self._end = "" if isinstance(fragment, str) else b""

    def fail(self, error: BaseException) -> None:
        """The rest will never come: close, if any of it is out."""
        if self._end is None:
            return
        if isinstance(error, Exception):
            self._services.begin_close(CloseCode.INTERNAL_ERROR, "a message was broken off")
        else:
            self._services.hurry(CloseCode.GOING_AWAY, "a message was broken off")


def _checked(fragment: object) -> str | bytes:
    if isinstance(fragment, str):
        return fragment
    if isinstance(fragment, bytes | bytearray | memoryview):
        return bytes(fragment)
    raise TypeError(f"a fragment is str or bytes-like, not {type(fragment).__name__}")


@final
class IncomingMessage:
    """A message that is taken in chunks; made by `WebSocket.receive_stream`.

    An async context manager, and inside the block an async iterator over the chunks.
    """

    def __init__(
        self, services: Services, turn: trio.Lock, check_more_comes: Callable[[], None]
    ) -> None:
        self._services = services
        self._inbox = services.inbox
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
        assembly = self._services.session.assembly
        if self._begun and assembly.mode is Mode.PARTS:
            assembly.abandon()
            self._services.reader.mid_stream = False
        while self._inbox.parts:
            self._inbox.take_part()
        self._services.reader.go_on()
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
        while not self._inbox.parts:
            if not self._begun and self._inbox.messages:
                self._finished = True
                return self._took(self._inbox.take())
            self._check_more_comes()
            if self._begun or self._services.session.gathering:
                await self._inbox.streamers.park()
            else:
                self._begin()
        part = self._inbox.take_part()
        self._finished = part.finished
        if part.finished and not part.data and self._given:
            raise StopAsyncIteration
        return self._took(part.data)

    def _took(self, data: str | bytes) -> str | bytes:
        self._given = True
        self._services.reader.go_on()
        return data

    def _begin(self) -> None:
        self._begun = True
        part = self._services.session.stream()
        if part is not None:
            self._inbox.put_part(part)
