"""Streams that the application has as well as we.

It may close such a stream at any time.
Trio tells the tasks that wait for it, but a poller of our own is not told (`poller`).
So a lent stream is waited for in Trio's way.
"""

from __future__ import annotations

from weakref import WeakSet

import trio

_lent: WeakSet[trio.SocketStream] = WeakSet()


def lend(stream: trio.abc.Stream) -> None:
    """Note that the application has this stream, too."""
    if isinstance(stream, trio.SocketStream):
        _lent.add(stream)


def is_lent(stream: trio.SocketStream) -> bool:
    """Return True if the application may close this stream behind our back."""
    return stream in _lent
