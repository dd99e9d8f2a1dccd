"""Who is inside a server, and who may come in.

A connection first waits in the lobby: TLS, then HTTP, until it is upgraded.
The lobby has places, and a time for which one may be held.
When they are all taken, a newcomer gets the place of the one that has held its place longest,
so that whoever holds many sockets open and says little pushes out nobody but himself.
Then it takes a seat, and keeps it until its handler has returned.
"""

from __future__ import annotations

import math
from types import TracebackType
from typing import Self

import trio

from .._handshake.server import Refusal

FULL_RETRY_AFTER = 5
"""Seconds after which a client that found the server full may try again."""


class HandshakeSlot:
    """A place in the lobby, as a context; its time has begun."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._scope = trio.CancelScope(deadline=trio.current_time() + admission.patience)

    def renew(self) -> None:
        """Begin a new stretch of time: a request was answered, another may follow."""
        places = self._admission.places
        if self in places:
            places[self] = places.pop(self)
            self._scope.deadline = trio.current_time() + self._admission.patience

    def give_up(self, why: str) -> None:
        """Lose the place at once."""
        self._admission.places.pop(self, None)
        self._scope.cancel(reason=why)

    def __enter__(self) -> Self:
        self._admission.make_room()
        self._admission.places[self] = None
        self._scope.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        self._admission.places.pop(self, None)
        return self._scope.__exit__(exc_type, exc, traceback)


class Admission:
    """The lobby and the seats of one server.

    Attributes:
        patience: seconds for which a place may be held.
        places: those who wait, the longest first.
        seats: how many connections are upgraded and not yet gone.
    """

    def __init__(self, *, max_places: int, max_seats: int | None, patience: float) -> None:
        self.patience = patience
        self.places: dict[HandshakeSlot, None] = {}
        self.seats = 0
        self._max_places = max_places
        self._max_seats = max_seats
        self._closed_until: float | None = None
        self._empty = trio.lowlevel.ParkingLot()

    def place(self) -> HandshakeSlot:
        """A place in the lobby, taken when it is entered."""
        return HandshakeSlot(self)

    def make_room(self) -> None:
        """Push out whoever has waited longest, if the lobby is full."""
        if len(self.places) >= self._max_places:
            next(iter(self.places)).give_up("the server's lobby is full")

    def take_seat(self) -> None:
        """Let a connection in.

        Raises:
            Refusal: the server is full, or lets nobody in any more.
        """
        if self._closed_until is not None:
            wait = math.ceil(max(1.0, self._closed_until - trio.current_time()))
            raise Refusal(503, "The server is shutting down.", {"Retry-After": str(wait)})
        if self._max_seats is not None and self.seats >= self._max_seats:
            raise Refusal(503, "The server is full.", {"Retry-After": str(FULL_RETRY_AFTER)})
        self.seats += 1

    def leave_seat(self) -> None:
        """Tell that a connection is gone."""
        self.seats -= 1
        if not self.seats:
            self._empty.unpark_all()

    def close(self, until: float) -> None:
        """Let nobody in any more; whoever asks may try again at the time `until`."""
        self._closed_until = until

    async def wait_empty(self) -> None:
        """Wait until no seat is taken."""
        if self.seats:
            await self._empty.park()
        else:
            await trio.lowlevel.checkpoint()
