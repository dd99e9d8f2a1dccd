"""Which transport a stream gets."""

from __future__ import annotations

import trio

from .base import Transport
from .socket import is_plain_socket, socket_transport_on
from .stream import StreamTransport


def transport_on(stream: trio.abc.Stream | Transport) -> Transport:
    """Return the transport over a stream; one that is a transport already stays as it is."""
    if is_plain_socket(stream):
        return socket_transport_on(stream)
    return stream if isinstance(stream, Transport) else StreamTransport(stream)
