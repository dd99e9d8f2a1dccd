"""`trio_ws._transport.poller`: one task waits for all sockets of a run."""

from __future__ import annotations

import errno
import os
import select
import socket
import warnings
from collections.abc import Generator
from contextlib import contextmanager

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trio_ws._concurrency.rounds import current_rounds
from trio_ws._transport import poller
from trio_ws._transport.poller import Poller, current_poller

pytestmark = pytest.mark.skipif(not hasattr(select, "epoll"), reason="epoll is Linux's")


class Doorbell:
    """Counts how often it is rung."""

    def __init__(self) -> None:
        self.rings: list[bool] = []
        self.is_silent = False
        self.is_only = False

    def ring(self, *, lasting: bool) -> None:
        self.rings.append(lasting)

    def note_read(self, *, more: bool) -> None:
        raise AssertionError

    def note_nothing(self) -> None:
        raise AssertionError

    def note_others(self, *, some: bool) -> None:
        self.is_only = not some

    def fall_silent(self) -> None:
        self.is_silent = True


@contextmanager
def tcp_pair() -> Generator[tuple[socket.socket, socket.socket]]:
    """Two ends of a connection over the loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = socket.create_connection(listener.getsockname())
        theirs, _ = listener.accept()
    with ours, theirs:
        yield ours, theirs


def the_poller() -> Poller:
    """The poller of this run, which there is here."""
    found = current_poller()
    assert found is not None
    return found


async def test_ringing() -> None:
    """A bell rings when something comes, and not again for what was there already."""
    with tcp_pair() as (ours, theirs):
        bell = Doorbell()
        assert the_poller().watch(ours.fileno(), bell)
        await wait_all_tasks_blocked(0.01)
        assert bell.rings == []
        for count in (1, 2):
            theirs.sendall(b"hello")
            await wait_all_tasks_blocked(0.01)
            assert bell.rings == [False] * count
        await wait_all_tasks_blocked(0.01)
        assert len(bell.rings) == 2
        the_poller().unwatch(ours.fileno(), bell)
        theirs.sendall(b"hello")
        await wait_all_tasks_blocked(0.01)
        assert len(bell.rings) == 2


async def test_a_wakeup_begins_a_round() -> None:
    """However many bells ring behind one wakeup, it is one round (`rounds`)."""
    with tcp_pair() as first, tcp_pair() as second:
        bells = [Doorbell(), Doorbell()]
        for (ours, _), bell in zip((first, second), bells, strict=True):
            assert the_poller().watch(ours.fileno(), bell)
        await wait_all_tasks_blocked(0.01)
        before = current_rounds().number
        for _ in range(2):
            for ours, theirs in (first, second):
                theirs.sendall(b"hello")
                assert select.select([ours], [], [], 5)[0]
            await wait_all_tasks_blocked(0.01)
        assert [bell.rings for bell in bells] == [[False, False]] * 2
        assert current_rounds().number == before + 2
        for (ours, _), bell in zip((first, second), bells, strict=True):
            the_poller().unwatch(ours.fileno(), bell)


async def test_what_is_there_already() -> None:
    """What has come before the socket is watched rings, too."""
    with tcp_pair() as (ours, theirs):
        theirs.sendall(b"hello")
        bell = Doorbell()
        assert the_poller().watch(ours.fileno(), bell)
        await wait_all_tasks_blocked(0.01)
        assert bell.rings == [False]
        the_poller().unwatch(ours.fileno(), bell)


@pytest.mark.parametrize("how", ["end", "reset", "urgent"])
async def test_what_lasts(how: str) -> None:
    """The peer's end, a reset and urgent data are told as what a read does not show."""
    with tcp_pair() as (ours, theirs):
        bell = Doorbell()
        assert the_poller().watch(ours.fileno(), bell)
        theirs.sendall(b"before")
        if how == "end":
            theirs.shutdown(socket.SHUT_WR)
        elif how == "reset":
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            theirs.close()
        else:
            theirs.send(b"!", socket.MSG_OOB)
        await wait_all_tasks_blocked(0.01)
        assert bell.rings[-1] is True
        the_poller().unwatch(ours.fileno(), bell)


async def test_set_aside() -> None:
    """A socket that is set aside does not ring; taken back, it rings for what is there."""
    with tcp_pair() as (ours, theirs):
        bell, number = Doorbell(), ours.fileno()
        assert the_poller().watch(number, bell)
        assert the_poller().set_aside(number)
        theirs.sendall(b"hello")
        await wait_all_tasks_blocked(0.01)
        assert bell.rings == []
        the_poller().take_back(number, bell)
        await wait_all_tasks_blocked(0.01)
        assert bell.rings == [False]
        the_poller().take_back(number, Doorbell())  # it is not this one's
        theirs.sendall(b"hello")
        await wait_all_tasks_blocked(0.01)
        assert bell.rings == [False, False]
        the_poller().unwatch(number, bell)
        the_poller().take_back(number, bell)
        assert not the_poller().set_aside(number)
        assert bell.rings == [False, False]


async def test_taken_back_with_nothing_new() -> None:
    """What was read while the socket was set aside does not ring behind that."""
    with tcp_pair() as (ours, theirs):
        bell, number = Doorbell(), ours.fileno()
        assert the_poller().watch(number, bell)
        assert the_poller().set_aside(number)
        theirs.sendall(b"hello")
        assert ours.recv(100) == b"hello"
        the_poller().take_back(number, bell)
        await wait_all_tasks_blocked(0.01)
        assert bell.rings == []
        the_poller().unwatch(number, bell)


async def test_the_end_comes_through() -> None:
    """What a read does not show is told when the socket is taken back."""
    with tcp_pair() as (ours, theirs):
        bell, number = Doorbell(), ours.fileno()
        assert the_poller().watch(number, bell)
        assert the_poller().set_aside(number)
        theirs.sendall(b"last")
        theirs.shutdown(socket.SHUT_WR)
        assert ours.recv(4) == b"last"
        the_poller().take_back(number, bell)
        await wait_all_tasks_blocked(0.01)
        assert bell.rings == [True]
        the_poller().unwatch(number, bell)


async def test_the_only_socket() -> None:
    """Only the single socket of a run can be waited for by itself, and by one task at a time."""
    with tcp_pair() as (ours, theirs), tcp_pair() as (others, _):
        bell, further = Doorbell(), Doorbell()
        assert the_poller().watch(ours.fileno(), bell)
        assert the_poller().watch(others.fileno(), further)
        assert the_poller().set_aside_if_alone(ours.fileno()) is None
        the_poller().unwatch(others.fileno(), further)
        lone = the_poller().set_aside_if_alone(ours.fileno())
        assert lone is not None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lone.wait)
            await wait_all_tasks_blocked(0.01)
            assert the_poller().set_aside_if_alone(ours.fileno()) is None
            theirs.sendall(b"hello")
        assert the_poller().set_aside_if_alone(ours.fileno()) is None  # nobody has released it
        lone.release()
        assert the_poller().set_aside_if_alone(ours.fileno()) is lone
        assert bell.rings == []
        the_poller().unwatch(ours.fileno(), bell)


async def test_the_only_one_is_told() -> None:
    """A bell is told whether it is the only one, whenever that changes."""
    with tcp_pair() as (first, _), tcp_pair() as (second, _), tcp_pair() as (third, _):
        bells = [Doorbell(), Doorbell(), Doorbell()]
        sockets = dict(zip((first, second, third), bells, strict=True))
        told = []
        for sock, bell in sockets.items():
            assert the_poller().watch(sock.fileno(), bell)
            told.append([each.is_only for each in bells])
        for sock, bell in sockets.items():
            the_poller().unwatch(sock.fileno(), bell)
            told.append([each.is_only for each in bells])
        assert told[0] == [True, False, False]
        assert told[1] == told[2] == told[3] == [False, False, False]
        assert told[4] == told[5] == [False, False, True]


async def test_a_reset_is_told_once() -> None:
    """An epoll tells of errors whatever it is asked for: while a socket is set aside, once."""
    with tcp_pair() as (ours, theirs):
        bell, number = Doorbell(), ours.fileno()
        assert the_poller().watch(number, bell)
        assert the_poller().set_aside(number)
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        theirs.close()
        for _ in range(20):
            await trio.lowlevel.checkpoint()
        await wait_all_tasks_blocked(0.01)
        assert bell.rings == [True]
        the_poller().unwatch(number, bell)


async def test_the_only_socket_is_gone() -> None:
    """A socket that was closed unnoticed is refused, and its number may be another's."""
    with tcp_pair() as (ours, _):
        bell, number = Doorbell(), ours.fileno()
        assert the_poller().watch(number, bell)
        assert the_poller().set_aside_if_alone(number) is not None
    assert the_poller().set_aside_if_alone(number) is None
    with tcp_pair() as (ours, theirs):
        os.dup2(ours.fileno(), number)
        assert the_poller().watch(number, bell)
        lone = the_poller().set_aside_if_alone(number)
        assert lone is not None
        theirs.sendall(b"hello")
        await lone.wait()
        lone.release()
        the_poller().unwatch(number, bell)
        if ours.fileno() != number:
            os.close(number)


async def test_forgotten_with_the_watch() -> None:
    """A socket that is watched no more is not waited for either, though its number is used."""
    with tcp_pair() as (ours, _), tcp_pair() as (others, further):
        bell, number = Doorbell(), ours.fileno()
        assert the_poller().watch(number, bell)
        lone = the_poller().set_aside_if_alone(number)
        assert lone is not None
        the_poller().unwatch(number, bell)
        os.dup2(others.fileno(), number)
        assert lone.hold(number)
        further.sendall(b"hello")
        await lone.wait()
        lone.release()
        lone.forget(number)


async def test_not_taken_back() -> None:
    """A socket is taken back by the one that has it; its number may be another's."""
    with tcp_pair() as (ours, theirs):
        bell, number = Doorbell(), ours.fileno()
        assert the_poller().watch(number, bell)
        assert the_poller().set_aside(number)
        theirs.sendall(b"hello")
        the_poller().take_back(number, Doorbell())
        await wait_all_tasks_blocked(0.01)
        assert bell.rings == []
        the_poller().unwatch(number, bell)


async def test_a_number_that_is_used_again() -> None:
    """A socket that was closed unnoticed does not take the bell of the next with its number."""
    first, second = Doorbell(), Doorbell()
    with tcp_pair() as (ours, _):
        number = ours.fileno()
        assert the_poller().watch(number, first)
    with tcp_pair() as (ours, theirs):
        if ours.fileno() != number:
            os.dup2(ours.fileno(), number)
        assert the_poller().watch(number, second)
        the_poller().unwatch(number, first)
        theirs.sendall(b"hello")
        await wait_all_tasks_blocked(0.01)
        assert (first.rings, second.rings) == ([], [False])
        the_poller().unwatch(number, second)
        if ours.fileno() != number:
            os.close(number)


async def test_what_cannot_be_watched() -> None:
    """A descriptor that epoll does not take is refused; so is one that is closed, or none."""
    number = os.open(__file__, os.O_RDONLY)
    assert not the_poller().watch(number, Doorbell())
    os.close(number)
    assert not the_poller().watch(-1, Doorbell())
    the_poller().unwatch(-1, Doorbell())


async def test_a_socket_that_is_gone() -> None:
    """To forget a socket that is closed already does no harm."""
    with tcp_pair() as (ours, _):
        bell, number = Doorbell(), ours.fileno()
        assert the_poller().watch(number, bell)
    the_poller().unwatch(number, bell)


async def test_fork() -> None:
    """A child that forgets a socket does not make its parent deaf: they share one epoll."""
    with tcp_pair() as (ours, theirs), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from Python 3.12 on, with threads
        bell, number = Doorbell(), ours.fileno()
        assert the_poller().watch(number, bell)
        await wait_all_tasks_blocked(0.01)
        child = os.fork()
        if not child:
            the_poller().unwatch(number, bell)
            os._exit(0)
        os.waitpid(child, 0)  # noqa: ASYNC222 - it ends at once
        theirs.sendall(b"hello")
        await wait_all_tasks_blocked(0.01)
        assert bell.rings == [False]
        the_poller().unwatch(number, bell)


async def test_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """In another process than its own the poller forgets the bell, and leaves the epoll alone."""
    with tcp_pair() as (ours, theirs):
        bell, number = Doorbell(), ours.fileno()
        assert the_poller().watch(number, bell)
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: -1)
            the_poller().unwatch(number, bell)
        theirs.sendall(b"hello")
        await wait_all_tasks_blocked(0.01)
        assert bell.rings == []
        assert not the_poller().watch(number, bell)  # it is there still


def descriptors() -> set[str]:
    """All that are open."""
    return set(os.listdir("/proc/self/fd"))


def test_the_end_of_the_run() -> None:
    """The epoll is closed with the run; a poller that has ended says so, and refuses."""
    found: list[Poller] = []
    bell = Doorbell()

    async def main() -> None:
        with tcp_pair() as (ours, _):
            found.append(the_poller())
            assert found[0].watch(ours.fileno(), bell)
            assert found[0].set_aside_if_alone(ours.fileno()) is not None
            await wait_all_tasks_blocked()
        assert not bell.is_silent

    before = descriptors()
    trio.run(main)
    assert descriptors() == before
    assert bell.is_silent
    assert not found[0].watch(0, bell)
    assert not found[0].set_aside(0)
    assert found[0].set_aside_if_alone(0) is None


def test_a_run_that_ends_at_once() -> None:
    """The epoll is closed also if the poller never had a turn."""

    async def main() -> None:
        the_poller()

    before = descriptors()
    trio.run(main)
    assert descriptors() == before


async def test_a_system_without_room(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the system has no epoll, or gives none, there is no poller; the log says why."""

    def refuse() -> None:
        raise OSError(errno.EMFILE, "too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(select, "epoll", refuse)
        assert poller._make() is None
    assert "no epoll for this run" in caplog.text
    assert "too many open files" in caplog.text
    with monkeypatch.context() as patch:
        patch.delattr(select, "epoll")
        assert poller._make() is None
