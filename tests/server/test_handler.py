"""`trio_ws._server.handler`: what becomes of handlers, and who is told (P9)."""

from __future__ import annotations

from functools import partial

import pytest
import trio
import trio.testing

from trio_ws import (
    ConnectionClosed,
    WebSocket,
    log_handler_error,
    serve_websocket_listeners,
    serve_websocket_on,
)
from trio_ws._options import ConnectionOptions
from trio_ws._server.handler import HandlerRunner
from trio_ws._server.selection import Handler
from trio_ws._server.statistics import Counters
from trio_ws.testing import RawPeer
from trio_ws.testing._peer import CLOSE

from ..halls import MemoryListener, returns, serving
from ..wires import Own, opening


async def test_return(autojump_clock: object) -> None:
    """A handler that returns closes with 1000."""

    async def once(ws: WebSocket) -> None:
        await ws.send("bye")

    async with serving(once) as hall, hall.open() as ws:
        assert [message async for message in ws] == ["bye"]
        assert ws.ending.received.code == 1000


async def test_raise(autojump_clock: object) -> None:
    """A handler that raises closes with 1011 and is reported; nobody else notices."""
    failures: list[tuple[WebSocket, BaseException]] = []

    async def handler(ws: WebSocket) -> None:
        if await ws.receive() == "fail":
            raise ZeroDivisionError
        await ws.send("fine")

    def failed(ws: WebSocket, error: BaseException) -> None:
        assert ws.ending is not None
        failures.append((ws, error))

    async with serving(handler, on_handler_error=failed) as hall, hall.open() as bystander:
        with pytest.raises(ConnectionClosed) as caught:
            async with hall.open("/bad") as ws:
                await ws.send("fail")
                await ws.receive()
        assert caught.value.ending.code == 1011
        await bystander.send("work")
        assert await bystander.receive() == "fine"
        assert hall.server.statistics().failed == 1
    ((served, error),) = failures
    assert served.request.path == "/bad"
    assert isinstance(error, ZeroDivisionError)


@pytest.mark.parametrize("kind", [KeyError, Own])
async def test_report_fails(
    kind: type[BaseException], autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    """A on_handler_error that fails is logged, and no more."""

    async def fail(ws: WebSocket) -> None:
        raise ZeroDivisionError

    def failed(ws: WebSocket, error: BaseException) -> None:
        raise kind

    async with serving(fail, on_handler_error=failed) as hall:
        async with hall.open() as ws:
            await ws.wait_closed()
        await trio.testing.wait_all_tasks_blocked()
        assert "on_handler_error failed itself" in caplog.text
        assert kind.__name__ in caplog.text
        async with hall.open() as ws:
            await ws.wait_closed()


async def test_async_report(autojump_clock: object) -> None:
    """A on_handler_error may be async: it is awaited, and the server waits for it."""
    told: list[BaseException] = []

    async def fail(ws: WebSocket) -> None:
        raise ZeroDivisionError

    async def failed(ws: WebSocket, error: BaseException) -> None:
        await trio.sleep(3)
        told.append(error)

    async with serving(fail, on_handler_error=failed) as hall:
        async with hall.open() as ws:
            await ws.wait_closed()
        await hall.server.drain()
        assert trio.current_time() == 3
    assert {type(error) for error in told} == {ZeroDivisionError}


async def test_async_report_fails(autojump_clock: object, caplog: pytest.LogCaptureFixture) -> None:
    """An async on_handler_error that fails is logged, and no more."""

    async def fail(ws: WebSocket) -> None:
        raise ZeroDivisionError

    async def failed(ws: WebSocket, error: BaseException) -> None:
        await trio.lowlevel.checkpoint()
        raise KeyError("report")

    async with serving(fail, on_handler_error=failed) as hall:
        async with hall.open() as ws:
            await ws.wait_closed()
        await hall.server.drain()
    assert "on_handler_error failed itself" in caplog.text


async def test_report_is_cancelled(autojump_clock: object) -> None:
    """An async on_handler_error that hangs ends with the server."""
    cancelled = False

    async def fail(ws: WebSocket) -> None:
        raise ZeroDivisionError

    async def failed(ws: WebSocket, error: BaseException) -> None:
        nonlocal cancelled
        try:
            await trio.sleep_forever()
        finally:
            cancelled = True

    async with serving(fail, on_handler_error=failed) as hall:
        async with hall.open() as ws:
            await ws.wait_closed()
        await trio.testing.wait_all_tasks_blocked()
        assert hall.server.statistics().connections == 1
    assert cancelled


async def test_plain_handler(autojump_clock: object) -> None:
    """A handler that returns nothing to await has failed, and the message says how."""
    failures: list[BaseException] = []

    def failed(ws: WebSocket, error: BaseException) -> None:
        failures.append(error)

    def plain(ws: WebSocket) -> int:
        return 3

    async with serving(plain, on_handler_error=failed) as hall:  # type: ignore[arg-type]
        async with hall.open() as ws:
            assert (await ws.wait_closed()).code == 1011
        await trio.testing.wait_all_tasks_blocked()
    (error,) = failures
    assert isinstance(error, TypeError)
    assert str(error).startswith("the handler must be an async function; this one returned a value")


class Greeter:
    """A handler that is an object."""

    async def __call__(self, ws: WebSocket, greeting: str = "hello") -> None:
        await ws.send(greeting)


@pytest.mark.parametrize(
    "handler",
    [Greeter(), partial(Greeter(), greeting="hello"), lambda ws: Greeter()(ws, "hello")],
)
async def test_kinds_of_handlers(handler: Handler, autojump_clock: object) -> None:
    """A partial, an object and a plain function that returns an awaitable are handlers, too."""
    async with serving(handler) as hall, hall.open() as ws:
        assert await ws.receive() == "hello"


async def receive_forever(ws: WebSocket) -> None:
    while True:
        await ws.receive()


async def receive_in_a_nursery(ws: WebSocket) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ws.receive)
        nursery.start_soon(trio.sleep_forever)


async def receive_in_two(ws: WebSocket) -> None:
    raise ExceptionGroup("both", [await end_of(ws), await end_of(ws)])


async def end_of(ws: WebSocket) -> ConnectionClosed:
    try:
        await ws.receive()
    except ConnectionClosed as exc:
        return exc
    raise AssertionError


@pytest.mark.parametrize("handler", [receive_forever, receive_in_a_nursery, receive_in_two])
@pytest.mark.parametrize("politely", [False, True])
async def test_own_end_is_no_failure(
    handler: Handler, politely: bool, autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    """The end of a handler's own connection is no failure, in a group or not."""
    async with serving(handler) as hall:
        async with hall.raw() as peer:
            await peer.request()
            if politely:
                await peer.send_close(1001)
                await peer.expect_close(1001)
        await trio.testing.wait_all_tasks_blocked()
        assert hall.server.statistics().failed == 0
        assert not hall.server.connections
    assert not caplog.records


async def test_end_of_another_is_a_failure(autojump_clock: object) -> None:
    """The end of another connection, when it leaves a handler, is a failure like any other."""
    failures: list[BaseException] = []

    async def relay(ws: WebSocket) -> None:
        async with inner.open() as other:
            await other.receive()

    def failed(ws: WebSocket, error: BaseException) -> None:
        failures.append(error)

    async with (
        serving(returns) as inner,
        serving(relay, on_handler_error=failed) as hall,
        hall.open() as ws,
    ):
        ending = await ws.wait_closed()
        assert ending.code == 1011
    assert len(failures) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
async def test_exits_pass(error: type[BaseException], autojump_clock: object) -> None:
    """Ctrl-C and exit leave the server, bare."""

    async def stop(ws: WebSocket) -> None:
        raise error

    listener = MemoryListener()
    async with RawPeer(listener.connect(), client=True) as peer, trio.open_nursery() as nursery:
        nursery.start_soon(peer.request)
        with pytest.raises(error):
            await serve_websocket_listeners(stop, [listener])


async def test_foreign_exit_is_a_failure(autojump_clock: object) -> None:
    """An exception that is no `Exception` but means nothing to Trio is reported too (P9)."""
    failures: list[BaseException] = []

    class Foreign(BaseException):
        """What another framework uses to unwind its own stack."""

    async def stop(ws: WebSocket) -> None:
        raise Foreign

    def failed(ws: WebSocket, error: BaseException) -> None:
        failures.append(error)

    async with serving(stop, on_handler_error=failed) as hall, hall.open() as bystander:
        async with hall.open() as ws:
            await ws.wait_closed()
        assert not bystander.ending or bystander.ending.clean
    assert {type(error) for error in failures} == {Foreign}


async def test_exit_beside_a_failure(autojump_clock: object) -> None:
    """Of a group that holds an error and an exit the one is reported, the other passes."""
    failures: list[BaseException] = []

    async def stop(ws: WebSocket) -> None:
        raise BaseExceptionGroup("both", [ZeroDivisionError(), SystemExit()])

    def failed(ws: WebSocket, error: BaseException) -> None:
        failures.append(error)

    ours, theirs = trio.testing.memory_stream_pair()

    async def peer() -> None:
        async with RawPeer(theirs, client=True) as raw:
            await raw.request()
            await raw.close_politely()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(peer)
        with pytest.raises(SystemExit):
            await serve_websocket_on(stop, ours, on_handler_error=failed)
    (failure,) = failures
    assert isinstance(failure, ExceptionGroup)


async def test_closed_from_the_beginning(autojump_clock: object) -> None:
    """A connection may be closed as its handler begins, which then finds it so."""
    endings: list[object] = []

    async def handler(ws: WebSocket) -> None:
        endings.append(await ws.wait_closed())

    ours, theirs = trio.testing.memory_stream_pair()
    ws = WebSocket(ours, opening(), client=False, options=ConnectionOptions(), name="tested")
    counters = Counters()
    runner = HandlerRunner(log_handler_error, counters)
    async with trio.open_nursery() as nursery, RawPeer(theirs, client=True) as peer:
        nursery.start_soon(lambda: runner.run(handler, ws, close_with=1012))
        assert (await peer.expect_frame(CLOSE)).payload == (1012).to_bytes(2, "big")
        await peer.send_close(1012)
    assert endings == [ws.ending]
    assert counters.snapshot(connections=0, handshakes=0).failed == 0
