"""Sessions to test, and their peers made of bare frames.

Frames are built and parsed by `trio_ws.testing`, which shares no code with the session.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from trio_ws._ending import Loss
from trio_ws._policies import Limits
from trio_ws._protocol.extensions.base import ExtensionCodec
from trio_ws._protocol.fast_path import FastDecoder
from trio_ws._protocol.frame_log import Trace
from trio_ws._protocol.protocol import ProtocolEvent, WebSocketProtocol
from trio_ws._protocol.states import State
from trio_ws.testing import Frame
from trio_ws.testing._peer import CLOSE, decode, encode

from .ways import going


@dataclass(frozen=True)
class Side:
    """Which role is ours, whether we take the fast path, and which way that goes."""

    client: bool
    fast: bool = True
    way: str = "accelerator"

    def __str__(self) -> str:
        path = f"{self.way} path" if self.fast else "slow path"
        role = "client" if self.client else "server"
        return role if path == "accelerator path" else f"{role}, {path}"

    def decoder(self, limit: int) -> FastDecoder | None:
        """A decoder of what our peer sends, if we take the fast path."""
        return decoder_of(self.client, limit, self.way) if self.fast else None

    def protocol(
        self,
        *,
        trace: Trace | None = None,
        codecs: Sequence[ExtensionCodec] = (),
        **limits: int,
    ) -> WebSocketProtocol:
        """A session of our side."""
        settled = Limits(**limits)
        return WebSocketProtocol(
            client=self.client,
            limits=settled,
            decoder=None if trace else self.decoder(settled.max_message_size),
            codecs=codecs,
            trace=trace,
        )

    def frame(
        self, opcode: int, payload: bytes | str = b"", *, fin: bool = True, rsv: int = 0
    ) -> bytes:
        """A frame as our peer would send it."""
        data = payload.encode() if isinstance(payload, str) else payload
        return encode(Frame(opcode, data, fin, rsv, masked=not self.client))

    def close(self, code: int, reason: bytes | str = b"") -> bytes:
        """A Close frame of our peer."""
        data = reason.encode() if isinstance(reason, str) else reason
        return self.frame(CLOSE, code.to_bytes(2, "big") + data)

    def said(self, protocol: WebSocketProtocol) -> list[Frame]:
        """What our session has to say, taken from its outbox, without the masks."""
        data = bytearray()
        while pieces := protocol.send_queue.take():
            data += b"".join(pieces)
        return parsed(data, masked=self.client)


def decoder_of(client: bool, limit: int, way: str) -> FastDecoder:
    """Make a decoder of what the peer of a client or a server sends."""
    with going(way):
        return FastDecoder(masked=not client, limit=limit)


def protocol_of(
    client: bool, limits: Limits, *, fast: bool = True, codecs: Sequence[ExtensionCodec] = ()
) -> WebSocketProtocol:
    """Make a protocol that takes the fast path or not, in the way that is gone at the moment."""
    decoder = FastDecoder(masked=not client, limit=limits.max_message_size) if fast else None
    return WebSocketProtocol(client=client, limits=limits, decoder=decoder, codecs=codecs)


def in_state(side: Side, state: State) -> WebSocketProtocol:
    """A session in a state, that has nothing more to say."""
    protocol = side.protocol()
    if state is not State.OPEN:
        protocol.close(1000)
    if state is State.ENDED:
        protocol.feed(side.close(1000))
    side.said(protocol)
    assert protocol.state is state
    return protocol


def read(protocol: WebSocketProtocol, data: bytes) -> list[ProtocolEvent]:
    """Let bytes arrive as a connection does: where the session wants them, or else by `feed`."""
    events: list[ProtocolEvent] = []
    while data and protocol.ending is None and (buffer := protocol.get_buffer()) is not None:
        count = min(len(buffer), len(data))
        buffer[:count] = data[:count]
        data = data[count:]
        events += protocol.buffer_updated(count)
    events += protocol.feed(data)
    while protocol.has_pending_input:
        events += protocol.feed(b"")
    return events


SECRET = b"secret"


def read_shared(protocol: WebSocketProtocol, data: bytes) -> list[ProtocolEvent]:
    """Let bytes arrive in a buffer that another connection reads into right afterwards."""
    buffer = bytearray(protocol.unparsed + data)
    events = protocol.feed_joined(memoryview(buffer)) if data else []
    buffer[:] = (SECRET * len(buffer))[: len(buffer)]
    buffer.clear()  # BufferError if a view of it is left
    while protocol.has_pending_input:
        events += protocol.feed(b"")
    return events


BAD_UTF8 = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"a\xc3", b"\xc3("]

SIDES = [Side(client, fast) for client in (True, False) for fast in (True, False)]
SIDES.append(Side(client=False, way="pure"))  # of a client test_fast_path.py tries each way

every_side = pytest.mark.parametrize("side", SIDES, ids=str)


def parsed(data: bytearray, *, masked: bool) -> list[Frame]:
    """All frames of `data`, unmasked; each must be there in full, and masked if it must."""
    frames = []
    while found := decode(data):
        frame, size = found
        assert frame.masked == masked
        frames.append(dataclasses.replace(frame, masked=False))
        del data[:size]
    assert not data
    return frames


def close_frame(code: int, reason: str = "") -> Frame:
    """A Close frame, as `parsed` gives it."""
    return Frame(CLOSE, code.to_bytes(2, "big") + reason.encode())


def refused(side: Side, protocol: WebSocketProtocol, code: int) -> bool:
    """Whether the session has ended over what arrived, and says so and nothing else."""
    [frame] = side.said(protocol)
    ending = protocol.ending
    assert ending is not None
    assert ending.sent is not None
    assert close_frame(ending.sent.code, ending.sent.reason) == frame
    assert ending.received is None
    loss = Loss.TOO_BIG if code == 1009 else Loss.VIOLATION
    return ending.loss is loss and ending.sent.code == code
