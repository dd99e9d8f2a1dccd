"""The seam for extensions: what a user's own one has to define.

The opening handshake agrees on it (RFC 6455 §9.1)::

    client                                       server
    offers()             ── parameters ──▶       accept_offer(parameters)
    accept_answer(…)     ◀── parameters ──       └─▶ the parameters of the answer, and a codec
    └─▶ a codec

A codec changes the payload of messages, not their frames.
Where the frames of a message begin and end means nothing (RFC 6455 §5.4), so a codec never sees it:
it is given pieces of a message, as they are sent or as they arrive, and told which is the last.

A codec owns at least one of the three reserved bits.  The bit is set in the first frame of each
message that the codec has encoded; messages without it are none of the codec's business,
and take the same way as on a connection without any extension.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeAlias

RSV1, RSV2, RSV3 = 0x40, 0x20, 0x10
"""The reserved bits, as they stand in the first byte of a frame (RFC 6455 §5.2)."""

Parameters: TypeAlias = Sequence[tuple[str, str | None]]
"""The parameters of an extension in their order: names, and values where they have one."""


class ExtensionCodec(ABC):
    """A codec for the messages of one connection.

    Attributes:
        rsv: the reserved bits that mark an encoded message: `RSV1`, `RSV2`, `RSV3`, or several.
        min_size: a message of fewer bytes is sent as it is.
        optional: whether `send(compress=…)` decides instead, if it is given.
    """

    rsv: int
    min_size: int = 0
    optional: bool = False

    @abstractmethod
    def encode(self, payload: bytes, *, finished: bool) -> bytes:
        """Return the next piece of a message, encoded.

        A message that is sent whole is one piece; one that is sent in fragments is several.
        Text is given as UTF-8.  Must not raise: a part of the message may have been sent.

        Args:
            payload: the piece as the application gave it.
            finished: whether the message ends with it.
        """

    @abstractmethod
    def decode(self, payload: bytes, *, finished: bool, max_size: int) -> Iterable[bytes]:
        """Return what a piece of an encoded message says, in parts that need not be kept.

        The parts are taken one by one, possibly much later, and not to the end
        if the connection ends before.

        Args:
            payload: the piece as it arrived.
            finished: whether the message ends with it.
            max_size: how many bytes the rest of the message may still have.
                More ends the connection, so there is no need to decode more.

        Raises:
            ValueError: the peer cannot have encoded it: the connection ends with 1007.
        """


class Agreement(NamedTuple):
    """A server's answer to an offer: its parameters, and the codec."""

    parameters: Parameters
    codec: ExtensionCodec


class Extension(ABC):
    """An extension that is offered, or accepted when it is offered.

    Attributes:
        name: its name in the header ``Sec-WebSocket-Extensions``, a token.
    """

    name: str

    def offers(self) -> Sequence[Parameters]:
        """Return what a client offers, most wanted first: one offer without parameters."""
        return [()]

    @abstractmethod
    def accept_offer(self, parameters: Parameters) -> Agreement | None:
        """Return what a server agrees to, or None to decline an offer.

        An offer is declined if it has a parameter that is unknown, repeated or malformed.
        """

    @abstractmethod
    def accept_answer(self, parameters: Parameters) -> ExtensionCodec | None:
        """Return the codec for what the server answered to our offers.

        None says that the answer fits none of them, and ends the handshake.
        """
