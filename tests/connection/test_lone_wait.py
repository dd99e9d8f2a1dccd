"""`_connection.lone_wait`: a receiver waits for the socket, with a place among the receivers."""

from __future__ import annotations

from collections.abc import Awaitable

import pytest
import trio
import trio.testing
from trio.testing import assert_checkpoints

from trio_ws._concurrency.slim import Elsewhere, SlimParkingLot
from trio_ws._connection.bell import Bell
from trio_ws._connection.lone_wait import wait_alone
from trio_ws._transport.base import Transport

from ..watched import WatchedSocket
from ..wires import settled


class Scene:
    """A socket that is set aside, and what the receivers of its connection have."""

    def __init__(self) -> None:
        self.sock = WatchedSocket()
        self.sock.is_alone = True
        self.receivers = SlimParkingLot()
        self.bell = Bell(self.receivers)
        assert self.sock.set_aside_if_alone() is self.sock.lone

    async def wait(self, lone: Elsewhere | None = None) -> bool:
        transport: Transport = self.sock
        return await wait_alone(transport, self.receivers, self.bell, lone or self.sock.lone)

    @property
    def is_left(self) -> bool:
        """Whether no task waits any more, and none has a place."""
        return not self.receivers and not self.sock.lone.is_taken


async def test_something_comes(autojump_clock: trio.testing.MockClock) -> None:
    """The bell is rung then, and the socket still set aside: the task will read first."""
    scene = Scene()
    scene.sock.arrive(b"something")
    with assert_checkpoints():
        assert await scene.wait()
    assert scene.bell.is_rung
    assert scene.sock.is_aside
    assert scene.is_left


async def test_its_turn_has_come(autojump_clock: trio.testing.MockClock) -> None:
    """Woken among the receivers, it finds nothing rung."""
    scene = Scene()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.wait)
        await settled()
        assert len(scene.receivers) == 1
        scene.receivers.unpark()
    assert not scene.bell.is_rung
    assert scene.is_left


class Refused(Elsewhere):
    """A wait that the system refuses."""

    def __init__(self) -> None:
        self.was_released = False

    def wait(self) -> Awaitable[None]:
        return self._refuse()

    async def _refuse(self) -> None:
        await trio.lowlevel.checkpoint()
        raise OSError(28, "no space left on device")

    def release(self) -> None:
        self.was_released = True

    def wake(self) -> None:
        raise AssertionError


async def test_the_system_refuses() -> None:
    """Then it is as if it had been woken: the next wait is at the bell, like any other."""
    scene, refused = Scene(), Refused()
    assert await scene.wait(refused)
    assert refused.was_released
    assert not scene.bell.is_rung
    assert not scene.receivers


@pytest.mark.parametrize("woken", [False, True])
@pytest.mark.parametrize("others", [False, True])
async def test_cancelled(woken: bool, others: bool, autojump_clock: trio.testing.MockClock) -> None:
    """The poller has the socket again; what it was woken for is for others."""
    scene = Scene()
    passed_on: list[str] = []

    async def park() -> None:
        await scene.receivers.park()
        passed_on.append("to a receiver")

    async def read() -> None:
        await scene.bell.wait()
        passed_on.append("to the reader")

    async with trio.open_nursery() as nursery:
        scope = trio.CancelScope()

        @nursery.start_soon
        async def wait() -> None:
            with scope:
                await scene.wait()

        await settled()
        if others:
            nursery.start_soon(park)
        nursery.start_soon(read)
        await settled()
        scope.cancel()
        if woken:
            scene.receivers.unpark()
        await settled()
        assert scope.cancelled_caught
        assert not scene.sock.is_aside
        assert not scene.sock.lone.is_taken
        assert (
            sorted(passed_on) == ["to a receiver"] * (woken and others) + ["to the reader"] * woken
        )
        nursery.cancel_scope.cancel()
