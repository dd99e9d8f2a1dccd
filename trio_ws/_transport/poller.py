"""One task of a Trio run waits for the sockets of all connections.

Trio arms its poller anew for each wait, and disarms it behind that:
for a small message this costs as much as all that the library does with it.
This poller is told of a socket once, when its connection begins, and then rings a bell
whenever something has arrived (``epoll``, edge-triggered)::

    sockets ──▶ epoll of our own ──▶ epoll of Trio ──▶ the task ──▶ ring the bells

An edge tells that something *new* has come, and is told once.
So a bell that was rung stays rung until the socket is read (`_connection.bell`).
Two things are told with it, since a read that leaves nothing does not show them:
that the peer has ended or the connection is broken, behind whatever it sent before,
and that there is urgent data, at which a read stops short.

Here the tasks of all connections wait for what comes, so each wakeup begins a round (`rounds`).

A task may wait for a socket itself for a while; then the poller sets this socket aside,
since to be told of it twice takes a step of a task for nothing.
That is done by the reader of a long message, and by the only receiver of a run (`lone_socket`).

Only sockets that no other code can close are watched: an epoll does not tell of that.
The task and the epoll are there from the first connection to the end of the run.
If system tasks have connections, these outlive it for a moment, and are told.
Where there is no epoll, or the system has no room in it, the caller waits as it ever did.
"""

from __future__ import annotations

import os
import select
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, final

import trio

from .._concurrency.per_run import PerRun
from .._concurrency.rounds import current_rounds
from .._log import Log
from .lone_socket import LoneSocket

_log = Log("trio_ws.poller")

MAX_RINGS = 1024
"""After so many bells other tasks run."""


class Ringing(Protocol):
    """Something that is told when a socket has something new to be read."""

    def ring(self, *, lasting: bool) -> None:
        """Note that something has come; if `lasting`, a read may leave more than it shows."""

    def note_read(self, *, more: bool) -> None:
        """Note that something was read, and whether there is certainly more."""

    def note_nothing(self) -> None:
        """Note that there was nothing to be read."""

    def note_others(self, *, some: bool) -> None:
        """Note whether the poller rings other bells."""

    def fall_silent(self) -> None:
        """Note that it will not be rung any more: the run is about to end."""


if TYPE_CHECKING or hasattr(select, "epoll"):  # pragma: no branch - everywhere but on Linux
    _LASTING = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR | select.EPOLLPRI
    _FLAGS = select.EPOLLIN | select.EPOLLPRI | select.EPOLLRDHUP | select.EPOLLET
    _ASIDE = select.EPOLLET
    """An epoll tells of errors whatever it is asked for; without this it would tell for ever."""


@final
class Poller:
    """Rings the bells of one run; see the top of this file.

    Raises:
        OSError: the system refuses an epoll.
    """

    __slots__ = ("_bells", "_epoll", "_lone", "_pid", "_rounds")

    def __init__(self) -> None:
        self._rounds = current_rounds()
        self._lone = LoneSocket(self._rounds)
        self._epoll = select.epoll()
        self._bells: dict[int, Ringing] = {}
        self._pid = os.getpid()
        trio.lowlevel.spawn_system_task(self._run, name="trio_ws poller")

    def watch(self, fileno: int, bell: Ringing) -> bool:
        """Ring `bell` when something comes, or is there already; return False if refused."""
        self._lone.forget(fileno)  # another socket that had the number, and was closed unnoticed
        try:
            self._epoll.register(fileno, _FLAGS)
        except (OSError, ValueError):  # no room, a descriptor of another kind; the run is over
            return False
        self._bells[fileno] = bell
        if len(self._bells) <= 2:  # nothing changes for the others when it is more
            self._tell_of_others()
        return True

    def unwatch(self, fileno: int, bell: Ringing) -> None:
        """Forget a socket, before it is closed: its number may be another's at once."""
        if self._bells.get(fileno) is not bell:
            return
        del self._bells[fileno]
        if len(self._bells) == 1:
            self._tell_of_others()
        if os.getpid() == self._pid:  # a child has its parent's epoll, and must leave it alone
            self._lone.forget(fileno)
            with suppress(OSError, ValueError):
                self._epoll.unregister(fileno)

    def _tell_of_others(self) -> None:
        for bell in self._bells.values():
            bell.note_others(some=len(self._bells) > 1)

    def set_aside(self, fileno: int) -> bool:
        """Ring no more for a socket that is watched, until `take_back`: a task waits for it.

        Return False if the system refuses: the socket is closed, or the run is over.
        """
        return self._modify(fileno, _ASIDE)

    def set_aside_if_alone(self, fileno: int) -> LoneSocket | None:
        """Set the only socket that is watched aside, and return what to wait for.

        None: there are others, or the system refuses.
        """
        lone = self._lone
        if len(self._bells) > 1 or lone.is_taken or not lone.hold(fileno):
            return None
        return lone if self._modify(fileno, _ASIDE) else None

    def take_back(self, fileno: int, bell: Ringing) -> None:
        """Ring again, and at once if something has come or is there."""
        if self._bells.get(fileno) is bell:
            self._modify(fileno, _FLAGS)

    def _modify(self, fileno: int, flags: int) -> bool:
        try:
            self._epoll.modify(fileno, flags)
        except (OSError, ValueError):
            return False
        return True

    async def _run(self) -> None:
        try:
            while True:
                await trio.lowlevel.wait_readable(self._epoll.fileno())
                self._rounds.begin()
                for fileno, events in self._epoll.poll(0, MAX_RINGS):
                    bell = self._bells.get(fileno)
                    if bell is not None:  # pragma: no branch - closed in another process too
                        bell.ring(lasting=bool(events & _LASTING))
        finally:
            self._lone.close()
            self._epoll.close()
            for bell in self._bells.values():
                bell.fall_silent()


def _make() -> Poller | None:
    if not hasattr(select, "epoll"):
        return None
    try:
        return Poller()
    except OSError as exc:
        _log.warning("no epoll for this run: each connection waits for its own socket (%s)", exc)
        return None


current_poller: PerRun[Poller | None] = PerRun("trio_ws.poller", _make)
"""Return the poller of the present Trio run; None if there is none."""
