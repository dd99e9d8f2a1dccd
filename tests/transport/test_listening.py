"""`_transport.listening`: streams accepted one after another."""

from __future__ import annotations

import errno
import socket

import pytest
import trio
import trio.testing

from trio_ws._transport.lent import is_lent
from trio_ws._transport.listening import (
    ACCEPT_RETRY_DELAY,
    close_by_force,
    serve_forever,
)

from ..streams import socket_pair


class Listener(trio.abc.Listener[trio.abc.Stream]):
    """Gives out streams, and raises errors, as it was told; then it waits."""

    def __init__(self, *script: trio.abc.Stream | OSError) -> None:
        self.script = list(script)
        self.closed = False

    async def accept(self) -> trio.abc.Stream:
        await trio.lowlevel.checkpoint()
        if not self.script:
            await trio.sleep_forever()
        if isinstance(event := self.script.pop(0), OSError):
            raise event
        return event

    async def aclose(self) -> None:
        self.closed = True
        await trio.lowlevel.checkpoint()


async def test_accepting(autojump_clock: object, caplog: pytest.LogCaptureFixture) -> None:
    """Each stream is served; without sockets it is tried again soon, and the log says so once."""
    one, two = trio.testing.memory_stream_pair()
    exhausted = OSError(errno.EMFILE, "too many")
    listener = Listener(one, exhausted, exhausted, two)
    served: list[tuple[trio.abc.Stream, float]] = []

    with trio.move_on_after(1):
        await serve_forever(listener, lambda it: served.append((it, trio.current_time())))
    assert served == [(one, 0), (two, 2 * ACCEPT_RETRY_DELAY)]
    assert listener.closed
    assert [record.getMessage() for record in caplog.records] == [
        "nothing can be accepted for now: [Errno 24] too many"
    ]


async def test_whose_streams_are_lent() -> None:
    """What a listener of another kind gives out, it may have kept; a socket's streams are ours."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    ours, theirs = socket_pair()
    accepted: list[trio.abc.Stream] = []
    async with trio.open_nursery() as nursery:
        for each in (listener, Listener(ours)):
            nursery.start_soon(serve_forever, each, accepted.append)
        accepted.append(await trio.testing.open_stream_to_socket_listener(listener))
        while len(accepted) < 3:
            await trio.testing.wait_all_tasks_blocked(0.01)
        nursery.cancel_scope.cancel()
    assert [stream for stream in accepted if is_lent(stream)] == [ours]  # type: ignore[arg-type]
    for stream in (*accepted, theirs):
        await stream.aclose()


async def test_accepting_fails() -> None:
    """Any other error ends the listening."""
    listener = Listener(OSError(errno.EBADF, "gone"))
    with pytest.raises(OSError, match="gone"):
        await serve_forever(listener, print)
    assert listener.closed


async def test_closing_a_socket() -> None:
    """A socket is closed at once, once or twice, also by somebody who is cancelled."""
    left, right = socket.socketpair()
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(left))
    with right, trio.CancelScope() as scope:
        scope.cancel()
        await close_by_force(stream)
        await close_by_force(stream)
        assert right.recv(1) == b""
    assert stream.socket.fileno() == -1
    assert not scope.cancelled_caught


async def test_closing_something_else() -> None:
    """Any other stream is closed as it can be, without waiting for its peer."""
    ours, theirs = trio.testing.memory_stream_pair()
    await close_by_force(ours)
    assert await theirs.receive_some() == b""
