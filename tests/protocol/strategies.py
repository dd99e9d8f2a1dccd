"""What peers may send: messages, valid streams, streams that were damaged, noise."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from hypothesis import strategies as st

from trio_ws.testing._peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT

from .sides import SIDES, Side

sizes_of_interest = st.sampled_from(
    [0, 1, 125, 126, 127, 384, 385, 8191, 8192, 65535, 65536, 70_000, 150_001]
)
texts = st.text(max_size=30) | sizes_of_interest.map(lambda size: "ä" * (size // 2))
binaries = st.binary(max_size=60) | sizes_of_interest.map(lambda size: b"\xff" * size)
messages = texts | binaries
control_payloads = st.binary(max_size=125)


@dataclass(frozen=True)
class Stream:
    """A session's side, all that its peer sends, and where that is cut into chunks."""

    side: Side
    data: bytes
    cuts: tuple[int, ...] = ()

    @property
    def chunks(self) -> list[bytes]:
        """The data, cut."""
        return cut(self.data, self.cuts)


def cut(data: bytes, places: tuple[int, ...]) -> list[bytes]:
    """Cut at several places; those that lie outside are ignored."""
    inside = {place for place in places if 0 < place < len(data)}
    return [data[start:end] for start, end in pairwise([0, *sorted(inside), len(data)])]


@st.composite
def cuts(draw: st.DrawFn, size: int) -> tuple[int, ...]:
    """Where to cut so many bytes: at a few places, in equal steps, or into single bytes."""
    few = st.lists(st.integers(0, size), max_size=8)
    steps = st.integers(max(1, size // 200), max(1, size)).map(lambda step: range(0, size, step))
    head = st.integers(0, min(size, 100)).map(range)
    return tuple(draw(few | steps | head))


@st.composite
def fragments(draw: st.DrawFn, message: str | bytes) -> list[bytes]:
    """The payloads of the frames of one message, empty ones among them."""
    data = message.encode() if isinstance(message, str) else message
    places = draw(st.lists(st.integers(0, len(data)), max_size=4))
    return [data[start:end] for start, end in pairwise([0, *sorted(places), len(data)])]


def frames_of(side: Side, message: str | bytes, payloads: list[bytes]) -> list[bytes]:
    """The frames of one message."""
    opcode = TEXT if isinstance(message, str) else BINARY
    last = len(payloads) - 1
    return [
        side.frame(opcode if i == 0 else CONTINUATION, payload, fin=i == last)
        for i, payload in enumerate(payloads)
    ]


@st.composite
def conversations(draw: st.DrawFn, side: Side) -> list[bytes]:
    """The frames of a peer that keeps the rules; control frames are anywhere among the others."""
    frames = []
    for message in draw(st.lists(messages, max_size=4)):
        frames += frames_of(side, message, draw(fragments(message)))
    for opcode in draw(st.lists(st.sampled_from([PING, PONG]), max_size=4)):
        place = draw(st.integers(0, len(frames)))
        frames.insert(place, side.frame(opcode, draw(control_payloads)))
    if draw(st.integers(0, 3)) == 0:
        code = draw(st.sampled_from([b"", b"\x03\xe8", b"\x03\xf6", b"\x0f\xa0"]))
        reason = draw(st.text(max_size=20)).encode() if code else b""
        frames.append(side.frame(CLOSE, code + reason))
    return frames


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """The same bytes, some of them changed, lost, repeated or added."""
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, min(len(data), 400)))
        size = draw(st.integers(0, 20))
        put = draw(st.binary(max_size=8) | st.just(data[place : place + size]))
        data = data[:place] + put + data[place + draw(st.sampled_from([0, len(put), size])) :]
    return data


@st.composite
def streams(draw: st.DrawFn, *, broken: bool = True) -> Stream:
    """Any stream in any chunks; only streams of peers that keep the rules if not `broken`."""
    side = draw(st.sampled_from(SIDES))
    kind = draw(st.sampled_from(["valid", "valid", "damaged", "damaged", "noise", "wrong role"]))
    if not broken or kind in ("valid", "damaged"):
        data = b"".join(draw(conversations(side)))
    elif kind == "wrong role":
        data = b"".join(draw(conversations(Side(client=not side.client))))
    else:
        data = draw(st.binary(max_size=200))
    if broken and kind == "damaged":
        data = draw(damaged(data))
    return Stream(side, data, draw(cuts(len(data))))
