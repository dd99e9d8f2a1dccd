"""`trio_ws._protocol.assembler`: messages from pieces, whole or in chunks."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._protocol.assembler import Chunk, MessageAssembler, Mode

Data = str | bytes


def add_all(assembler: MessageAssembler, pieces: Sequence[Data]) -> list[Data | Chunk | None]:
    """Add the pieces of one message."""
    last = len(pieces) - 1
    return [assembler.add(piece, finished=i == last) for i, piece in enumerate(pieces)]


@given(st.lists(st.text(), min_size=1))
def test_text(pieces: list[str]) -> None:
    """A text message comes out with its last piece, and is all of its pieces joined."""
    assembler = MessageAssembler()
    *before, message = add_all(assembler, pieces)
    assert before == [None] * (len(pieces) - 1)
    assert message == "".join(pieces)
    assert assembler.size == 0


@given(st.lists(st.binary(), min_size=1))
def test_binary(pieces: list[bytes]) -> None:
    """A binary message comes out with its last piece, and is all of its pieces joined."""
    assembler = MessageAssembler()
    *before, message = add_all(assembler, pieces)
    assert before == [None] * (len(pieces) - 1)
    assert message == b"".join(pieces)
    assert assembler.size == 0


@pytest.mark.parametrize("empty", ["", b""])
def test_empty_pieces(empty: Data) -> None:
    """A message of empty pieces only is empty, and still text or binary."""
    assembler = MessageAssembler()
    assert add_all(assembler, [empty, empty, empty]) == [None, None, empty]


def test_messages_do_not_mix() -> None:
    """After a text message of several pieces a binary one is binary, and the other way round."""
    assembler = MessageAssembler()
    assert add_all(assembler, ["ä", "b"])[-1] == "äb"
    assert add_all(assembler, [b"\xff", b"b"])[-1] == b"\xffb"
    assert add_all(assembler, ["ä", "b"])[-1] == "äb"


def test_size() -> None:
    """The size is that of the pieces kept so far, in bytes: text counts as UTF-8."""
    assembler = MessageAssembler()
    assembler.add("ä", finished=False)
    assembler.add("€", finished=False)
    assert assembler.size == 5


def test_memory() -> None:
    """A message in pieces of one byte costs no more than a quarter above its payload."""
    payload = 1 << 17
    pieces = [bytes([value]) for value in range(256)]
    tracemalloc.start()
    try:
        assembler = MessageAssembler()
        for index in range(payload):
            assembler.add(pieces[index & 255], finished=False)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert assembler.size == payload
    assert kept <= 1.25 * payload + sys.getsizeof(assembler) + 1024


@given(st.lists(st.text(), min_size=1), st.integers(0, 20))
def test_stream(pieces: list[str], late: int) -> None:
    """Streaming, begun at any piece, gives the whole message in chunks; only the last says so."""
    assembler = MessageAssembler()
    last = len(pieces) - 1
    late = min(late, last)
    chunks: list[Data | Chunk | None] = []
    for index, piece in enumerate(pieces):
        if index == late:
            chunks.append(assembler.stream())
        chunks.append(assembler.add(piece, finished=index == last))
    found = [chunk for chunk in chunks if isinstance(chunk, Chunk)]
    assert "".join(str(chunk.data) for chunk in found) == "".join(pieces)
    assert [chunk.finished for chunk in found] == [False] * (len(found) - 1) + [True]
    assert [chunk.first for chunk in found] == [True] + [False] * (len(found) - 1)
    assert assembler.mode is Mode.IDLE
    assert assembler.add("next", finished=True) == "next"


def test_stream_keeps_nothing() -> None:
    """While a message is streamed nothing of it is kept, and empty pieces are not passed on."""
    assembler = MessageAssembler()
    assembler.add(b"kept", finished=False)
    assert assembler.stream() == Chunk(b"kept", finished=False, first=True)
    assert assembler.size == 0
    assert assembler.add(b"passed on", finished=False) == Chunk(b"passed on", finished=False)
    assert assembler.add(b"", finished=False) is None
    assert assembler.size == 0
    assert assembler.add(b"", finished=True) == Chunk(b"", finished=True)


@pytest.mark.parametrize("empty", ["", b""])
def test_first_chunk_behind_empty_pieces(empty: Data) -> None:
    """The first chunk is the first that is passed on, not the first that arrives."""
    assembler = MessageAssembler()
    assembler.add(empty, finished=False)
    assert assembler.stream() is None
    assert assembler.add(empty, finished=False) is None
    assert assembler.add(empty, finished=True) == Chunk(empty, finished=True, first=True)
    assembler.stream()
    assert assembler.add(empty, finished=False) is None
    assert assembler.in_progress
    assert assembler.add("a", finished=False) == Chunk("a", finished=False, first=True)


def test_hold() -> None:
    """A streamed message of at most `hold` bytes is passed on whole, a longer one from there on."""
    assembler = MessageAssembler()
    assembler.stream(hold=4)
    assert add_all(assembler, ["ä", "b", "c"]) == [None, None, Chunk("äbc", True, first=True)]
    assembler.stream(hold=4)
    assert add_all(assembler, ["ä", "bc", "d", "e"]) == [
        None,
        None,
        Chunk("äbcd", False, first=True),
        Chunk("e", True),
    ]
    assembler.stream(hold=4)
    assert assembler.add("äöü", finished=False) == Chunk("äöü", False, first=True)


def test_hold_of_what_was_kept() -> None:
    """Of a message in progress that is no longer than `hold`, nothing is passed on at once."""
    assembler = MessageAssembler()
    assembler.add(b"1234", finished=False)
    assert assembler.stream(hold=4) is None
    assert assembler.size == 4
    assert assembler.add(b"5", finished=True) == Chunk(b"12345", True, first=True)


MODES: dict[Mode, tuple[bool, bool, Mode, Mode, Mode, Mode]] = {
    # in progress, claimed; after a piece, after the last one, after stream(), after skip_rest()
    Mode.IDLE: (False, False, Mode.KEEPING, Mode.IDLE, Mode.AWAITING, Mode.IDLE),
    Mode.KEEPING: (True, False, Mode.KEEPING, Mode.IDLE, Mode.STREAMING, Mode.KEEPING),
    Mode.AWAITING: (False, True, Mode.STREAMING, Mode.IDLE, Mode.AWAITING, Mode.IDLE),
    Mode.HOLDING: (True, True, Mode.STREAMING, Mode.IDLE, Mode.HOLDING, Mode.KEEPING),
    Mode.STREAMING: (True, True, Mode.STREAMING, Mode.IDLE, Mode.STREAMING, Mode.SKIPPING),
    Mode.SKIPPING: (True, False, Mode.SKIPPING, Mode.IDLE, Mode.SKIPPING, Mode.SKIPPING),
}


def in_mode(mode: Mode) -> MessageAssembler:
    """Lead an assembler into a mode."""
    assembler = MessageAssembler()
    if mode is Mode.KEEPING:
        assembler.add("a", finished=False)
    elif mode is not Mode.IDLE:
        assembler.stream()
    if mode in (Mode.STREAMING, Mode.SKIPPING):
        assembler.add("a", finished=False)
    elif mode is Mode.HOLDING:
        assembler.add("", finished=False)
    if mode is Mode.SKIPPING:
        assembler.skip_rest()
    assert assembler.mode is mode
    return assembler


@pytest.mark.parametrize("mode", Mode)
def test_table(mode: Mode) -> None:
    """Each mode is followed by what the table at the top of the module says."""
    in_progress, claimed, piece, last, stream, skip = MODES[mode]
    assert in_mode(mode).in_progress is in_progress
    assert in_mode(mode).is_claimed is claimed
    assembler = in_mode(mode)
    assembler.add("a", finished=False)
    assert assembler.mode is piece
    assembler = in_mode(mode)
    assembler.add("a", finished=True)
    assert assembler.mode is last
    assembler = in_mode(mode)
    assembler.stream()
    assert assembler.mode is stream
    assert assembler.is_claimed
    assembler = in_mode(mode)
    assembler.skip_rest()
    assert assembler.mode is skip


def test_in_progress() -> None:
    """A message is in progress from its first piece, even an empty one, to its last."""
    assembler = MessageAssembler()
    seen = [assembler.in_progress]
    for finished in (False, False, True):
        assembler.add("", finished)
        seen.append(assembler.in_progress)
    assert seen == [False, True, True, False]


def test_skip_rest() -> None:
    """The rest of a message that was passed on is dropped; the next message is whole again."""
    assembler = MessageAssembler()
    assembler.stream()
    assert assembler.add("a", finished=False) == Chunk("a", finished=False, first=True)
    assembler.skip_rest()
    assert add_all(assembler, ["b", "c"]) == [None, None]
    assert assembler.add("next", finished=True) == "next"


def test_skip_rest_between_messages() -> None:
    """Giving up before a message has begun leaves the next one whole."""
    assembler = MessageAssembler()
    assembler.stream()
    assembler.skip_rest()
    assert add_all(assembler, ["a", "b"]) == [None, "ab"]


def test_skip_rest_of_what_is_held() -> None:
    """A message of which nothing was passed on is not lost when it is given up: it is whole."""
    assembler = MessageAssembler()
    assembler.stream(hold=4)
    assembler.add("a", finished=False)
    assembler.skip_rest()
    assert assembler.add("b", finished=True) == "ab"


def test_skip_rest_of_a_kept_message() -> None:
    """A message that nobody streams is none of which the rest could be dropped."""
    assembler = MessageAssembler()
    assembler.add("a", finished=False)
    assembler.skip_rest()
    assert assembler.add("b", finished=True) == "ab"


def test_stream_after_skip_rest() -> None:
    """Streaming again while a skipped message still arrives gives the next message only."""
    assembler = MessageAssembler()
    assembler.stream()
    assembler.add("old", finished=False)
    assembler.skip_rest()
    assert assembler.stream() is None
    assert add_all(assembler, ["old", "old"]) == [None, None]
    assert assembler.mode is Mode.AWAITING
    assert assembler.add("new", finished=True) == Chunk("new", finished=True, first=True)


def test_skip_rest_twice() -> None:
    """Giving up the next message too, while the skipped one still arrives, drops only that."""
    assembler = MessageAssembler()
    assembler.stream()
    assembler.add("old", finished=False)
    assembler.skip_rest()
    assembler.stream()
    assembler.skip_rest()
    assert assembler.add("old", finished=True) is None
    assert add_all(assembler, ["n", "ew"]) == [None, "new"]


def test_keeps_nothing() -> None:
    """A message that is streamed or skipped leaves nothing behind; one that is kept does."""
    assembler = MessageAssembler()
    assembler.add(b"a", finished=False)
    assert not assembler.keeps_nothing
    assembler.stream()
    assert assembler.keeps_nothing
    assembler.skip_rest()
    assert assembler.keeps_nothing
    assembler.add(b"b", finished=True)
    assert not assembler.keeps_nothing
