"""The slots of a server: who may shake hands, and who may be connected.

A stream that was accepted takes a *handshake slot* until it is upgraded: TLS, then HTTP.
There are `Limits.max_handshakes` of them, and each has a deadline::

    NEW ──bytes of a request──▶ BUSY ──answered──▶ IDLE     connect │ connect │ keep_alive
                                 ▲                  │
                                 └──────bytes───────┘

When all are taken, a newcomer displaces the one that has waited longest,
so a peer that opens many sockets and says little only displaces its own.
A stream that brings its whole request, and is answered with a 101 at once, needs none.

An upgraded connection takes a *connection slot* until its handler has ended.
There are ``max_connections`` of them, and for those of one route there may be a *quota* besides.
Both kinds of slots are contexts: no way out leaves one taken.
"""

from __future__ import annotations

import enum
import math
import random
from types import TracebackType
from typing import Self, TypeAlias

import trio

from .._handshake.server import Refusal

FULL_RETRY_AFTER = 5
"""Seconds after which a client that found the server full may try again, at the earliest."""

NEW_GRACE = 1.0
"""Seconds that a server which ends leaves to a stream that has sent nothing yet."""


class Phase(enum.Enum):
    """What a handshake slot waits for."""

    NEW = "the first request"
    BUSY = "the rest of a request, or our answer"
    IDLE = "another request"


class HandshakeSlot:
    """The right to shake hands: a context, within which it is acquired when something has to wait.

    Its time begins when it is made.

    Attributes:
        deadline: when it is lost, if something waits in it.
        phase: what it waits for.
        task: the task that shakes hands.
    """

    __slots__ = ("_admission", "_scope", "deadline", "phase", "task")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._scope: trio.CancelScope | None = None
        self.deadline = trio.current_time() + admission.connect
        self.phase = Phase.NEW
        self.task = trio.lowlevel.current_task()

        if admission.ending:
            self.shorten(NEW_GRACE)

    @property
    def lost(self) -> bool:
        """Return True if it ended because its time was over, or was taken away."""
        return self._scope is not None and self._scope.cancelled_caught

    def on_request(self) -> None:
        """Count the time anew for a further request, of which the first bytes have come."""
        if self.phase is Phase.IDLE:
            self._set_deadline(trio.current_time() + self._admission.connect)
        self.phase = Phase.BUSY

    def on_answered(self) -> None:
        """Wait for another request, for as long as was announced."""
        self.phase = Phase.IDLE
        if self._admission.requeue(self):
            self._set_deadline(trio.current_time() + self._admission.keep_alive)

    def extend(self, seconds: float) -> None:
        """Move the deadline, to leave time for an answer that says it has passed."""
        self._set_deadline(self.deadline + seconds)

    def shorten(self, seconds: float) -> None:
        """Leave so many seconds at most."""
        self._set_deadline(min(self.deadline, trio.current_time() + seconds))

    def _set_deadline(self, deadline: float) -> None:
        self.deadline = deadline
        if self._scope is not None:
            self._scope.deadline = deadline

    def displace(self, why: str) -> None:
        """Take the slot away at once."""
        assert self._scope is not None
        self._admission.release_handshake(self)
        self._scope.cancel(reason=why)

    def acquire(self) -> None:
        """Take it, unless that was done: from here on the deadline holds, until it is left."""
        if self._scope is None:
            self._admission.acquire_handshake(self)
            self._scope = trio.CancelScope(deadline=self.deadline)
            self._scope.__enter__()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if self._scope is None:
            return False
        self._admission.release_handshake(self)
        return self._scope.__exit__(exc_type, exc, traceback)


class Quota:
    """How many of a server's connections may be those of one route."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: set[ConnectionSlot] = set()

    @property
    def is_full(self) -> bool:
        """Return True if there may be no more."""
        return len(self._taken) >= self._most

    def acquire(self, slot: ConnectionSlot) -> None:
        """Count a slot."""
        self._taken.add(slot)

    def release(self, slot: ConnectionSlot) -> None:
        """Count a slot no more."""
        self._taken.discard(slot)


class ConnectionSlot:
    """The right of an upgraded connection to be there; its task gives it back in the end.

    It is no context: an idle connection would have to keep the method that leaves it.
    """

    __slots__ = ("_admission", "_quota", "task")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._quota: Quota | None = None
        self.task = trio.lowlevel.current_task()

    def acquire(self, quota: Quota | None = None) -> None:
        """Let the connection in, as one of a `quota`, if there is one.

        Raises:
            Refusal: the server or the quota is full, or nothing is let in any more.
        """
        self._admission.acquire_connection(self, quota)
        if quota is not None:
            self._quota = quota
            quota.acquire(self)

    def release(self) -> None:
        """Give it back, if it was taken; once is enough."""
        if self._quota is not None:
            self._quota.release(self)
        self._admission.release_connection(self)


Slot: TypeAlias = HandshakeSlot | ConnectionSlot


class Admission:
    """The slots of one server.

    Attributes:
        connect: seconds for TLS and the first request together, and for each further request.
        keep_alive: seconds between one request and the next.
        handshakes: the slots that are taken, the one that waits longest first.
        connections: the slots of connections that were upgraded and are not yet gone.
        ending: whether nothing new is accepted any more.
    """

    def __init__(
        self,
        *,
        max_handshakes: int,
        max_connections: int | None,
        connect: float,
        keep_alive: float,
    ) -> None:
        self.connect = connect
        self.keep_alive = keep_alive
        self.handshakes: dict[HandshakeSlot, None] = {}
        self.connections: dict[ConnectionSlot, None] = {}  # a set takes three times the memory
        self._max_handshakes = max_handshakes
        self._max_connections = max_connections
        self.ending = False
        self._closed_until: float | None = None
        self._released = trio.lowlevel.ParkingLot()

    # Handshakes

    def handshake_slot(self) -> HandshakeSlot:
        """Return a slot that is given back, if it was taken, when it is left."""
        return HandshakeSlot(self)

    def acquire_handshake(self, slot: HandshakeSlot) -> None:
        """Take a slot; if there is none, displace the one that has waited longest."""
        if len(self.handshakes) >= self._max_handshakes:
            next(iter(self.handshakes)).displace("too many handshakes")
        self.handshakes[slot] = None

    def requeue(self, slot: HandshakeSlot) -> bool:
        """Make a slot the one that waited least; return False if it was taken away."""
        if slot not in self.handshakes:
            return False
        self.handshakes[slot] = self.handshakes.pop(slot)
        return True

    def release_handshake(self, slot: HandshakeSlot) -> None:
        """Give a slot back; once is enough."""
        self.handshakes.pop(slot, None)
        if self._released:  # nearly never does anything wait
            self._released.unpark_all()

    def end_idle_handshakes(self) -> None:
        """End what waits for nothing in particular, when nothing new is accepted any more."""
        self.ending = True
        for slot in list(self.handshakes):
            if slot.phase is Phase.IDLE:
                slot.displace("the server is draining")
            elif slot.phase is Phase.NEW:
                slot.shorten(NEW_GRACE)

    # Connections

    @property
    def closed(self) -> bool:
        """Return True if no connection is let in any more."""
        return self._closed_until is not None

    def connection_slot(self) -> ConnectionSlot:
        """Return a slot, which is not taken yet."""
        return ConnectionSlot(self)

    def close(self, until: float) -> None:
        """Let no connection in any more; a client may try again at the time `until`."""
        self._closed_until = until

    def acquire_connection(self, slot: ConnectionSlot, quota: Quota | None = None) -> None:
        """Take a slot, if the `quota` has one left, too.

        Raises:
            Refusal: there is none, or none is given any more.
        """
        if self._closed_until is not None:
            wait = max(1.0, self._closed_until - trio.current_time())
            raise Refusal(503, "The server is shutting down.", _retry_after(wait))
        if self._max_connections is not None and len(self.connections) >= self._max_connections:
            raise Refusal(503, "The server is full.", _retry_after(FULL_RETRY_AFTER))
        if quota is not None and quota.is_full:
            raise Refusal(503, "There is no room left here.", _retry_after(FULL_RETRY_AFTER))
        self.connections[slot] = None

    def release_connection(self, slot: ConnectionSlot) -> None:
        """Give a slot back, if it was taken."""
        self.connections.pop(slot, None)
        if self._released:
            self._released.unpark_all()

    async def wait_empty(self, *, but: Slot | None = None) -> None:
        """Wait until no slot is taken, `but` this one perhaps."""
        await trio.lowlevel.checkpoint()
        while len(self.handshakes) + len(self.connections) > self._is_taken(but):
            await self._released.park()

    def slot_of_caller(self) -> Slot | None:
        """Return the slot in whose task, or in a child of it, this is called; None outside."""
        taken: list[Slot] = [*self.handshakes, *self.connections]
        slots = {slot.task: slot for slot in taken}
        task: trio.lowlevel.Task | None = trio.lowlevel.current_task()
        while task is not None and task not in slots:
            task = task.parent_nursery and task.parent_nursery.parent_task
        return None if task is None else slots[task]

    def _is_taken(self, slot: Slot | None) -> bool:
        return slot in self.handshakes or slot in self.connections


def _retry_after(seconds: float) -> dict[str, str]:
    """Ask for so many seconds at least, not the same of all: they would all come at once."""
    return {"Retry-After": str(math.ceil(seconds * random.uniform(1, 2)))}
