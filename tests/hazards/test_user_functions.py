"""Every function that a user can give, raising every kind of exception (P2, P9, F7.3).

On a server whatever is no Ctrl-C and no exit stays with its connection:
a bystander's echo goes on, new connections are accepted, and every seat is free again.
A Ctrl-C and an exit pass, bare.
On a client, in a session and in what a supervisor asks, what is raised leaves, and as it is.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, NoReturn

import pytest
import trio
import trio.testing

from trio_ws import (
    HandshakeError,
    MessageHeartbeat,
    MessageReply,
    Router,
    Watchdog,
    WebSocket,
    WebSocketError,
    basic_auth,
    open_reconnecting_websocket,
    open_websocket_on,
    serve_websocket_listeners,
    supervise,
)
from trio_ws._concurrency.exceptions import iter_leaves
from trio_ws.testing import RawPeer

from ..halls import Hall, MemoryListener, serving
from ..wires import Own, TwoWayWire, both_roles, failing_log, open_wired, what_leaves
from ..worlds import World, closing, half, listen, telling


class Unprintable(Exception):
    """An exception that cannot be shown."""

    def __repr__(self) -> str:
        raise ZeroDivisionError

    __str__ = __repr__


STAYING: list[Callable[[], BaseException]] = [
    ValueError,
    OSError,
    trio.BrokenResourceError,
    partial(HandshakeError, "of another"),
    Unprintable,
    Own,
    GeneratorExit,
    partial(ExceptionGroup, "", [ValueError(), ExceptionGroup("", [KeyError()])]),
    partial(BaseExceptionGroup, "", [ValueError(), Own()]),
]

PASSING: list[Callable[[], BaseException]] = [
    KeyboardInterrupt,
    partial(SystemExit, 3),
    partial(BaseExceptionGroup, "", [ValueError(), SystemExit()]),
]


def is_exit(error: BaseException) -> bool:
    return any(isinstance(leaf, KeyboardInterrupt | SystemExit) for leaf in iter_leaves(error))


def name_of(value: object) -> str:
    """Name a kind of exception, or a place where it is raised."""
    if isinstance(value, partial):
        leaves = iter_leaves(value())
        return f"{value.func.__name__}-{'-'.join(type(leaf).__name__ for leaf in leaves)}"
    return str(getattr(value, "__name__", value))


every_kind = pytest.mark.parametrize("kind", STAYING + PASSING, ids=name_of)


class Bomb:
    """A function of the user's in all its forms; it raises while a connection asks for it."""

    def __init__(self, kind: Callable[[], BaseException]) -> None:
        self.error = kind()
        self.raised = 0

    def go_off(self, *_: object) -> NoReturn:
        """Raise."""
        self.raised += 1
        raise self.error

    async def go_off_later(self, *_: object) -> NoReturn:
        """Raise from an async function."""
        await trio.lowlevel.checkpoint()
        self.go_off()

    def for_victim(self, message: str | bytes) -> bool:
        """Raise if the victim says something."""
        if message == "victim":
            self.go_off()
        return False


# On a server: where a function stands among the options, and how the victim comes to it

Options = dict[str, Any]
Place = Callable[[Bomb], Options]


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


def is_victim(ws: WebSocket) -> bool:
    return ws.request.path == "/victim"


def handled(victim: Callable[[WebSocket], Awaitable[object]]) -> Options:
    """Return options with a handler that echoes to all but the victim."""

    def handler(ws: WebSocket) -> Awaitable[object]:
        return victim(ws) if is_victim(ws) else echo(ws)

    return {"handler": handler}


def called_handler(bomb: Bomb) -> Options:
    return handled(bomb.go_off)


def handler(bomb: Bomb) -> Options:
    return handled(bomb.go_off_later)


def handler_in_a_nursery(bomb: Bomb) -> Options:
    async def victim(ws: WebSocket) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bomb.go_off_later)
            await ws.receive()

    return handled(victim)


def handler_that_is_cancelled(bomb: Bomb) -> Options:
    async def victim(ws: WebSocket) -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            try:
                await ws.receive()
            finally:
                bomb.go_off()

    return handled(victim)


def error_hook(bomb: Bomb) -> Options:
    return {**handler(Bomb(ValueError)), "on_handler_error": bomb.go_off}


def async_error_hook(bomb: Bomb) -> Options:
    return {**handler(Bomb(ValueError)), "on_handler_error": bomb.go_off_later}


def request_hook(bomb: Bomb) -> Options:
    return {"on_request": lambda r: bomb.go_off() if r.path == "/victim" else None}


def async_request_hook(bomb: Bomb) -> Options:
    async def hook(request: Any) -> None:
        if request.path == "/victim":
            await bomb.go_off_later()

    return {"on_request": hook}


def subprotocols(bomb: Bomb) -> Options:
    return {"subprotocols": lambda r, _: bomb.go_off() if r.path == "/victim" else None}


def routed(add: Callable[[Router], object]) -> Options:
    """Return options with a router that echoes to all but the victim."""
    router = Router()
    router.websocket("/")(echo)
    add(router)
    return {"handler": router}


def route(bomb: Bomb) -> Options:
    return routed(lambda router: router.websocket("/victim")(bomb.go_off_later))


def route_hook(bomb: Bomb) -> Options:
    return routed(lambda router: router.websocket("/victim", on_request=bomb.go_off)(echo))


def route_subprotocols(bomb: Bomb) -> Options:
    return routed(lambda router: router.websocket("/victim", subprotocols=bomb.go_off)(echo))


def page(bomb: Bomb) -> Options:
    return {**routed(lambda router: router.get("/victim")(bomb.go_off)), "plain": True}


def async_page(bomb: Bomb) -> Options:
    return {**routed(lambda router: router.get("/victim")(bomb.go_off_later)), "plain": True}


def page_hook(bomb: Bomb) -> Options:
    guarded = routed(
        lambda router: router.get("/victim", on_request=bomb.go_off_later)(bomb.go_off)
    )
    return {**guarded, "plain": True}


def credential_check(bomb: Bomb) -> Options:
    log_in = basic_auth(bomb.go_off_later)
    guarded = routed(lambda router: router.get("/victim", on_request=log_in)(bomb.go_off))
    return {**guarded, "plain": True}


def iterator(bomb: Bomb) -> Options:
    def fragments() -> Iterator[str]:
        yield "begun"
        bomb.go_off()

    return handled(lambda ws: ws.send(fragments()))


def async_iterator(bomb: Bomb) -> Options:
    async def fragments() -> AsyncGenerator[str, None]:  # noqa: ASYNC900
        yield "begun"
        await bomb.go_off_later()

    return handled(lambda ws: ws.send(fragments()))


def iterator_that_is_closed(bomb: Bomb) -> Options:
    async def fragments() -> AsyncGenerator[str, None]:  # noqa: ASYNC900
        try:
            while True:
                yield "x"
                await trio.sleep(1)
        finally:
            bomb.go_off()

    return handled(lambda ws: ws.send(fragments()))


def is_ping(bomb: Bomb) -> Options:
    return {"heartbeat": MessageReply(is_ping=bomb.for_victim, reply="")}


def reply(bomb: Bomb) -> Options:
    return {"heartbeat": MessageReply(is_ping=lambda m: m == "victim", reply=bomb.go_off)}


def is_beat(bomb: Bomb) -> Options:
    return {"heartbeat": Watchdog(is_beat=bomb.for_victim, timeout=1000)}


def is_reply(bomb: Bomb) -> Options:
    beat = MessageHeartbeat(message="?", is_reply=bomb.for_victim, interval=900, timeout=900)
    return {"heartbeat": beat}


PLACES: list[Place] = [
    called_handler,
    handler,
    handler_in_a_nursery,
    handler_that_is_cancelled,
    error_hook,
    async_error_hook,
    request_hook,
    async_request_hook,
    subprotocols,
    route,
    route_hook,
    route_subprotocols,
    page,
    async_page,
    page_hook,
    credential_check,
    iterator,
    async_iterator,
    iterator_that_is_closed,
    is_ping,
    reply,
    is_beat,
    is_reply,
]


async def be_victim(hall: Hall, *, plain: bool = False) -> None:
    """Do what makes the function raise."""
    if plain:
        status, _, _ = await hall.ask("GET", "/victim", "Authorization: Basic YTpi")
        assert status == 500
        return
    with suppress(WebSocketError):
        async with hall.open("/victim") as ws:
            await ws.send("victim")
            with trio.move_on_after(5):
                async for _ in ws:
                    pass


async def still_echoes(ws: WebSocket) -> bool:
    await ws.send("still here")
    heard = await ws.receive()
    while heard == "?":  # the server's heartbeat, which may begin at any time
        heard = await ws.receive()
    return heard == "still here"


async def run_beside(bomb: Bomb, options: Options, wire_type: type | None = None) -> None:
    """Serve a victim and a bystander; the bystander, and who comes later, are not to notice."""
    listener = MemoryListener()
    handle = options.pop("handler", echo)
    plain = options.pop("plain", False)
    async with trio.open_nursery() as nursery:
        server = await nursery.start(
            partial(serve_websocket_listeners, handle, [listener], **options)
        )
        hall = Hall(server, listener)
        async with hall.open() as bystander:
            assert await still_echoes(bystander)
            await be_victim(hall, plain=plain)
            await trio.sleep(20)
            assert bomb.raised
            assert await still_echoes(bystander)
            async with hall.open() as late:
                assert await still_echoes(late)
            await trio.testing.wait_all_tasks_blocked()
            statistics = server.statistics()
            assert (statistics.connections, statistics.handshakes) == (1, 0)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        (place, kind)
        for place in PLACES
        for kind in STAYING + PASSING
        # Trio itself shows what fails in a nursery, and breaks if it cannot.
        if (place, kind) != (handler_in_a_nursery, Unprintable)
    ],
    ids=name_of,
)
async def test_a_function_of_a_server(
    place: Place, kind: Callable[[], BaseException], autojump_clock: trio.testing.MockClock
) -> None:
    """What it raises stays with its connection; a Ctrl-C or an exit ends the server, bare."""
    bomb = Bomb(kind)
    left = await what_leaves(lambda: run_beside(bomb, place(bomb)))
    if kind in STAYING:
        assert left is None, repr(left)
    else:
        leaves = [leaf for leaf in iter_leaves(bomb.error) if not isinstance(leaf, Exception)]
        assert left is not None
        assert leaves[0] in list(iter_leaves(left))


@every_kind
@pytest.mark.parametrize("when", ["receiving", "sending", "closing"])
async def test_a_stream_of_the_users(
    when: str, kind: Callable[[], BaseException], autojump_clock: trio.testing.MockClock
) -> None:
    """A stream that raises what no stream may, in whichever method, ends its connection only."""
    bomb = Bomb(kind)

    class Broken(TwoWayWire):
        async def send_all(self, data: bytes | bytearray | memoryview) -> None:
            if when == "sending" and b"victim" in bytes(data):
                bomb.go_off()
            await super().send_all(data)

        async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
            data = await super().receive_some(max_bytes)
            if when == "receiving" and self.written:
                bomb.go_off()
            return data

        async def aclose(self) -> None:
            with trio.CancelScope(shield=True):
                await super().aclose()
            if when == "closing":
                bomb.go_off()

    class Listener(MemoryListener):
        async def accept(self) -> trio.abc.Stream:
            stream = await super().accept()
            self.accepted = getattr(self, "accepted", 0) + 1
            return Broken(stream) if self.accepted == 2 else stream

    async def program() -> None:
        listener = Listener()
        async with trio.open_nursery() as nursery:
            server = await nursery.start(partial(serve_websocket_listeners, echo, [listener]))
            hall = Hall(server, listener)
            async with hall.open() as bystander:
                await be_victim(hall)
                await trio.sleep(20)
                assert bomb.raised
                assert await still_echoes(bystander)
                await trio.testing.wait_all_tasks_blocked()
                assert server.statistics().connections == 1
            nursery.cancel_scope.cancel()

    left = await what_leaves(program)
    if kind in STAYING:
        assert left is None, repr(left)
    else:
        assert left is not None
        assert is_exit(left)


@pytest.mark.parametrize("place", PLACES, ids=name_of)
async def test_a_log_of_the_users(place: Place, autojump_clock: trio.testing.MockClock) -> None:
    """Where a filter of the log raises as well, all of that holds all the same (F7.10)."""
    bomb = Bomb(ValueError)
    with failing_log("trio_ws.server"), failing_log("trio_ws.client"):
        assert await what_leaves(lambda: run_beside(bomb, place(bomb))) is None


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit], ids=name_of)
async def test_an_exit_while_the_server_is_cancelled(
    kind: type[BaseException], autojump_clock: trio.testing.MockClock
) -> None:
    """No cancellation takes its place, neither in the handler's task nor in any other."""

    async def handler(ws: WebSocket) -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise kind

    async def program() -> None:
        async with serving(handler) as hall:
            stream = hall.listener.connect()
            peer = RawPeer(stream, client=True)
            await peer.request()
            await trio.testing.wait_all_tasks_blocked()

    left = await what_leaves(program)
    assert left is not None
    assert is_exit(left)


# On a client


def message(bomb: Bomb) -> Options:
    return {"heartbeat": MessageHeartbeat(message=bomb.go_off, interval=1, timeout=900)}


CLIENT_PLACES: list[Place] = [is_ping, reply, is_beat, is_reply, message]


@both_roles
@every_kind
@pytest.mark.parametrize("place", CLIENT_PLACES, ids=name_of)
async def test_a_function_of_a_heartbeat(
    place: Place,
    kind: Callable[[], BaseException],
    client: bool,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """What it raises leaves the block of its connection, and no other."""
    bomb = Bomb(kind)

    async def block() -> None:
        async with open_wired(client, **place(bomb)) as (_, peer, _):
            await peer.send_text("victim")
            await trio.sleep_forever()

    async with open_wired(client) as (bystander, peer, _):
        left = await what_leaves(block)
        assert left is not None
        if kind in STAYING:
            assert left is bomb.error
        else:
            assert isinstance(left, KeyboardInterrupt | SystemExit)
        await peer.send_text("still here")
        assert await bystander.receive() == "still here"
        await peer.send_close()
        await peer.send_eof()
    assert trio.current_time() <= 11.5  # what has arrived may be read for `Timeouts.close`


@every_kind
@pytest.mark.parametrize("where", ["body", "cancelled body", "iterator"])
async def test_a_body(
    where: str, kind: Callable[[], BaseException], autojump_clock: trio.testing.MockClock
) -> None:
    """What the block's own code raises leaves it as it is, a group too."""
    bomb = Bomb(kind)

    def fragments() -> Generator[str]:
        yield "begun"
        bomb.go_off()

    async def block() -> None:
        ours, theirs = trio.testing.memory_stream_pair()
        listener = MemoryListener()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(serve_websocket_listeners, echo, [listener]))
            listener._send.send_nowait(theirs)
            left.append(await what_leaves(partial(inner, ours)))
            nursery.cancel_scope.cancel()

    async def inner(stream: trio.abc.Stream) -> None:
        async with open_websocket_on(stream, "ws://test/") as ws:
            if where == "iterator":
                await ws.send(fragments())
            with trio.CancelScope() as scope:
                if where == "cancelled body":
                    scope.cancel()
                try:
                    await trio.lowlevel.checkpoint()
                finally:
                    bomb.go_off()

    left: list[BaseException | None] = []
    await block()
    if where == "cancelled body" and isinstance(bomb.error, BaseExceptionGroup):
        assert left[0] is not None  # a scope that has caught something makes a group anew
        assert list(iter_leaves(left[0])) == list(iter_leaves(bomb.error))
    else:
        assert left == [bomb.error]


# In a supervision


def of_session(bomb: Bomb) -> Options:
    return {"session": bomb.go_off_later}


def of_endpoint(bomb: Bomb) -> Options:
    return {"endpoint": bomb.go_off_later}


def of_classify(bomb: Bomb) -> Options:
    return {"classify": bomb.go_off}


def of_transitions(bomb: Bomb) -> Options:
    return {"on_transition": bomb.go_off}


def of_jitter(bomb: Bomb) -> Options:
    return {"jitter": bomb.go_off}


def of_connect(bomb: Bomb) -> Options:
    return {"connect": bomb.go_off}


async def listening(ws: WebSocket) -> str:
    return str(await ws.receive())


IN_SUPERVISION: list[Place] = [
    of_session,
    of_endpoint,
    of_classify,
    of_transitions,
    of_jitter,
    of_connect,
]


def fails_an_attempt(place: Place, kind: Callable[[], BaseException]) -> bool:
    """Return True for what an attempt may fail with: a ticket office, too, may be unreachable."""
    if place is of_endpoint:
        return isinstance(kind(), OSError | HandshakeError)
    return place is of_connect and isinstance(kind(), HandshakeError)


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        (place, kind)
        for place in IN_SUPERVISION
        for kind in STAYING + PASSING
        if not fails_an_attempt(place, kind)
    ],
    ids=name_of,
)
async def test_a_function_of_a_supervision(
    place: Place, kind: Callable[[], BaseException], autojump_clock: trio.testing.MockClock
) -> None:
    """What it raises leaves `supervise` as it is, and another supervision can connect."""
    bomb = Bomb(kind)
    async with trio.open_nursery() as nursery:
        world = World(nursery, closing(1001), telling("hello", then=listen))
        options: dict[str, Any] = {"session": listening, "endpoint": "ws://h/", "jitter": half}
        options |= {"connect": world.connect, **place(bomb)}
        with trio.fail_after(60):
            left = await what_leaves(lambda: supervise(**options))
        assert bomb.raised
        assert left is bomb.error, repr(left)
        world = World(nursery, telling("hello", then=listen))
        with trio.fail_after(60):
            found = await supervise(listening, "ws://h/", connect=world.connect, jitter=half)
        assert found == "hello"
        nursery.cancel_scope.cancel()


@every_kind
async def test_on_connect(
    kind: Callable[[], BaseException], autojump_clock: trio.testing.MockClock
) -> None:
    """What ``on_connect`` raises leaves the block of its channel as it is."""
    bomb = Bomb(kind)
    async with trio.open_nursery() as nursery:
        world = World(nursery, listen)

        async def block() -> None:
            async with open_reconnecting_websocket(
                "ws://h/", on_connect=bomb.go_off_later, connect=world.connect, jitter=half
            ):
                await trio.sleep_forever()

        left = await what_leaves(block)
        assert bomb.raised
        assert left is not None
        if kind in STAYING:
            assert left is bomb.error, repr(left)
        else:
            assert is_exit(left)
        nursery.cancel_scope.cancel()
    assert trio.current_time() < 30
