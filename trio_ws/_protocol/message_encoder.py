"""Messages on their way out: fragments (RFC 6455 §5.4), and what extensions make of them.

Whether an extension encodes a message is decided before it does, by the size of the message
and by what `send` is told.  An encoder with a memory of earlier messages that was asked first,
and whose answer was then not sent, would remember what the peer has never seen.
The size of a message in fragments is not known when the first one is sent: it is taken for large.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import final

from .._errors import LocalProtocolError
from .encoder import encode_data
from .extensions.base import ExtensionCodec
from .extensions.deflate import DeflateCodec
from .frame_header import Opcode
from .masking import MaskKeys, mask_keys
from .send_queue import Frame
from .shared_message import SharedMessage
from .validation import as_utf8, check_kind

_FIN = 0x80
_UNKNOWN = sys.maxsize
"""The size of a message that is sent in fragments."""

_LARGER = sys.maxsize + 1
"""More than the size of any message."""

Kind = type[str] | type[bytes]


@final
class MessageEncoder:
    """An encoder of messages that are sent in fragments, or that an extension encodes.

    Attributes:
        fragment_type: the type of the message that waits for its next fragment, if one does.
        plain_below: a message of fewer bytes no extension encodes, by what `compress` says.
        only_codec: the codec of the one extension; None if there are several, or none.
    """

    __slots__ = (
        "_active",
        "_codecs",
        "_keys",
        "_masked",
        "fragment_type",
        "only_codec",
        "plain_below",
    )

    def __init__(
        self, codecs: Sequence[ExtensionCodec], *, masked: bool, keys: MaskKeys = mask_keys
    ) -> None:
        self._codecs = tuple(codecs)
        self.only_codec = codecs[0] if len(codecs) == 1 else None
        self._active: tuple[ExtensionCodec, ...] = ()
        self._masked = masked
        self._keys = keys
        self.fragment_type: Kind | None = None
        self.plain_below = _plain_below(codecs) if codecs else _ALL_PLAIN

    def check(self, message: str | bytes) -> None:
        """Refuse a fragment that does not go on with what has begun, and text that is none."""
        check_kind(_kind(message), self.fragment_type)
        if isinstance(message, str):
            as_utf8(message)

    def check_between_messages(self) -> None:
        """Refuse a message in the middle of another one that is sent in fragments."""
        if self.fragment_type is not None:
            raise LocalProtocolError("a message in fragments must be finished before the next one")

    def encode(self, message: str | bytes, *, finished: bool, compress: bool | None) -> Frame:
        """Return the frame of a message, or of the next fragment of one."""
        payload = as_utf8(message) if isinstance(message, str) else message
        first = _FIN if finished else 0
        if self.fragment_type is None:
            first |= Opcode.TEXT if isinstance(message, str) else Opcode.BINARY
            self._choose(len(payload) if finished else _UNKNOWN, compress)
            for codec in self._active:
                first |= codec.rsv
        for codec in self._active:
            payload = codec.encode(payload, finished=finished)
        self.fragment_type = None if finished else _kind(message)
        return encode_data(first, payload, masked=self._masked, keys=self._keys)

    def encode_shared(self, shared: SharedMessage) -> Frame:
        """Return the frame of a message that goes to many connections; compressed once for all."""
        keys = self._keys if self._masked else None
        if not self._codecs:
            return shared.frame(None, keys)
        if len(self._codecs) == 1 and isinstance(self._codecs[0], DeflateCodec):
            return shared.frame(self._codecs[0], keys)
        return self.encode(shared.message, finished=True, compress=None)

    def _choose(self, size: int, compress: bool | None) -> None:
        self._active = tuple(codec for codec in self._codecs if size >= _from(codec, compress))


_ALL_PLAIN = dict.fromkeys((None, False, True), _LARGER)


def _plain_below(codecs: Sequence[ExtensionCodec]) -> dict[bool | None, int]:
    return {
        compress: min(_from(codec, compress) for codec in codecs)
        for compress in (None, False, True)
    }


def _from(codec: ExtensionCodec, compress: bool | None) -> int:
    """Return the size from which on a codec encodes messages."""
    if compress is None or not codec.optional:
        return codec.min_size
    return 0 if compress else _LARGER


def _kind(message: str | bytes) -> Kind:
    return str if isinstance(message, str) else bytes
