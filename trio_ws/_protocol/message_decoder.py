"""Messages that extensions have encoded: wsproto decides about their frames.

wsproto is shown each frame of such a message without its payload, and without the reserved bits
that the extensions own (`WsprotoDecoder.check_frame`).
So it decides as ever whether the frame may come: the mask, the other reserved bits,
the length's form, the order of fragments, control frames between them.
The payload goes through the codecs, and out come pieces::

    payload ─▶ unmask ─▶ codecs, the last one first ─▶ size ─▶ UTF-8 ─▶ str or bytes

The size is checked after each piece, and text as soon as it is there:
what breaks a rule ends the connection before more of it is decoded.

A few bytes may say very much, so no more is decoded in one turn than `MAX_DECODED_PER_TURN`,
and one piece above it; the rest waits until the next turn.
A piece counts with what it costs to make it, so that empty ones count, too.
"""

from __future__ import annotations

import codecs as text_codecs
from collections.abc import Iterable, Iterator, Sequence
from typing import final

from .extensions.base import ExtensionCodec
from .frame_header import Header, Opcode
from .masking import apply_mask
from .violation import INVALID_UTF8, Violation, invalid_payload, too_large

MAX_DECODED_PER_TURN = 256 * 1024
"""After so many decoded bytes others run."""

PIECE_COST = 512
"""A piece takes about as long as so many bytes, even if it is empty."""

_Utf8 = text_codecs.getincrementaldecoder("utf-8")
_FIRST_RSV = 0x70
_TEXT = Opcode.TEXT.value


class _Refused(Exception):
    """A rule that the decoded content breaks."""

    def __init__(self, violation: Violation) -> None:
        super().__init__(violation)
        self.violation = violation


Piece = tuple[str | bytes, bool]
"""A piece of a message, and whether the message ends with it."""


@final
class MessageDecoder:
    """A decoder of the encoded messages of one connection; see the top of this file.

    Attributes:
        rsv: the reserved bits that the extensions own.
        in_progress: whether an encoded message has begun to arrive, and its end has not arrived.
        used: whether anything has been decoded in this turn.
        violation: what was wrong with a message that `decode_whole` was given.
    """

    def __init__(self, codecs: Sequence[ExtensionCodec], *, limit: int) -> None:
        self._codecs = tuple(reversed(codecs))
        self._limit = limit
        self.rsv = 0
        for codec in codecs:
            self.rsv |= codec.rsv
        self._by_rsv = {codec.rsv: codec for codec in codecs}
        self.in_progress = False
        self.violation: Violation | None = None
        self.used = False
        self._budget = MAX_DECODED_PER_TURN
        # The message
        self._active: tuple[ExtensionCodec, ...] = ()
        self._utf8: text_codecs.IncrementalDecoder | None = None
        self._size = 0
        # The frame
        self._key = b""
        self._ends_message = False
        self._pieces: Iterator[Piece] | None = None

    def begin_turn(self) -> None:
        """Allow as much to be decoded as in any turn."""
        self.used = False
        self._budget = MAX_DECODED_PER_TURN

    @property
    def spent(self) -> bool:
        """Return True if enough has been decoded for this turn."""
        return self._budget <= 0

    def takes(self, header: Header) -> bool:
        """Return True if a data frame belongs to an encoded message, or breaks into one."""
        begins = header.opcode in (Opcode.TEXT, Opcode.BINARY) and header.rsv & self.rsv
        return self.in_progress or bool(begins)

    def begin_frame(self, header: Header, key: bytes) -> None:
        """Begin with a frame of which wsproto has accepted the header."""
        self._key = key
        self._ends_message = header.fin
        if header.opcode != Opcode.CONTINUATION:
            self._begin_message(header.rsv, text=header.opcode == Opcode.TEXT)

    def _begin_message(self, rsv: int, *, text: bool) -> None:
        self._active = tuple(codec for codec in self._codecs if codec.rsv & rsv)
        self._utf8 = _Utf8() if text else None
        self._size = 0
        self.in_progress = True

    def add(self, payload: bytes, *, ends_frame: bool) -> None:
        """Take the next bytes of the frame; `pieces` are what they say."""
        if self._key:
            rotated = len(payload) % 4
            payload = apply_mask(payload, self._key)
            self._key = self._key[rotated:] + self._key[:rotated]
        finished = ends_frame and self._ends_message
        self.used = True
        self._pieces = self._decode(self._through(self._active, payload, finished), finished)

    def pieces(self) -> Iterator[Piece | Violation]:
        """Yield what has been decoded, until there is no more or this turn's is spent."""
        while self._pieces is not None and not self.spent:
            try:
                piece = next(self._pieces, None)
            except _Refused as refused:
                self._pieces = None
                yield refused.violation
                return
            if piece is None:
                self._pieces = None
            else:
                yield piece

    @property
    def has_more(self) -> bool:
        """Return True if `pieces` may have more to say."""
        return self._pieces is not None

    def decode_whole(self, first: int, payload: bytes) -> str | bytes | None:
        """Return the message of one unmasked frame that begins with `first`.

        None: it breaks a rule, and `violation` says which; or this turn's is spent.
        """
        if self._budget <= 0:
            return None
        codec = self._by_rsv.get(first & _FIRST_RSV)
        if codec is None:
            return self._decode_parts(first, None, payload)
        try:
            parts = codec.decode(payload, finished=True, max_size=self._limit)
        except ValueError as error:
            self.violation = invalid_payload(str(error))
            return None
        if type(parts) is not tuple or len(parts) != 1 or len(parts[0]) > self._limit:
            return self._decode_parts(first, parts, payload)
        data = parts[0]  # decoded in one part, as nearly all are
        self.used = True
        self._budget -= len(data) + PIECE_COST
        if first & 0x0F != _TEXT:
            return data
        try:
            return data.decode()
        except UnicodeDecodeError:
            self.violation = INVALID_UTF8
            return None

    def _decode_parts(
        self, first: int, parts: Iterable[bytes] | None, payload: bytes
    ) -> str | bytes | None:
        """Return the message that these parts make, or those of several codecs if there are none.

        None: it breaks a rule, and `violation` says which.
        """
        text = first & 0x0F == _TEXT
        self._begin_message(first & _FIRST_RSV, text=text)
        if parts is None:
            parts = self._through(self._active, payload, True)
        try:
            pieces = [data for data, _ in self._decode(_refusing(parts), True)]
        except _Refused as refused:
            self.violation = refused.violation
            return None
        if len(pieces) == 1:
            return pieces[0]
        return "".join(pieces) if text else b"".join(pieces)  # type: ignore[arg-type]

    def _decode(self, parts: Iterable[bytes], finished: bool) -> Iterator[Piece]:
        """Yield the pieces; the one that ends the message says so."""
        held: str | bytes | None = None
        for data in parts:
            self._size += len(data)
            self.used = True
            self._budget -= len(data) + PIECE_COST
            if self._size > self._limit:
                raise _Refused(too_large(self._size, self._limit))
            piece = self._as_text(data, final=False)
            if held is not None:
                yield held, False
            held = piece
        if finished:
            self.in_progress = False
            rest = self._as_text(b"", final=True)
            yield rest if held is None else held, True
        elif held is not None:
            yield held, False

    def _as_text(self, data: bytes, *, final: bool) -> str | bytes:
        if self._utf8 is None:
            return data
        try:
            return self._utf8.decode(data, final)
        except UnicodeDecodeError:
            raise _Refused(INVALID_UTF8) from None

    def _through(
        self, active: tuple[ExtensionCodec, ...], payload: bytes, finished: bool
    ) -> Iterable[bytes]:
        """Yield what the codecs make of a piece of payload."""
        codec, *others = active
        room = self._limit - self._size
        try:
            decoded = codec.decode(payload, finished=finished, max_size=room)
        except ValueError as error:
            raise _Refused(invalid_payload(str(error))) from error
        if not others:
            yield from _refusing(decoded)
            return
        for part in _refusing(decoded):
            yield from self._through(tuple(others), part, False)
        if finished:
            yield from self._through(tuple(others), b"", True)


def _refusing(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the parts that a codec decodes, and refuse what it refuses."""
    try:
        yield from parts
    except ValueError as error:
        raise _Refused(invalid_payload(str(error))) from error
