"""A simulated stream, used as the library uses a socket: without waiting where it need not.

Over a socket the library writes a frame in the task that sends it (`_transport.socket`).
Over any other stream a second task does so.
A simulation is worth most if it is the common case, so a `MemoryStream` is a `Transport` as well.
"""

from __future__ import annotations

from abc import abstractmethod

import trio

from .._protocol.send_queue import Piece
from .._transport.base import READ_SIZE, Transport
from .._transport.tls import TimeCallback


class Immediate(Transport):
    """What a stream needs to be a transport, beside the methods of a stream."""

    immediate = True

    @property
    def can_half_close(self) -> bool:
        """Return True, as of TCP."""
        return True

    def observe(self, *, on_arrival: TimeCallback, on_departure: TimeCallback) -> None:
        """Do nothing: each call shows what came and went."""

    @abstractmethod
    def write_now(self, data: memoryview) -> int:
        """Write what there is room for; return how much.

        Raises:
            trio.BrokenResourceError: the connection was reset.
            trio.ClosedResourceError: the stream is closed, or its sending is.
        """

    @abstractmethod
    async def wait_for_room(self) -> None:
        """Wait until `write_now` takes something, or raises."""

    @abstractmethod
    def close(self) -> None:
        """Close at once."""

    @abstractmethod
    def finish(self) -> None:
        """End our direction at once."""

    @abstractmethod
    async def receive_up_to(self, size: int) -> bytes:
        """Return what has arrived, `size` bytes at most, waiting for one."""

    # Reading

    def receive_now(self) -> bytes:
        """Return nothing: it is as good to wait for what is there."""
        return b""

    async def receive_into(self, buffer: memoryview) -> int:
        """Receive to where the bytes belong; return how many came, 0 at the end."""
        data = await self.receive_up_to(min(len(buffer), READ_SIZE))
        buffer[: len(data)] = data
        return len(data)

    # Writing

    def send_now(self, pieces: list[Piece]) -> list[Piece]:
        """Send as much as there is room for; return what is left."""
        for index, piece in enumerate(pieces):
            try:
                count = self.write_now(memoryview(piece))
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                return pieces[index:]
            if count < len(piece):
                return [memoryview(piece)[count:], *pieces[index + 1 :]]
        return []

    async def send_some(self, data: memoryview) -> int:
        """Send as much of `data` as there is room for, waiting for some; return how much."""
        try:
            await self.wait_for_room()
            return self.write_now(data)
        except trio.ClosedResourceError as error:
            raise trio.BrokenResourceError(str(error)) from error

    # Ending

    def send_eof_now(self) -> bool:
        """End our direction."""
        self.finish()
        return True

    def close_now(self) -> bool:
        """Close the stream."""
        self.close()
        return True
