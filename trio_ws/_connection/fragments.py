"""A message that is sent in fragments (RFC 6455 §5.4).

It cannot be taken back once it has begun:
the peer waits for the rest, and no other message may come between.
So when the iterator fails or the sender is cancelled half-way, the connection must close;
anything else would leave the peer with half a message and no way to know it.

The last fragment is empty: only when the iterator is exhausted do we know which was the last,
and holding one back would delay every fragment by one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping
from typing import TypeAlias, TypeGuard

import trio

from .._concurrency.checkpoints import current_checkpoint_budget
from .._concurrency.exceptions import may_pass
from .._ending import CloseCode
from .._errors import LocalProtocolError
from .._instrument import MessageKind, kind_of_message
from .connection import Connection
from .core import BROKEN_OFF
from .receive_queue import wire_size

BytesLike: TypeAlias = bytes | bytearray | memoryview
"""What is sent as a binary message."""

Fragments: TypeAlias = Iterable[str | BytesLike] | AsyncIterable[str | BytesLike]
"""The fragments of one message, all text or all binary."""


def check_fragments(message: object) -> Fragments:
    """Return `message` if it is an iterable of fragments, as far as can be seen."""
    if hasattr(message, "readline"):
        raise TypeError(
            f"send() takes no file ({type(message).__name__}), which would be iterated by lines; "
            f"send its content, send(file.read()), or pieces of it, "
            f"send(iter(lambda: file.read(65536), b''))"
        )
    if not _is_fragments(message):
        raise TypeError(
            f"send() takes str, bytes or an iterable of them, not {type(message).__name__}; "
            f"for other values use send_json()"
        )
    return message


def _is_fragments(message: object) -> TypeGuard[Fragments]:
    """Return True if `message` is an iterable of fragments; a mapping is a mistake."""
    return isinstance(message, AsyncIterable | Iterable) and not isinstance(message, Mapping)


async def send_fragments(
    connection: Connection, fragments: Fragments, compress: bool | None
) -> tuple[MessageKind, int]:
    """Send each fragment as it comes; return the message's kind, and its size in bytes.

    The caller has its turn to send.
    """
    sending = _Fragments(connection, compress)
    try:
        if isinstance(fragments, AsyncIterable):
            async for fragment in fragments:
                await sending.put(fragment)
        else:
            for fragment in fragments:
                await sending.put(fragment)
        return await sending.finish()
    except BaseException as error:
        sending.fail(error)
        raise
    finally:
        if isinstance(fragments, AsyncGenerator):
            # Python closes a generator that was not exhausted late, and in another task.
            await fragments.aclose()


class _Fragments:
    """A message on its way out."""

    def __init__(self, connection: Connection, compress: bool | None) -> None:
        self._connection = connection
        self._core = connection.core
        self._writer = connection.writer
        self._budget = current_checkpoint_budget()
        self._compress = compress
        self._end: str | bytes | None = None
        self._size = 0

    async def put(self, fragment: str | BytesLike) -> None:
        """Queue a fragment and wait until the kernel has it.

        What the iterator does for a fragment may take long, and be no checkpoint.
        """
        checked = _checked(fragment)
        await self._budget.checkpoint(len(checked))
        await self._put(checked, finished=False)
        await self._writer.wait_until_flushed()

    async def finish(self) -> tuple[MessageKind, int]:
        """End the message; return its kind and its size."""
        if self._end is None:
            raise LocalProtocolError(
                'an iterable without any fragment is neither text nor binary; send "" or b""'
            )
        await self._put(self._end, finished=True)
        return kind_of_message(self._end), self._size

    async def _put(self, fragment: str | bytes, *, finished: bool) -> None:
        size = wire_size(fragment)
        await self._writer.wait_for_room(size)
        await self._core.check_open()
        self._core.protocol.send(fragment, finished=finished, compress=self._compress)
        self._core.lease.data(trio.current_time())
        self._writer.flush()
        self._end = "" if isinstance(fragment, str) else b""
        self._size += size

    def fail(self, error: BaseException) -> None:
        """Close if any of the message is out: the rest will never come."""
        if self._end is None:
            return
        if may_pass(error):
            self._connection.close_quickly(CloseCode.GOING_AWAY, BROKEN_OFF)
        else:
            self._connection.close_gracefully(CloseCode.INTERNAL_ERROR, BROKEN_OFF)


def _checked(fragment: object) -> str | bytes:
    if isinstance(fragment, str):
        return fragment
    if isinstance(fragment, bytes | bytearray | memoryview):
        return bytes(fragment)
    raise TypeError(f"a fragment is str or bytes-like, not {type(fragment).__name__}")
