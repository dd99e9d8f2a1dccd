"""`trio_ws._connection.block`: exactly one exception leaves the block, bare (promise P2)."""

from __future__ import annotations

import gc
import logging
import signal
import weakref
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import ConnectionClosed, ConnectionLost, Ending, MessageReply, WebSocket
from trio_ws._concurrency.exceptions import unwrap_group
from trio_ws._errors import closed
from trio_ws.testing import RawPeer, open_websocket_to_peer

from ..wires import (
    BadEnd,
    TwoWayWire,
    both_roles,
    frames_of,
    goodbye_of,
    open_wired,
    settled,
    what_leaves,
)


@dataclass
class Scene:
    """What the body of a block has at hand."""

    ws: WebSocket
    peer: RawPeer
    wire: TwoWayWire
    outer: trio.CancelScope
    own: Exception = field(default_factory=lambda: ValueError("the body's own"))

    async def lose(self, *, unread: bool = False) -> None:
        """Lose the connection at this instant; the next wait is cancelled, unless there is unread.

        With a message that is unread the body may go on for a while (promise P3).
        """
        if unread:
            await self.peer.send_text("unread")
        with trio.CancelScope(shield=True):
            await self.peer.stream.aclose()
        await settled()
        assert self.ws.ending is not None

    def foreign_end(self) -> ConnectionClosed:
        """The end of another connection that ended in just the same way."""
        assert self.ws.ending is not None
        twin = replace(self.ws.ending)
        assert twin == self.ws.ending
        return closed(twin)


Body = Callable[[Scene], Awaitable[None]]
Expected = Callable[[BaseException | None, Scene], object]
TABLE: list[tuple[Body, Expected]] = []


def leaves(expected: Expected) -> Callable[[Body], Body]:
    """Put a body into the table, with what must leave its block."""

    def put(body: Body) -> Body:
        TABLE.append((body, expected))
        return body

    return put


# What may be expected


def nothing(left: BaseException | None, scene: Scene) -> bool:
    return left is None


def its_own(left: BaseException | None, scene: Scene) -> bool:
    return left is scene.own


def its_own_alone(left: BaseException | None, scene: Scene) -> bool:
    return left is scene.own and left.__context__ is None


def its_own_and_the_loss(left: BaseException | None, scene: Scene) -> bool:
    return left is scene.own and the_loss(left.__context__, scene)


def the_end(left: BaseException | None, scene: Scene) -> bool:
    """The end of this connection, bare, with the fact that the connection itself shows."""
    return isinstance(left, ConnectionClosed) and left.ending is scene.ws.ending


def the_loss(left: BaseException | None, scene: Scene) -> bool:
    return the_end(left, scene) and type(left) is ConnectionLost


def cancelled(left: BaseException | None, scene: Scene) -> bool:
    return isinstance(left, trio.Cancelled)


def contexts(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__context__


# The body ends


@leaves(nothing)
async def ends(scene: Scene) -> None:
    """Nobody answers the goodbye."""


@leaves(nothing)
async def ends_and_is_answered(scene: Scene) -> None:
    await scene.peer.send_close(1000)


@leaves(nothing)
async def ends_after_the_peer_closed(scene: Scene) -> None:
    await scene.peer.send_close(1011)
    await settled()


@leaves(nothing)
async def ends_and_the_goodbye_fails(scene: Scene) -> None:
    scene.wire.break_sending(trio.BrokenResourceError("gone"))


@leaves(nothing)
async def ends_and_the_peer_answers_with_nonsense(scene: Scene) -> None:
    await scene.peer.send_bytes(b"\xff\xff")


@leaves(nothing)
async def closes_itself_and_ends(scene: Scene) -> None:
    await scene.ws.close()


# The body raises


@leaves(its_own_alone)
async def raises(scene: Scene) -> None:
    raise scene.own


@leaves(its_own_alone)
async def raises_and_the_goodbye_fails(scene: Scene) -> None:
    scene.wire.break_sending(trio.BrokenResourceError("gone"))
    raise scene.own


@leaves(its_own_alone)
async def raises_after_the_peer_closed(scene: Scene) -> None:
    await scene.peer.send_close(1011)
    await settled()
    raise scene.own


@leaves(its_own_and_the_loss)
async def raises_at_the_instant_of_the_loss(scene: Scene) -> None:
    await scene.lose()
    raise scene.own


@leaves(its_own_and_the_loss)
async def raises_because_of_the_loss(scene: Scene) -> None:
    await scene.lose()
    try:
        await trio.sleep_forever()
    finally:
        raise scene.own


@leaves(its_own_and_the_loss)
async def raises_from_the_loss(scene: Scene) -> None:
    await scene.lose(unread=True)
    try:
        await scene.ws.send("anybody there?")
    except ConnectionLost as error:
        raise scene.own from error


@leaves(
    lambda left, scene: (
        [type(e) for e in contexts(left)] == [ValueError, UnicodeDecodeError, ConnectionLost]
        and left is scene.own
    )
)
async def raises_from_another_at_the_instant_of_the_loss(scene: Scene) -> None:
    await scene.lose()
    try:
        b"\xff".decode()
    except UnicodeDecodeError:
        raise scene.own  # noqa: B904


@leaves(its_own)
async def raises_with_contexts_in_a_circle(scene: Scene) -> None:
    await scene.lose()
    scene.own.__context__ = KeyError()
    scene.own.__context__.__context__ = scene.own
    raise scene.own


@leaves(lambda left, scene: left is scene.own and isinstance(left.__cause__, KeyError))
async def raises_with_a_cause(scene: Scene) -> None:
    raise scene.own from KeyError()


@leaves(lambda left, scene: isinstance(left, SystemExit) and left.code == 3)
async def exits(scene: Scene) -> None:
    raise SystemExit(3)


@leaves(lambda left, scene: left is scene.own and not the_end(left, scene))
async def raises_the_end_of_another_connection(scene: Scene) -> None:
    await scene.peer.send_close(1011)
    await settled()
    scene.own = scene.foreign_end()
    raise scene.own


# The connection is lost


@leaves(the_loss)
async def is_lost_asleep(scene: Scene) -> None:
    await scene.peer.stream.aclose()
    await trio.sleep_forever()


@leaves(the_loss)
async def is_lost_receiving(scene: Scene) -> None:
    await scene.peer.stream.aclose()
    await scene.ws.receive()


@leaves(the_loss)
async def is_lost_closing_another(scene: Scene) -> None:
    async with open_websocket_to_peer(client=True):
        await scene.lose()


@leaves(the_loss)
async def is_lost_and_sends(scene: Scene) -> None:
    await scene.lose(unread=True)
    await scene.ws.send("anybody there?")


@leaves(nothing)
async def is_lost_and_ends_without_noticing(scene: Scene) -> None:
    await scene.lose(unread=True)


@leaves(nothing)
async def is_lost_and_catches_it(scene: Scene) -> None:
    await scene.lose(unread=True)
    with pytest.raises(ConnectionLost):
        await scene.ws.send("anybody there?")


@leaves(the_loss)
async def is_lost_and_catches_it_and_waits(scene: Scene) -> None:
    await scene.lose(unread=True)
    assert await scene.ws.receive() == "unread"
    with pytest.raises(ConnectionLost):
        await scene.ws.receive()
    await trio.sleep_forever()


@leaves(the_end)
async def ends_with_an_uncaught_close(scene: Scene) -> None:
    await scene.peer.send_close(1011)
    await scene.ws.receive()


# Groups


@leaves(the_loss)
async def is_lost_in_a_nursery(scene: Scene) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.ws.receive)
        nursery.start_soon(scene.ws.receive)
        nursery.start_soon(trio.sleep_forever)
        await settled()
        await scene.peer.stream.aclose()


@leaves(the_loss)
async def is_lost_in_nested_nurseries(scene: Scene) -> None:
    async with trio.open_nursery() as nursery, trio.open_nursery() as inner:
        nursery.start_soon(scene.ws.ping)
        inner.start_soon(scene.ws.receive)
        await scene.lose()


@leaves(the_end)
async def is_closed_in_a_nursery(scene: Scene) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.ws.receive)
        nursery.start_soon(trio.sleep_forever)
        await scene.peer.send_close(1008)


@leaves(lambda left, scene: left is scene.own and left.__context__ is None)
async def raises_a_group(scene: Scene) -> None:
    scene.own = ExceptionGroup("mine", [ValueError()])
    raise scene.own


@leaves(
    lambda left, scene: (
        isinstance(left, ExceptionGroup)
        and left.message == "mine"
        and the_loss(left.exceptions[0], scene)
        and isinstance(left.exceptions[1], ExceptionGroup)
        and left.exceptions[1].exceptions == (scene.own,)
    )
)
async def raises_a_group_with_the_loss_and_more(scene: Scene) -> None:
    await scene.lose()
    assert scene.ws.ending is not None
    raise ExceptionGroup("mine", [closed(scene.ws.ending), ExceptionGroup("more", [scene.own])])


@leaves(its_own)
async def raises_a_group_with_the_end_of_another_connection(scene: Scene) -> None:
    await scene.peer.send_close(1011)
    await settled()
    scene.own = ExceptionGroup("mine", [scene.foreign_end()])
    raise scene.own


@leaves(
    lambda left, scene: (
        isinstance(left, ExceptionGroup)
        and left.exceptions == (scene.own,)
        and the_loss(left.__context__, scene)
    )
)
async def raises_in_a_nursery_because_of_the_loss(scene: Scene) -> None:
    async def fail() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise scene.own

    async with trio.open_nursery() as nursery:
        nursery.start_soon(fail)
        await scene.lose()
        await trio.sleep_forever()


@leaves(
    lambda left, scene: (
        isinstance(left, BaseExceptionGroup)
        and {type(error) for error in left.exceptions} == {ValueError, trio.Cancelled}
    )
)
async def raises_in_a_nursery_that_an_outer_scope_cancelled(scene: Scene) -> None:
    async def fail() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise scene.own

    async with trio.open_nursery() as nursery:
        nursery.start_soon(fail)
        await settled()
        scene.outer.cancel()
        await trio.sleep_forever()


# An outer scope is cancelled


@leaves(cancelled)
async def is_cancelled(scene: Scene) -> None:
    scene.outer.cancel()
    await trio.sleep_forever()


@leaves(cancelled)
async def is_cancelled_receiving(scene: Scene) -> None:
    scene.outer.deadline = trio.current_time() + 1
    await scene.ws.receive()


@leaves(cancelled)
async def is_cancelled_and_ends(scene: Scene) -> None:
    scene.outer.cancel()


@leaves(cancelled)
async def is_cancelled_in_the_goodbye(scene: Scene) -> None:
    scene.outer.deadline = trio.current_time() + 3


@leaves(cancelled)
async def is_cancelled_when_the_goodbye_is_over(scene: Scene) -> None:
    await scene.ws.close()
    scene.outer.cancel()


@leaves(its_own_alone)
async def raises_and_is_cancelled_in_the_goodbye(scene: Scene) -> None:
    scene.outer.deadline = trio.current_time() + 3
    raise scene.own


@leaves(cancelled)
async def is_lost_and_then_cancelled(scene: Scene) -> None:
    await scene.lose()
    scene.outer.cancel()
    await trio.sleep_forever()


@leaves(cancelled)
async def is_cancelled_and_then_lost(scene: Scene) -> None:
    scene.outer.cancel()
    await scene.peer.stream.aclose()


@leaves(cancelled)
async def is_lost_and_cancelled_while_that_is_dealt_with(scene: Scene) -> None:
    await scene.lose()
    scene.outer.cancel()
    raise closed(scene.ws.ending or Ending())


@leaves(cancelled)
async def is_lost_and_cancelled_in_the_farewell_to_the_lost(scene: Scene) -> None:
    await scene.peer.send_frame(0x3)
    scene.outer.deadline = trio.current_time() + 0.25
    await trio.sleep_forever()


@leaves(cancelled)
async def is_lost_and_cancelled_in_a_nursery(scene: Scene) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.ws.receive)
        await settled()
        await scene.lose()
        scene.outer.cancel()
        await trio.sleep_forever()


@leaves(
    lambda left, scene: (
        isinstance(left, BaseExceptionGroup)
        and {type(error) for error in left.exceptions} == {trio.Cancelled}
    )
)
async def is_cancelled_in_a_nursery(scene: Scene) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.ws.receive)
        nursery.start_soon(scene.ws.ping)
        await settled()
        scene.outer.cancel()


@both_roles
@pytest.mark.parametrize(("body", "expected"), TABLE, ids=[body.__name__ for body, _ in TABLE])
async def test_table(
    body: Body, expected: Expected, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Each way to leave a block lets out what promise P2 says, and nothing else."""
    scene: Scene | None = None

    async def block() -> None:
        nonlocal scene
        async with open_wired(client) as (ws, peer, wire):
            scene = Scene(ws, peer, wire, outer)
            await body(scene)

    with trio.CancelScope() as outer:
        left = await what_leaves(block)
    assert scene is not None
    assert expected(left, scene), f"{left!r} left, from {getattr(left, '__context__', None)!r}"
    assert scene.wire.closed


class AtTheEndOfServices(trio.abc.Instrument):
    """Cancels a scope when a connection's services have just ended."""

    def __init__(self, scope: trio.CancelScope) -> None:
        self.scope = scope

    def task_exited(self, task: trio.lowlevel.Task) -> None:
        """Cancel, if it is that task."""
        if task.name.startswith("trio_ws reader"):
            self.scope.cancel()


@both_roles
async def test_cancelled_in_the_last_instant(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """A cancellation leaves in place of a loss, even when it comes in the very last instant."""

    async def block() -> None:
        async with open_wired(client) as (_, peer, _):
            trio.lowlevel.add_instrument(instrument)
            await peer.stream.aclose()
            await trio.sleep_forever()

    with trio.CancelScope() as outer:
        instrument = AtTheEndOfServices(outer)
        left = await what_leaves(block)
    assert isinstance(left, trio.Cancelled)


# The Ctrl-C: pressed in the main task, so these run Trio themselves


def press() -> None:
    """Press Ctrl-C."""
    signal.raise_signal(signal.SIGINT)


def left_in_main_task(block: Callable[[], Awaitable[object]]) -> BaseException | None:
    """Run a block as the main task of Trio, in virtual time; return what leaves it."""

    async def main() -> BaseException | None:
        return await what_leaves(block)

    return trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


@trio.lowlevel.enable_ki_protection
async def press_in(seconds: float) -> None:
    """Press Ctrl-C in a while, for the main task to feel."""
    await trio.sleep(seconds)
    press()


@both_roles
def test_ctrl_c(client: bool) -> None:
    """A Ctrl-C in the body leaves bare, and the peer is told 1001."""
    wires = []

    async def block() -> None:
        async with open_wired(client) as (_, _, wire):
            wires.append(wire)
            press()

    assert isinstance(left_in_main_task(block), KeyboardInterrupt)
    assert goodbye_of(wires[0].written) == (1001, "")


@both_roles
@pytest.mark.parametrize("call", ["receive", "ping", "wait_closed", "close"])
def test_ctrl_c_while_waiting(call: str, client: bool) -> None:
    """A Ctrl-C while a method of the connection waits leaves bare, after the goodbye."""
    found: list[Any] = []

    async def block() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(press_in, 1)
            with pytest.raises(KeyboardInterrupt):
                async with open_wired(client) as (ws, _, wire):
                    found.append(wire)
                    await getattr(ws, call)()
            found.append(trio.current_time())

    assert left_in_main_task(block) is None
    assert found[1] == 1.5
    assert goodbye_of(found[0].written) == (1000 if call == "close" else 1001, "")


class PressingHandler(logging.Handler):
    """Presses Ctrl-C in the middle of a change of the session: when a frame is logged."""

    def __init__(self, what: str) -> None:
        super().__init__()
        self.what = what
        self.pressed = False

    def emit(self, record: logging.LogRecord) -> None:
        """Press once."""
        if self.what in record.getMessage() and not self.pressed:
            self.pressed = True
            press()


@both_roles
@pytest.mark.parametrize(
    "when", ["> TEXT 'whole'", "> TEXT 'a'", "> PING", "> PONG", "< TEXT", "> CLOSE", "over"]
)
def test_ctrl_c_between_two_halves(when: str, client: bool) -> None:
    """A Ctrl-C does not land between two halves of a change of the session (law 8)."""
    wires: list[TwoWayWire] = []

    async def block() -> None:
        async with open_wired(client) as (ws, peer, wire):
            wires.append(wire)
            await ws.send("whole")
            await ws.send(["a"])
            await ws.flush()
            with trio.move_on_after(1):
                await ws.ping(b"ping")
            await ws.pong(b"pong")
            await ws.flush()
            await peer.send_text("in")
            await ws.receive()
            await peer.send_close()
            await peer.send_eof()

    handler = PressingHandler(when)
    logger = logging.getLogger("trio_ws.client" if client else "trio_ws.server")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        left = left_in_main_task(block)
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    assert handler.pressed
    assert isinstance(left, KeyboardInterrupt)
    *before, close = frames_of(wires[0].written)
    payloads = [frame.payload for frame in before]
    assert payloads == [b"whole", b"a", b"", b"ping", b"pong"][: len(payloads)]
    assert close.opcode == 0x8
    assert wires[0].closed


@both_roles
@pytest.mark.parametrize("own", [None, ValueError()], ids=["after the end", "after an exception"])
def test_ctrl_c_in_the_goodbye(own: Exception | None, client: bool) -> None:
    """A Ctrl-C during the goodbye ends it at once and leaves, also in place of an exception."""
    found: list[object] = []

    async def block() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(press_in, 1)
            try:
                async with open_wired(client):
                    if own:
                        raise own
            except KeyboardInterrupt as error:
                found.extend([error.__context__, trio.current_time()])

    assert left_in_main_task(block) is None
    assert found == [own, 1.5]


@both_roles
def test_ctrl_c_again_and_again(client: bool) -> None:
    """More of them make the goodbye neither shorter nor longer, and one leaves, bare."""

    async def block() -> None:
        async with trio.open_nursery() as nursery:
            for seconds in (1, 1.25, 1.375):
                nursery.start_soon(press_in, seconds)
            with pytest.raises(KeyboardInterrupt):
                async with open_wired(client):
                    await trio.sleep_forever()
            assert trio.current_time() == 1.5

    assert left_in_main_task(block) is None


@both_roles
def test_ctrl_c_in_the_last_moment(client: bool) -> None:
    """A Ctrl-C while the goodbye after a cancellation is under way is not lost."""

    async def block() -> None:
        with trio.CancelScope() as outer:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(shielded_press)
                with pytest.raises(KeyboardInterrupt):
                    async with open_wired(client):
                        outer.cancel()
                        await trio.sleep_forever()

    @trio.lowlevel.enable_ki_protection
    async def shielded_press() -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(0.25)
        press()

    assert left_in_main_task(block) is None


# Services that fail: a stream that raises what no stream may, a policy's function that raises


@both_roles
@pytest.mark.parametrize("body", ["waits", "ends", "raises", "is cancelled"])
async def test_function_of_a_policy_that_fails(
    body: str, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """What a function of a policy raised leaves bare, unless the body raised something itself."""
    own = ValueError()

    def fail(message: str | bytes) -> bool:
        raise LookupError

    async def block() -> None:
        policy = MessageReply(is_ping=fail, reply="")
        async with open_wired(client, heartbeat=policy) as (_, peer, _):
            await peer.send_text("?")
            with trio.CancelScope(shield=body != "waits"):
                await trio.sleep(0.25)
            if body == "raises":
                raise own
            if body == "is cancelled":
                outer.cancel()
                await trio.sleep_forever()

    with trio.CancelScope() as outer:
        left = await what_leaves(block)
    if body == "raises":
        assert left is own
    else:
        assert isinstance(left, LookupError)


@both_roles
async def test_foreign_exception_of_the_stream(
    client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """What a stream must not raise leaves the block bare too; nothing hangs."""
    with pytest.raises(RuntimeError, match="no stream raises this"):
        async with open_wired(client) as (_, _, wire):
            wire.break_receiving(RuntimeError("no stream raises this"))
            await trio.sleep_forever()
    assert trio.current_time() == 0


@both_roles
@pytest.mark.parametrize("way", ["reading", "writing", "closing"])
async def test_services_in_a_shared_nursery(
    way: str, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """What a stream must not raise leaves its own block, and no other with services beside."""
    async with trio.open_nursery() as nursery:
        async with open_wired(client, nursery=nursery) as (ws, peer, _):
            wire_type = BadEnd if way == "closing" else TwoWayWire
            with pytest.raises(ZeroDivisionError):
                async with open_wired(client, wire_type, nursery=nursery) as (sick, _, wire):
                    if way == "closing":
                        await wire.stream.aclose()
                    elif way == "reading":
                        wire.break_receiving(ZeroDivisionError())
                    else:
                        wire.break_sending(ZeroDivisionError())
                        await sick.send("anything")
                    await trio.sleep_forever()
            await peer.send_text("still here")
            assert await ws.receive() == "still here"
            await peer.send_close()
            await peer.send_eof()
        assert not nursery.child_tasks


@both_roles
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, KeyError])
async def test_what_the_body_raises_outranks_an_error_of_the_stream(
    error: type[BaseException], client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """The body's exception leaves, whatever goes wrong in the goodbye."""

    async def block() -> None:
        async with open_wired(client) as (_, _, wire):
            wire.break_sending(ZeroDivisionError())
            raise error

    assert type(await what_leaves(block)) is error


@both_roles
@pytest.mark.parametrize("shared", [False, True], ids=["own nursery", "shared nursery"])
async def test_exit_in_a_service(
    shared: bool, client: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """An exit, which a function of a policy may raise as well, leaves whatever there is."""

    def leave(message: str | bytes) -> bool:
        raise SystemExit(3)

    async def block() -> None:
        policy = MessageReply(is_ping=leave, reply="")
        async with trio.open_nursery() as nursery:
            room = nursery if shared else None
            async with open_wired(client, heartbeat=policy, nursery=room) as (_, peer, _):
                await peer.send_text("?")
                await trio.sleep_forever()

    left = await what_leaves(block)
    assert isinstance(left, BaseExceptionGroup)
    assert isinstance(unwrap_group(left), SystemExit)
    assert trio.current_time() <= 0.5


@both_roles
async def test_no_cycles(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """An exception that left a block is freed at once, without the garbage collector."""

    async def lose() -> weakref.ref[BaseException]:
        async with open_wired(client) as (_, peer, _):
            await peer.aclose()
            await trio.sleep_forever()

    gc.collect()
    gc.disable()
    try:
        left = weakref.ref(await what_leaves(lose) or ValueError())
        await trio.testing.wait_all_tasks_blocked()
        assert left() is None
    finally:
        gc.enable()
