"""Extensions that do little, to show that the seam holds."""

from __future__ import annotations

from collections.abc import Iterable

from trio_ws._protocol.extensions.base import (
    RSV2,
    RSV3,
    Agreement,
    Extension,
    ExtensionCodec,
    Parameters,
)


class IdentityCodec(ExtensionCodec):
    """Leaves every message as it is, but for the reserved bit."""

    def __init__(self, rsv: int = RSV2, *, min_size: int = 0, optional: bool = False) -> None:
        self.rsv = rsv
        self.min_size = min_size
        self.optional = optional

    def encode(self, payload: bytes, *, finished: bool) -> bytes:
        """Return the payload."""
        return payload

    def decode(self, payload: bytes, *, finished: bool, max_size: int) -> Iterable[bytes]:
        """Yield the payload."""
        yield payload


class ReversingCodec(ExtensionCodec):
    """Sends every message backwards: it has to wait for the end of one."""

    rsv = RSV3

    def __init__(self) -> None:
        self._sent = b""
        self._received = b""

    def encode(self, payload: bytes, *, finished: bool) -> bytes:
        """Return the whole message, backwards, with its last piece."""
        self._sent += payload
        if not finished:
            return b""
        whole, self._sent = self._sent, b""
        return whole[::-1]

    def decode(self, payload: bytes, *, finished: bool, max_size: int) -> Iterable[bytes]:
        """Yield the whole message in two parts when its last piece has come."""
        if payload.startswith(b"\x00bad"):
            raise ValueError("this was not reversed")
        self._received += payload
        if finished:
            whole, self._received = self._received[::-1], b""
            middle = len(whole) // 2
            yield whole[:middle]
            yield whole[middle:]


class Toy(Extension):
    """An extension that is agreed on if a parameter is the one expected."""

    def __init__(self, name: str, codec: type[ExtensionCodec], parameters: Parameters = ()) -> None:
        self.name = name
        self._codec = codec
        self._parameters = tuple(parameters)

    def offers(self) -> list[Parameters]:
        """Offer our parameters, and a second time with one more."""
        return [self._parameters, (*self._parameters, ("more", None))]

    def accept_offer(self, parameters: Parameters) -> Agreement | None:
        """Agree to what has our parameters and no other."""
        if tuple(parameters) != self._parameters:
            return None
        return Agreement(self._parameters, self._codec())

    def accept_answer(self, parameters: Parameters) -> ExtensionCodec | None:
        """Agree to our own parameters."""
        return self._codec() if tuple(parameters) == self._parameters else None


IDENTITY = Toy("x-identity", IdentityCodec)
REVERSING = Toy("x-reversing", ReversingCodec, [("how", "backwards"), ("now", None)])
