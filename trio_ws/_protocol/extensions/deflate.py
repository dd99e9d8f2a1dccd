"""permessage-deflate: messages are compressed (RFC 7692).

What is agreed on, seen from one end:

* `ours`, the window of our compressor: at most `Deflate.window_bits`, less if the peer asks for it;
* `theirs`, the window of the peer's compressor, which our decompressor needs: as little as the peer
  lets us ask for;
* for each direction, whether the compressor remembers earlier messages (*context takeover*).

zlib cannot compress with a window of 8 bits, and some peers that agree to one use 9.
So for 8 bits we look for runs of one byte only, whose distance fits into any window,
and we decompress with 9.

A client does not say how large the server's window may be: Amazon's API Gateway refuses that.

A message ends with an empty block whose last four bytes are not sent (`TAIL`);
a fragment ends with the whole of it, so that the peer can read what it has (RFC 7692 §7.2.1).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, final

from .base import RSV1, Agreement, Extension, ExtensionCodec, Parameters
from .compressors import Compressor, bytes_between_renewals, new_compressor

TAIL = b"\x00\x00\xff\xff"
_SYNC_FLUSH = zlib.Z_SYNC_FLUSH
_ERROR = zlib.error
INVALID = "invalid compressed data"

CHUNK = 64 * 1024
"""So much is decompressed at once: more could be far more than anybody wants."""

MAX_FINAL_BLOCKS = 1024
"""So often a peer may end its stream within a message; each time costs us a decompressor."""

LARGEST, SMALLEST = 15, 8
"""The bits of a window (RFC 7692 §7.1.2)."""

_FLAGS = ("server_no_context_takeover", "client_no_context_takeover")
_SIZES = ("server_max_window_bits", "client_max_window_bits")


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Deflate(Extension):
    """How messages are compressed (RFC 7692): ``compression=Deflate()``.

    Compression costs time and memory on both ends, some 30 KiB for each direction of a connection,
    and pays where messages are text and the network is slow or paid for.
    Do not compress a secret together with what an attacker chooses: the size tells about it.

    Attributes:
        window_bits: how far back a message may refer to earlier data: 2 to the power of so many
            bytes, 9 to 15.  The peer may ask for less, and never gets more.
        mem_level: the memory of the compressor: 1 (slow, 1 KiB) to 9 (128 KiB, twice that of 8).
        level: how hard to try: 0 to 9, as zlib counts.  None leaves it to the library:
            6, or isal's first level if the extra ``deflate`` is installed, which is twice as fast.
        threshold: messages of fewer bytes are sent as they are.
            None: 64, or 256 without `context_takeover`.
        context_takeover: whether messages may refer to earlier ones, which makes small messages
            much smaller, and costs memory for as long as the connection is open.
            If false, the peer is asked to do without as well.
        idle_release: after so many seconds without a message sent, the memory of our compressor
            is given back; None: never.

    Raises:
        TypeError, ValueError: a field is not what it may be.
    """

    window_bits: int = 12
    mem_level: int = 5
    level: int | None = None
    threshold: int | None = None
    context_takeover: bool = True
    idle_release: float | None = 60
    name: str = field(default="permessage-deflate", init=False, repr=False)

    def __post_init__(self) -> None:
        _check_range("window_bits", self.window_bits, 9, LARGEST)
        _check_range("mem_level", self.mem_level, 1, 9)
        if self.level is not None:
            _check_range("level", self.level, 0, 9)
        if self.threshold is not None:
            _check_range("threshold", self.threshold, 0, None)
        if not isinstance(self.context_takeover, bool):
            raise TypeError(f"context_takeover must be a bool; got {self.context_takeover!r}")
        _check_seconds(self.idle_release)

    @property
    def min_size(self) -> int:
        """Return the size from which on messages are compressed."""
        if self.threshold is not None:
            return self.threshold
        return 64 if self.context_takeover else 256

    # The client's part

    def offers(self) -> Sequence[Parameters]:
        """Return the offers of a client; the last one is one that every server understands."""
        plain: Parameters = (("client_max_window_bits", None),)
        if self.context_takeover:
            return [plain]
        return [(*((flag, None) for flag in _FLAGS), *plain), plain]

    def accept_answer(self, parameters: Parameters) -> ExtensionCodec | None:
        """Return the codec for the server's answer, or None if it is malformed."""
        asked = _read(parameters, client=False)
        if asked is None:
            return None
        return DeflateCodec(
            self,
            ours=min(self.window_bits, asked.client_bits or LARGEST),
            theirs=asked.server_bits or LARGEST,
            our_takeover=self.context_takeover and not asked.client_forgets,
            their_takeover=not asked.server_forgets,
        )

    # The server's part

    def accept_offer(self, parameters: Parameters) -> Agreement | None:
        """Return what a server makes of an offer, or None if that is malformed."""
        asked = _read(parameters, client=True)
        if asked is None:
            return None
        ours = min(self.window_bits, asked.server_bits or LARGEST)
        theirs = LARGEST
        if asked.client_bits is not None:
            theirs = min(self.window_bits, asked.client_bits or LARGEST)
        we_forget = asked.server_forgets or not self.context_takeover
        they_forget = asked.client_forgets or not self.context_takeover
        answer: list[tuple[str, str | None]] = []
        if we_forget:
            answer.append(("server_no_context_takeover", None))
        if they_forget:
            answer.append(("client_no_context_takeover", None))
        if ours < LARGEST or asked.server_bits:
            answer.append(("server_max_window_bits", str(ours)))
        if asked.client_bits is not None:
            answer.append(("client_max_window_bits", str(theirs)))
        codec = DeflateCodec(
            self,
            ours=ours,
            theirs=theirs,
            our_takeover=not we_forget,
            their_takeover=not they_forget,
        )
        return Agreement(tuple(answer), codec)


class _Asked(NamedTuple):
    """What an offer or an answer says; bits are None if they are not there, 0 without a value."""

    server_forgets: bool
    client_forgets: bool
    server_bits: int | None
    client_bits: int | None


def _read(parameters: Parameters, *, client: bool) -> _Asked | None:
    """Return what a client or a server says, or None if that is malformed (RFC 7692 §7)."""
    known = dict(parameters)
    if len(known) < len(parameters) or not known.keys() <= {*_FLAGS, *_SIZES}:
        return None
    if any(known[flag] is not None for flag in _FLAGS if flag in known):
        return None
    bits: list[int | None] = []
    for size in _SIZES:
        value = known.get(size)
        without_value = client and size == "client_max_window_bits"
        if size in known and value not in _BITS and not (without_value and value is None):
            return None
        bits.append(None if size not in known else int(value or 0))
    return _Asked(_FLAGS[0] in known, _FLAGS[1] in known, *bits)


_BITS = frozenset(map(str, range(SMALLEST, LARGEST + 1)))
"""Numbers without leading zeros (RFC 7692 §7.1.2.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeflateStatistics:
    """What compression has saved; messages that were sent or arrived uncompressed do not count.

    Attributes:
        messages_sent: messages that were compressed.
        bytes_sent: how many bytes they had.
        bytes_sent_compressed: how many they had on the wire.
        messages_received: messages that arrived compressed.
        bytes_received: how many bytes they had.
        bytes_received_compressed: how many they had on the wire.
    """

    messages_sent: int = 0
    bytes_sent: int = 0
    bytes_sent_compressed: int = 0
    messages_received: int = 0
    bytes_received: int = 0
    bytes_received_compressed: int = 0


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unconsumed_tail(self) -> bytes: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = 0, /) -> bytes: ...


@final
class DeflateCodec(ExtensionCodec):
    """A compressor and a decompressor, each made when it is first needed."""

    rsv = RSV1
    optional = True

    def __init__(
        self,
        settings: Deflate,
        *,
        ours: int,
        theirs: int,
        our_takeover: bool,
        their_takeover: bool,
    ) -> None:
        self._settings = settings
        self.min_size = settings.min_size
        self.window_bits = ours
        self.takeover = our_takeover
        self._their_bits = max(theirs, 9)
        self._their_takeover = their_takeover
        self._compressor: Compressor | None = None
        self._renew_at = 0
        self._mid_message = False
        self._decompressor: _Decompressor | None = None
        self._final_blocks = 0
        self._sent = [0, 0, 0]
        self._received = [0, 0, 0]

    @property
    def idle_release(self) -> float | None:
        """Return after how many idle seconds `release` should be called."""
        return self._settings.idle_release

    @property
    def messages_sent(self) -> int:
        """Return how many messages were compressed."""
        return self._sent[0]

    def statistics(self) -> DeflateStatistics:
        """Return what compression has saved so far."""
        return DeflateStatistics(
            messages_sent=self._sent[0],
            bytes_sent=self._sent[1],
            bytes_sent_compressed=self._sent[2],
            messages_received=self._received[0],
            bytes_received=self._received[1],
            bytes_received_compressed=self._received[2],
        )

    # Compress

    def encode(self, payload: bytes, *, finished: bool) -> bytes:
        """Return the next piece of a message, compressed, so that the peer can read all of it."""
        compressor = self._compressor or self._begin()
        data = compressor.compress(payload) + compressor.flush(_SYNC_FLUSH)
        sent = self._sent
        sent[1] += len(payload)
        if finished:
            # Without anything to say, zlib has no second empty block to end with.
            data = data[:-4] if data else b"\x00"
            if not self.takeover or sent[1] >= self._renew_at:
                self._compressor = None
            sent[0] += 1
        self._mid_message = not finished
        sent[2] += len(data)
        return data

    def _begin(self) -> Compressor:
        """Return a new compressor, which knows of no message."""
        bits, settings = self.window_bits, self._settings
        self._renew_at = self._sent[1] + bytes_between_renewals(bits, settings.level)
        self._compressor = new_compressor(bits, settings.level, settings.mem_level)
        return self._compressor

    def release(self) -> None:
        """Give the memory of the compressor back: the next message refers to no earlier one."""
        if not self._mid_message:
            self._compressor = None

    def note_shared(self, size: int, compressed: int) -> None:
        """Note that a message was sent that another compressor made, from nothing earlier.

        The peer will remember it, and our compressor does not know it: so it begins afresh.
        """
        self._compressor = None
        sent = self._sent
        sent[0] += 1
        sent[1] += size
        sent[2] += compressed

    # Decompress

    def decode(self, payload: bytes, *, finished: bool, max_size: int) -> Iterable[bytes]:
        """Return what a piece of a compressed message says, in parts of at most `CHUNK` bytes.

        Raises:
            ValueError: it is not compressed as agreed.
        """
        received = self._received
        received[2] += len(payload)
        if finished:
            payload += TAIL
            received[0] += 1
        decompressor = self._decompressor
        if decompressor is None:
            decompressor = self._decompressor = zlib.decompressobj(-self._their_bits)
        most = CHUNK if max_size >= CHUNK else max_size + 1
        try:
            out = decompressor.decompress(payload, most)
        except _ERROR:
            raise ValueError(INVALID) from None
        if len(out) < most and not decompressor.eof:
            received[1] += len(out)
            if finished and (self._final_blocks or not self._their_takeover):
                self._finish()
            return (out,)
        return self._decode_more(decompressor, out, most, finished)

    def _decode_more(
        self, decompressor: _Decompressor, out: bytes, most: int, finished: bool
    ) -> Iterator[bytes]:
        """Yield what does not fit into one part, or follows the end of the peer's stream."""
        while True:
            self._received[1] += len(out)
            yield out
            if decompressor.eof:
                data = decompressor.unused_data
                decompressor = self._begin_anew()
            elif len(out) < most:
                break
            else:
                data = decompressor.unconsumed_tail
            most = CHUNK
            out = _decompress(decompressor, data, most)
        if finished:
            self._finish()

    def _begin_anew(self) -> _Decompressor:
        """Return a decompressor for what follows the end of the peer's stream (§7.2.3.4)."""
        self._final_blocks += 1
        if self._final_blocks > MAX_FINAL_BLOCKS:
            raise ValueError("a compressed message with too many final blocks")
        self._decompressor = decompressor = zlib.decompressobj(-self._their_bits)
        return decompressor

    def _finish(self) -> None:
        self._final_blocks = 0
        if not self._their_takeover:
            self._decompressor = None


def _decompress(decompressor: _Decompressor, data: bytes, most: int) -> bytes:
    try:
        return decompressor.decompress(data, most)
    except _ERROR:
        raise ValueError(INVALID) from None


def _check_range(name: str, value: object, least: int, most: int | None) -> None:
    wanted = f"{least} to {most}" if most is not None else f"{least} or more"
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be a whole number, {wanted}; got {value!r}")
    if value < least or (most is not None and value > most):
        raise ValueError(f"{name} must be {wanted}; got {value!r}")


def _check_seconds(value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"idle_release must be seconds or None; got {value!r}")
    if not value >= 0:
        raise ValueError(f"idle_release must be 0 or more seconds, or None; got {value!r}")
