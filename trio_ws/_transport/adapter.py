"""Which transport a stream gets."""

from __future__ import annotations

import os

import trio

from .base import Transport
from .lent import is_lent
from .socket import SocketTransport
from .stream import StreamTransport


def transport_on(stream: trio.abc.Stream | Transport) -> Transport:
    """Return the transport over a stream; one that is a transport already stays as it is."""
    # Only where sockets are file descriptors can the system calls be made on them.
    if isinstance(stream, trio.SocketStream) and os.name == "posix":
        return SocketTransport(stream.socket, is_lent=is_lent(stream))
    return stream if isinstance(stream, Transport) else StreamTransport(stream)
