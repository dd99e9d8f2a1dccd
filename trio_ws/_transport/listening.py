"""Accepting: what a listener brings, each in a task of its own.

`serve_forever` does what `trio.serve_listeners` does, but for two things.

That closes each stream by force when its handler has returned, closed or not.
For a stream that is closed already this is a cancel scope, a cancellation and a turn
of the scheduler for nothing, as much as all the parsing of a handshake.

And it takes a turn of the scheduler for each stream.
Many clients often come at once.  So behind the stream that Trio has accepted
all that wait are accepted, in the same step, by a second object for the same socket:
Trio has no way to accept without a checkpoint.
It has no descriptor of its own, so closing the listener frees its address at once.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NoReturn

import trio

from .._log import Log
from .._policies import FOREVER
from .lent import lend

ACCEPT_CAPACITY_ERRNOS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What ``accept`` says when there are no sockets left: those that are open may be closed."""

ACCEPT_RETRY_DELAY = 0.1
"""Seconds after which it is asked again."""

ACCEPT_LOG_INTERVAL = 60.0
"""Seconds in which the log says so once."""

MAX_AT_ONCE = 8
"""After so many streams other tasks run: each is the beginning of a handshake."""

_log = Log("trio_ws.server")


@trio.lowlevel.enable_ki_protection
async def serve_forever(
    listener: trio.abc.Listener[Any], start: Callable[[trio.abc.Stream], object]
) -> NoReturn:
    """Call `start` with each stream that `listener` accepts, to start a task that closes it.

    The listener is closed at the end, which only a cancellation or an error brings.

    Raises:
        OSError: nothing can be accepted any more.
    """
    silent_until = -FOREVER
    second = _second_object(listener)
    try:
        while True:
            try:
                stream = await listener.accept()
            except OSError as exc:
                if exc.errno not in ACCEPT_CAPACITY_ERRNOS:
                    raise
                if trio.current_time() >= silent_until:
                    _log.error("nothing can be accepted for now: %s", exc)
                    silent_until = trio.current_time() + ACCEPT_LOG_INTERVAL
                await trio.sleep(ACCEPT_RETRY_DELAY)
            else:
                if not isinstance(listener, trio.SocketListener):
                    lend(stream)
                start(stream)
                for another in _accept_waiting(listener, second):
                    start(another)
    finally:
        if second is not None:
            second.detach()  # closing is left to the listener
        # Shielded: its own cancellation would take the place of a Ctrl-C that is on its way.
        with trio.CancelScope(shield=True, deadline=-FOREVER):
            await listener.aclose()


def _second_object(listener: trio.abc.Listener[Any]) -> socket.socket | None:
    """Return a second object for the socket of a listener, to be detached; None if it has none."""
    if not isinstance(listener, trio.SocketListener) or listener.socket.fileno() < 0:
        return None
    first = listener.socket
    second = socket.socket(first.family, first.type, first.proto, fileno=first.fileno())
    second.setblocking(False)
    return second


def _accept_waiting(
    listener: trio.abc.Listener[Any], second: socket.socket | None
) -> Iterator[trio.SocketStream]:
    """Yield the streams that wait, a few at most; an error comes again where Trio accepts."""
    if second is None or not isinstance(listener, trio.SocketListener):
        return
    with suppress(OSError):
        for _ in range(MAX_AT_ONCE - 1):
            if listener.socket.fileno() != second.fileno():  # closed; the number may be another's
                return
            accepted, _ = second.accept()
            yield trio.SocketStream(trio.socket.from_stdlib_socket(accepted))


async def close_by_force(resource: trio.abc.AsyncResource) -> None:
    """Close a stream or a listener without ceremony; a plain socket without a checkpoint, too."""
    if not close_socket(resource):
        await trio.aclose_forcefully(resource)


def close_socket(resource: trio.abc.AsyncResource) -> bool:
    """Close a stream or a listener that is a plain socket; return True if it is one.

    That waits for nothing, so it needs no scope around it; to close it again does no harm.
    """
    if not isinstance(resource, trio.SocketStream | trio.SocketListener):
        return False
    resource.socket.close()
    return True
