"""`_transport.listening`: streams accepted one after another."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import ExitStack

import pytest
import trio
import trio.testing

from trio_ws._transport.lent import is_lent
from trio_ws._transport.listening import (
    ACCEPT_RETRY_DELAY,
    MAX_AT_ONCE,
    _accept_waiting,
    _second_object,
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


async def test_many_clients_at_once() -> None:
    """All that wait are accepted in one step, but other tasks run after `MAX_AT_ONCE`."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    address = listener.socket.getsockname()
    accepted = Accepted()
    trio.lowlevel.add_instrument(accepted)
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(address)) for _ in range(MAX_AT_ONCE + 3)
        ]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_forever, listener, accepted.close)
            while len(accepted.names) < len(clients):
                await trio.testing.wait_all_tasks_blocked(0.01)
            trio.lowlevel.remove_instrument(accepted)
            nursery.cancel_scope.cancel()
        assert accepted.names == {client.getsockname() for client in clients}
    assert accepted.in_steps == [MAX_AT_ONCE, 3]
    with pytest.raises(ConnectionRefusedError), socket.create_connection(address):
        pass


class Accepted(trio.abc.Instrument):
    """Closes what is accepted; notes its names, and how many there were in each step of a task."""

    def __init__(self) -> None:
        self.names: set[object] = set()
        self.in_steps: list[int] = []
        self._before = 0

    def close(self, stream: trio.abc.Stream) -> None:
        assert isinstance(stream, trio.SocketStream)
        self.names.add(stream.socket.getpeername())
        stream.socket.close()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._before = len(self.names)

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if new := len(self.names) - self._before:
            self.in_steps.append(new)


async def test_a_listener_that_is_closed_already() -> None:
    """A listener that has no socket any more fails as it does by itself."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    await listener.aclose()
    with pytest.raises(trio.ClosedResourceError):
        await serve_forever(listener, print)


async def test_a_listener_that_is_closed_while_clients_wait() -> None:
    """Its address is free at once, and what waits is not accepted from a number that is free."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    address = listener.socket.getsockname()
    accepted: list[trio.abc.Stream] = []

    def close_it(stream: trio.abc.Stream) -> None:
        accepted.append(stream)
        number = listener.socket.fileno()
        listener.socket.close()
        os.dup2(spare.fileno(), number)
        stack.callback(os.close, number)

    with ExitStack() as stack:
        spare = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        stack.enter_context(socket.create_connection(spare.getsockname()))
        for _ in range(2):
            stack.enter_context(socket.create_connection(address))
        with pytest.raises(trio.ClosedResourceError):
            await serve_forever(listener, close_it)
        stack.enter_context(socket.create_server(address))
        assert len(accepted) == 1
        await accepted[0].aclose()


async def test_a_listener_that_is_closed_from_outside() -> None:
    """Who closes a listener that waits for clients has its address for another at once."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    address = listener.socket.getsockname()

    async def serve() -> None:
        with pytest.raises(trio.ClosedResourceError):
            await serve_forever(listener, print)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        await trio.testing.wait_all_tasks_blocked()
        listener.socket.close()
        socket.create_server(address).close()


async def test_accepting_what_waits_never_waits() -> None:
    """A program may give all its sockets a time-out: accepting what waits does not wait for it."""
    [listener] = await trio.open_tcp_listeners(0, host="127.0.0.1")
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(60)
    try:
        second = _second_object(listener)
        assert second is not None
        assert list(_accept_waiting(listener, second)) == []
        second.detach()
    finally:
        socket.setdefaulttimeout(before)
        await listener.aclose()
