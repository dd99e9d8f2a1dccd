"""The slow path: every frame that is not simple, piece by piece, and wsproto decides about it.

A piece is a data frame as far as it is there, or a whole control frame.
Its size is checked by its header before a byte of the payload is kept.
If an extension has encoded the message, wsproto decides about the header only
(`WsprotoDecoder.check_frame`), and the payload goes to the `MessageDecoder`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, final

from .._ending import Close
from .._policies import Limits
from .events import Event, Message
from .fast_path import FastDecoder
from .frame_header import MAX_CONTROL_PAYLOAD, Header, Opcode, parse_header
from .message_decoder import MessageDecoder
from .violation import Violation

if TYPE_CHECKING:
    from .wsproto_decoder import WsprotoDecoder

Heard = Iterator[Event | Violation]
"""What a piece says.  Act on each event before the next one is asked for."""


@final
class SlowPath:
    """A reader of the frames of one peer, piece by piece; see the top of this file.

    Attributes:
        position: where the piece ended that was taken last.
        payload_remaining: how many bytes are missing of the data frame that is arriving.
    """

    __slots__ = (
        "_client",
        "_decoder",
        "_encoded",
        "_lazy_wsproto",
        "_limits",
        "payload_remaining",
        "position",
    )

    def __init__(
        self,
        *,
        client: bool,
        limits: Limits,
        decoder: FastDecoder | None,
        encoded: MessageDecoder | None,
    ) -> None:
        self._client = client
        self._limits = limits
        self._lazy_wsproto: WsprotoDecoder | None = None
        self._decoder = decoder
        self._encoded = encoded
        self.position = 0
        self.payload_remaining = 0

    @property
    def _wsproto(self) -> WsprotoDecoder:
        if self._lazy_wsproto is None:
            # Imported for the first connection that needs it: that takes 10 ms, and many never do.
            from .wsproto_decoder import WsprotoDecoder

            self._lazy_wsproto = WsprotoDecoder(client=self._client, limits=self._limits)
        return self._lazy_wsproto

    def take(self, data: bytes, start: int, *, in_progress: bool, streamed: bool = False) -> Heard:
        """Take the next piece of `data`, which begins at `start`; yield what it says.

        Takes nothing while a header is incomplete, or a control frame, or after a violation.
        `in_progress` tells whether a message is arriving in fragments,
        `streamed` whether nothing is kept of it.
        """
        self.position = start
        if self.payload_remaining:
            return self._take_payload(data, start)
        header = parse_header(data, start)
        if header is None:
            return iter(())
        if header.is_control:
            return self._take_control(data, start, header)
        encoded = self._encoded
        is_encoded = encoded is not None and encoded.takes(header)
        size = self._wsproto.check_size(
            header,
            in_progress=in_progress,
            streamed=streamed,
            encoded=is_encoded,
        )
        if size is not None:
            return iter((size,))
        if encoded is not None and is_encoded:
            return self._take_encoded(encoded, data, start, header)
        self.payload_remaining = header.end - start
        return self._take_payload(data, start)

    def _take_control(self, data: bytes, start: int, header: Header) -> Heard:
        """Take a control frame when it is whole, or too long to be waited for."""
        if header.payload_length <= MAX_CONTROL_PAYLOAD and header.end > len(data):
            return
        frame = data[start : header.end]
        self.position = start + len(frame)
        if header.opcode == Opcode.CLOSE:
            if self._decoder is not None and (close := self._decoder.read_close(frame)):
                yield Close(*close)
                return
            frame = self._wsproto.substitute_1014(frame, header.moved(-start))
        yield from self._wsproto.receive(frame)

    def _take_payload(self, data: bytes, start: int) -> Heard:
        """Take what is there of a data frame."""
        end = min(start + self.payload_remaining, len(data))
        self.payload_remaining -= end - start
        self.position = end
        encoded = self._encoded
        if encoded is None or not encoded.in_progress:
            return self._wsproto.receive(data[start:end])
        encoded.add(data[start:end], ends_frame=not self.payload_remaining)
        return self.decode(encoded)

    def _take_encoded(
        self, encoded: MessageDecoder, data: bytes, start: int, header: Header
    ) -> Heard:
        """Take the header of a frame of an encoded message, and what is there of its payload."""
        head = data[start : header.payload_start]
        if violation := self._wsproto.check_frame(head, header, encoded.rsv):
            yield violation
            return
        encoded.begin_frame(header, b"" if self._client else head[-4:])
        if header.opcode != Opcode.CONTINUATION:
            # The message has begun, even if what is there of it says nothing yet.
            yield Message("" if header.opcode == Opcode.TEXT else b"", finished=False)
        end = min(header.end, len(data))
        self.payload_remaining = header.end - end
        self.position = end
        encoded.add(data[header.payload_start : end], ends_frame=not self.payload_remaining)
        yield from self.decode(encoded)

    def decode(self, encoded: MessageDecoder) -> Heard:
        """Yield what the encoded payload says that was taken, as much as fits into this turn."""
        for piece in encoded.pieces():
            yield piece if isinstance(piece, Violation) else Message(*piece)
