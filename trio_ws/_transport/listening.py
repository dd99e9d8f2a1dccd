"""Listening on TCP: all addresses of a name, one port; and accepting what comes.

For port 0 the system gives each address a port of its own.
Whoever is then told "the port" and connects to the other address finds nobody,
so all of them get the same.

`accept_forever` does what `trio.serve_listeners` does, but for one thing:
that closes each stream by force when its handler has returned, closed or not.
For a stream that is closed already this is a cancel scope, a cancellation and a turn
of the scheduler for nothing, as much as all the parsing of a handshake.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import trio

from .._policies import FOREVER
from .._validation import check_port

ACCEPT_CAPACITY_ERRNOS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
"""What ``accept`` says when there are no sockets left: those that are open may be closed."""

ACCEPT_RETRY_DELAY = 0.1
"""Seconds after which it is asked again."""

ACCEPT_LOG_INTERVAL = 60.0
"""Seconds in which the log says so once."""

_logger = logging.getLogger("trio_ws.server")


async def listen_tcp(host: str | None, port: int) -> list[trio.SocketListener]:
    """Listen on all addresses of `host` (None: of this machine), all with the same port.

    For port 0 one of those that the system gave is tried on all addresses;
    in the rare case that it is taken on another one, it begins anew.

    Raises:
        OSError: there is no such address here, or the port is taken.
        TypeError, ValueError: the port is none, or the host is no text.
    """
    check_port(port)
    if not isinstance(host, str | None):
        raise TypeError(f"the host must be a str or None, not {type(host).__name__}")
    listeners = await trio.open_tcp_listeners(port, host=host)
    while len(ports := {port_of(listener) for listener in listeners}) > 1:
        for listener in listeners:
            listener.socket.close()
        try:
            listeners = await trio.open_tcp_listeners(max(filter(None, ports)), host=host)
        except OSError:
            listeners = await trio.open_tcp_listeners(0, host=host)
    return listeners


def port_of(listener: object) -> int | None:
    """The TCP port of a listener, None if it has none."""
    while isinstance(listener, trio.SSLListener):
        listener = listener.transport_listener
    if not isinstance(listener, trio.SocketListener):
        return None
    address = listener.socket.getsockname()
    return address[1] if isinstance(address, tuple) else None


async def serve_forever(
    listener: trio.abc.Listener[Any],
    nursery: trio.Nursery,
    serve: Callable[[trio.abc.Stream], Awaitable[object]],
) -> NoReturn:
    """Run `serve` in `nursery` with each stream that `listener` accepts; it has to close it.

    The listener is closed at the end, which only a cancellation or an error brings.

    Raises:
        OSError: nothing can be accepted any more.
    """
    silent_until = -FOREVER
    async with listener:
        while True:
            try:
                stream = await listener.accept()
            except OSError as exc:
                if exc.errno not in ACCEPT_CAPACITY_ERRNOS:
                    raise
                if trio.current_time() >= silent_until:
                    _logger.error("nothing can be accepted for now: %s", exc)  # noqa: TRY400
                    silent_until = trio.current_time() + ACCEPT_LOG_INTERVAL
                await trio.sleep(ACCEPT_RETRY_DELAY)
            else:
                nursery.start_soon(serve, stream, name="trio_ws connection")


async def close_by_force(stream: trio.abc.Stream) -> None:
    """Close a stream without ceremony; a plain socket without waiting, too."""
    if isinstance(stream, trio.SocketStream):
        stream.socket.close()
    else:
        await trio.aclose_forcefully(stream)
