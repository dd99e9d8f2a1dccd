"""`trio_ws._protocol.assembler`: messages from pieces, whole or in parts."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._protocol.assembler import Chunk, MessageAssembler, Mode

Data = str | bytes


def add_all(assembly: MessageAssembler, pieces: Sequence[Data]) -> list[Data | Chunk | None]:
    """Add the pieces of one message."""
    last = len(pieces) - 1
    return [assembly.add(piece, finished=i == last) for i, piece in enumerate(pieces)]


@given(st.lists(st.text(), min_size=1))
def test_text(pieces: list[str]) -> None:
    """A text message comes out with its last piece, and is all of its pieces joined."""
    assembly = MessageAssembler()
    *before, message = add_all(assembly, pieces)
    assert before == [None] * (len(pieces) - 1)
    assert message == "".join(pieces)
    assert assembly.size == 0


@given(st.lists(st.binary(), min_size=1))
def test_binary(pieces: list[bytes]) -> None:
    """A binary message comes out with its last piece, and is all of its pieces joined."""
    assembly = MessageAssembler()
    *before, message = add_all(assembly, pieces)
    assert before == [None] * (len(pieces) - 1)
    assert message == b"".join(pieces)
    assert assembly.size == 0


@pytest.mark.parametrize("empty", ["", b""])
def test_empty_pieces(empty: Data) -> None:
    """A message of empty pieces only is empty, and still text or binary."""
    assembly = MessageAssembler()
    assert add_all(assembly, [empty, empty, empty]) == [None, None, empty]


def test_messages_do_not_mix() -> None:
    """After a text message of several pieces a binary one is binary, and the other way round."""
    assembly = MessageAssembler()
    assert add_all(assembly, ["ä", "b"])[-1] == "äb"
    assert add_all(assembly, [b"\xff", b"b"])[-1] == b"\xffb"
    assert add_all(assembly, ["ä", "b"])[-1] == "äb"


def test_size() -> None:
    """The size is that of the pieces kept so far, in bytes: text counts as UTF-8."""
    assembly = MessageAssembler()
    assembly.add("ä", finished=False)
    assembly.add("€", finished=False)
    assert assembly.size == 5


def test_memory() -> None:
    """A message in pieces of one byte costs no more than a quarter above its payload."""
    payload = 1 << 17
    pieces = [bytes([value]) for value in range(256)]
    tracemalloc.start()
    try:
        assembly = MessageAssembler()
        for index in range(payload):
            assembly.add(pieces[index & 255], finished=False)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert assembly.size == payload
    assert kept <= 1.25 * payload + sys.getsizeof(assembly) + 1024


@given(st.lists(st.text(), min_size=1), st.integers(0, 20))
def test_stream(pieces: list[str], late: int) -> None:
    """Streaming, begun at any piece, gives the whole message in parts; only the last says so."""
    assembly = MessageAssembler()
    last = len(pieces) - 1
    late = min(late, last)
    parts: list[Data | Chunk | None] = []
    for index, piece in enumerate(pieces):
        if index == late:
            parts.append(assembly.stream())
        parts.append(assembly.add(piece, finished=index == last))
    found = [part for part in parts if isinstance(part, Chunk)]
    assert "".join(str(part.data) for part in found) == "".join(pieces)
    assert [part.finished for part in found] == [False] * (len(found) - 1) + [True]
    assert assembly.mode is Mode.WHOLE
    assert assembly.add("next", finished=True) == "next"


def test_stream_keeps_nothing() -> None:
    """While a message is streamed nothing of it is kept, and empty pieces are not passed on."""
    assembly = MessageAssembler()
    assembly.add(b"kept", finished=False)
    assert assembly.stream() == Chunk(b"kept", finished=False)
    assert assembly.size == 0
    assert assembly.add(b"passed on", finished=False) == Chunk(b"passed on", finished=False)
    assert assembly.add(b"", finished=False) is None
    assert assembly.size == 0
    assert assembly.add(b"", finished=True) == Chunk(b"", finished=True)


def test_in_progress() -> None:
    """A message is in progress from its first piece, even an empty one, to its last."""
    assembly = MessageAssembler()
    seen = [assembly.in_progress]
    for finished in (False, False, True):
        assembly.add("", finished)
        seen.append(assembly.in_progress)
    assert seen == [False, True, True, False]


def test_abandon() -> None:
    """What comes of an abandoned message is dropped; the next message is whole again."""
    assembly = MessageAssembler()
    assembly.stream()
    assert assembly.add("a", finished=False) == Chunk("a", finished=False)
    assembly.skip_rest()
    assert add_all(assembly, ["b", "c"]) == [None, None]
    assert assembly.add("next", finished=True) == "next"


def test_abandon_between_messages() -> None:
    """Giving up before a message has begun leaves the next one whole."""
    assembly = MessageAssembler()
    assembly.stream()
    assembly.skip_rest()
    assert add_all(assembly, ["a", "b"]) == [None, "ab"]


def test_stream_after_abandon() -> None:
    """Streaming again while an abandoned message still arrives gives the next message only."""
    assembly = MessageAssembler()
    assembly.stream()
    assembly.add("old", finished=False)
    assembly.skip_rest()
    assert assembly.stream() is None
    assert add_all(assembly, ["old", "old"]) == [None, None]
    assert assembly.mode is Mode.PARTS
    assert assembly.add("new", finished=True) == Chunk("new", finished=True)


def test_abandon_twice() -> None:
    """Giving up the next message too, while the abandoned one still arrives, drops only that."""
    assembly = MessageAssembler()
    assembly.stream()
    assembly.add("old", finished=False)
    assembly.skip_rest()
    assembly.stream()
    assembly.skip_rest()
    assert assembly.add("old", finished=True) is None
    assert add_all(assembly, ["n", "ew"]) == [None, "new"]
