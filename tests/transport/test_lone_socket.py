"""`trio_ws._transport.lone_socket`: the only socket of a run, and a task that waits for it."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Generator

import pytest
import trio
from trio.testing import assert_checkpoints, wait_all_tasks_blocked

from trio_ws._concurrency.rounds import Rounds
from trio_ws._transport.lone_socket import LoneSocket

pytestmark = pytest.mark.skipif(not hasattr(select, "epoll"), reason="epoll is Linux's")


@pytest.fixture
def rounds() -> Rounds:
    """Where rounds are counted."""
    return Rounds()


@pytest.fixture
async def lone(rounds: Rounds) -> LoneSocket:
    """What holds no socket yet."""
    return LoneSocket(rounds)


@pytest.fixture
def pair() -> Generator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


Pair = tuple[socket.socket, socket.socket]


async def waited(lone: LoneSocket) -> bool:
    """Wait as a receiver does; return whether something came."""
    try:
        await lone.wait()
    except trio.ClosedResourceError:
        return False
    finally:
        lone.release()
    return True


async def test_something_comes(lone: LoneSocket, rounds: Rounds, pair: Pair) -> None:
    """The wait ends when something can be read, now or later, and begins a round."""
    ours, theirs = pair
    for _ in range(2):
        assert lone.hold(ours.fileno())
    async with trio.open_nursery() as nursery:

        async def wait() -> None:
            assert await waited(lone)

        nursery.start_soon(wait)
        await wait_all_tasks_blocked(0.01)
        assert lone.is_taken
        assert rounds.number == 0
        theirs.sendall(b"hello")
    assert not lone.is_taken
    assert rounds.number == 1
    with assert_checkpoints():
        assert await waited(lone)  # it was not read
    lone.close()


async def test_woken(lone: LoneSocket, pair: Pair) -> None:
    """`wake` ends the wait for good; without a task that waits it does nothing."""
    ours, theirs = pair
    assert lone.hold(ours.fileno())
    lone.wake()
    ended: list[bool] = []

    async def wait() -> None:
        ended.append(await waited(lone))

    for _ in range(2):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            await wait_all_tasks_blocked(0.01)
            lone.wake()
            theirs.sendall(b"too late")
        ours.recv(100)
    assert ended == [False, False]
    theirs.sendall(b"hello")
    assert await waited(lone)
    lone.close()


async def test_who_waits_to_write_is_left_alone(lone: LoneSocket, pair: Pair) -> None:
    """`wake` does not end another task's wait for room in the same socket."""
    ours, theirs = pair
    for each in pair:
        each.setblocking(False)
    assert lone.hold(ours.fileno())
    with pytest.raises(BlockingIOError):
        while True:
            ours.send(bytes(100_000))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(waited, lone)
        nursery.start_soon(trio.lowlevel.wait_writable, ours)
        await wait_all_tasks_blocked(0.01)
        lone.wake()
        await wait_all_tasks_blocked(0.01)
        assert len(nursery.child_tasks) == 1
        while select.select([theirs], [], [], 0)[0]:
            theirs.recv(1_000_000)
    lone.close()


async def test_another_socket(lone: LoneSocket, pair: Pair) -> None:
    """It holds one socket: with the next it forgets the one before."""
    ours, theirs = pair
    others, further = socket.socketpair()
    with others, further:
        assert lone.hold(ours.fileno())
        assert lone.hold(others.fileno())
        theirs.sendall(b"hello")
        with trio.move_on_after(0.05) as scope:
            await waited(lone)
        assert scope.cancelled_caught
        further.sendall(b"hello")
        assert await waited(lone)
        lone.forget(ours.fileno())  # it is not held any more
        assert await waited(lone)
    lone.close()


async def test_a_number_that_is_used_again(lone: LoneSocket, pair: Pair) -> None:
    """A socket that is forgotten, closed or not, leaves its number to another."""
    ours, theirs = pair
    first, other = socket.socketpair()
    number = first.fileno()
    assert lone.hold(number)
    first.close()
    other.close()
    os.dup2(ours.fileno(), number)
    lone.forget(number)
    assert lone.hold(number)
    theirs.sendall(b"hello")
    assert await waited(lone)
    os.close(number)
    lone.close()


async def test_what_is_refused(lone: LoneSocket, pair: Pair) -> None:
    """A descriptor that epoll does not take is refused, and so is each one after the end."""
    number = os.open(__file__, os.O_RDONLY)
    assert not lone.hold(number)
    os.close(number)
    lone.close()
    assert not lone.hold(pair[0].fileno())


async def test_the_end_of_the_run(lone: LoneSocket, pair: Pair) -> None:
    """Its end wakes the task, and closes the descriptor."""
    assert lone.hold(pair[0].fileno())
    before = len(os.listdir("/proc/self/fd"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(waited, lone)
        await wait_all_tasks_blocked(0.01)
        lone.close()
    assert len(os.listdir("/proc/self/fd")) == before - 1
    lone.forget(pair[0].fileno())


async def test_what_is_not_needed_is_not_made(
    rounds: Rounds, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The epoll is made for the first socket that is held; if there is none to be had, none is."""
    before = len(os.listdir("/proc/self/fd"))
    unused = LoneSocket(rounds)
    unused.wake()
    unused.forget(-1)
    unused.close()
    assert len(os.listdir("/proc/self/fd")) == before

    def refuse() -> None:
        raise OSError(24, "too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(select, "epoll", refuse)
        assert not LoneSocket(rounds).hold(pair[0].fileno())
