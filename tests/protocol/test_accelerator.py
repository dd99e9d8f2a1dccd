"""`trio_ws._protocol.accelerator`: what is in C gives what Python gives, and cannot be misled."""

from __future__ import annotations

import gc
import importlib
import os
import subprocess
import sys
import tracemalloc
from binascii import crc32
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_ws._protocol import accelerator
from trio_ws._protocol.accelerator import PURE, load

from .frames import BINARY, TEXT, frame
from .ways import ACCELERATOR, BUILT, Model, needs_accelerator

KEY = b"\x01\x80\xff\x37"
MODEL = Model()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SimpleNamespace:
    """Something that is found in the place of the accelerator, as in a wheel."""
    found = SimpleNamespace(source=crc32(b"a source") >> 1)
    monkeypatch.setattr(accelerator, "SOURCE", str(tmp_path / "accelerator.c"))
    monkeypatch.setattr(importlib, "import_module", {"trio_ws._protocol._accelerator": found}.get)
    return found


@pytest.mark.parametrize("value", [None, "", "0"])
def test_it_is_used_where_it_was_built(
    value: str | None, fake: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is used unless the variable says otherwise."""
    monkeypatch.delenv(PURE, raising=False)
    if value is not None:
        monkeypatch.setenv(PURE, value)
    assert load() is fake


@pytest.mark.usefixtures("fake")
def test_it_may_be_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """With ``TRIO_WS_PURE=1`` the library is pure Python."""
    monkeypatch.setenv(PURE, "1")
    assert load() is None


def test_it_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it was not built, or does not fit, the library is pure Python."""

    def fail(name: str) -> object:
        raise ImportError(name)

    monkeypatch.delenv(PURE, raising=False)
    monkeypatch.setattr(importlib, "import_module", fail)
    assert load() is None


@pytest.mark.parametrize(("source", "fits"), [(b"a source", True), (b"a newer source", False)])
def test_it_must_be_of_the_source_beside_it(
    source: bytes, fits: bool, fake: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In a working tree that has changed since it was built it is left out."""
    monkeypatch.delenv(PURE, raising=False)
    (tmp_path / "accelerator.c").write_bytes(source)
    assert load() is (fake if fits else None)


def test_one_that_does_not_know_its_source(
    fake: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One that was built before there were checksums is left out."""
    monkeypatch.delenv(PURE, raising=False)
    (tmp_path / "accelerator.c").write_bytes(b"a source")
    del fake.source
    assert load() is None


# Each function, and its model


@st.composite
def gulps(draw: st.DrawFn) -> tuple[bytes, bool]:
    """Frames, some of them spoilt, and whether they should be masked."""
    masked = draw(st.booleans())
    data = bytearray()
    for _ in range(draw(st.integers(0, 5))):
        size = draw(st.sampled_from([0, 1, 3, 4, 7, 8, 9, 31, 125, 126, 127, 65_535, 65_536]))
        payload = draw(st.sampled_from([b"x" * size, (b"\xc3\xa4" * size)[:size], b"\xff" * size]))
        first = draw(st.sampled_from([TEXT, TEXT, BINARY, BINARY, 0x8A, 0x01, 0xC1]))
        data += frame(first, payload, masked=masked, key=draw(st.sampled_from([KEY, bytes(4)])))
    for _ in range(draw(st.sampled_from([0, 1, 2]))):
        if data:
            data[draw(st.integers(0, min(len(data), 40) - 1))] = draw(st.integers(0, 255))
    return bytes(data[: draw(st.integers(0, len(data)))]), masked


def read(
    way: Any, data: bytes, position: int, masked: bool, limit: int, most: int
) -> tuple[int, list[object]]:
    """Read frames from a buffer that ends where the data ends; it is let go at once."""
    buffer, messages = bytearray(data), list[object]()
    end = way.read_frames(buffer, position, masked, limit, most, messages)
    buffer.append(0)  # BufferError if it is still held
    return end, messages


@settings(max_examples=300)
@given(
    gulps(), st.integers(0, 20), st.sampled_from([0, 1, 125, 65_535, 1 << 40]), st.integers(-1, 6)
)
def test_frames(gulp: tuple[bytes, bool], position: int, limit: int, most: int) -> None:
    """Any bytes give the same messages and the same end, wherever the reading begins."""
    data, masked = gulp
    here = (data, min(position, len(data)), masked, limit, most)
    assert read(ACCELERATOR, *here) == read(MODEL, *here)


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("size", [0, 5, 125, 126, 300, 65_535, 65_536])
def test_each_byte_may_be_the_last(size: int, masked: bool) -> None:
    """A frame that is cut anywhere is not there, and nothing behind the cut is looked at."""
    whole = frame(BINARY, bytes(size), masked=masked, key=KEY)
    for end in {*range(min(20, len(whole))), len(whole) - 1}:
        assert read(ACCELERATOR, whole[:end], 0, masked, 1 << 40, 9) == (0, [])
    assert read(ACCELERATOR, whole, 0, masked, 1 << 40, 9)[0] == len(whole)


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize(
    "length", [1 << 16, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1]
)
def test_no_length_is_believed(length: int, masked: bool) -> None:
    """However much a header promises, sums do not overflow, and what is not there is not read."""
    for off in (-14, -4, -1, 0):
        promised = max(0, length + off).to_bytes(8, "big")
        data = bytes([BINARY, 127 | masked << 7]) + promised + KEY + b"payload"
        assert read(ACCELERATOR, data, 0, masked, sys.maxsize, 9) == (0, [])


LEFT = {
    "a pong": (0x8A, b"", False),
    "a Close": (0x88, b"", False),
    "a fragment": (0x02, b"", False),
    "the end of a message": (0x80, b"", False),
    "a reserved bit": (0xC2, b"", False),
    "the wrong masking": (BINARY, b"x" * 9, True),
    "text that is not UTF-8": (TEXT, b"\xff", False),
    "text that is incomplete": (TEXT, b"\xc3", False),
    "more than the limit": (BINARY, bytes(301), False),
}


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("what", LEFT)
def test_what_is_left(what: str, masked: bool) -> None:
    """The frame before it is taken, and nothing of what is left or comes behind it."""
    first, payload, otherwise = LEFT[what]
    good = frame(BINARY, bytes(300), masked=masked)
    data = good + frame(first, payload, masked=masked is not otherwise) + good
    for way in (ACCELERATOR, MODEL):
        assert read(way, data, 0, masked, 300, 9) == (len(good), [bytes(300)])


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize(
    ("code", "size", "taken"),
    [(126, 125, 0), (126, 126, 1), (127, 126, 0), (127, 65_535, 0), (127, 65_536, 1)],
)
def test_a_length_has_its_shortest_form(code: int, size: int, taken: int, masked: bool) -> None:
    """A length in a longer form is left (RFC 6455 §5.2)."""
    length = size.to_bytes(2 if code == 126 else 8, "big")
    data = bytes([BINARY, code | masked << 7]) + length + bytes(4 * masked) + bytes(size)
    for way in (ACCELERATOR, MODEL):
        assert read(way, data, 0, masked, 1 << 40, 9) == (len(data) * taken, [bytes(size)] * taken)


@pytest.mark.parametrize("most", [-1, 0, 1, 2, 5, 9])
def test_no_more_at_once(most: int) -> None:
    """No more messages are taken than were asked for."""
    one = frame(TEXT, b"one", masked=False)
    for way in (ACCELERATOR, MODEL):
        count = min(5, max(0, most))
        assert read(way, one * 5, 0, False, 9, most) == (len(one) * count, ["one"] * count)


@pytest.mark.parametrize("size", [*range(40), 255, 256, 257, 70_001])
def test_masks(size: int) -> None:
    """Every size is masked as the model masks it, in place as well, and nothing around it."""
    data = os.urandom(size + 7)
    for start in range(4):
        expected = MODEL.mask(data, KEY, start, start + size)
        assert ACCELERATOR.mask(memoryview(data), KEY, start, start + size) == expected
        around = bytearray(data)
        with memoryview(around)[start : start + size] as place:
            ACCELERATOR.mask_into(place, place, KEY)
        assert around == data[:start] + expected + data[start + size :]
        around.clear()  # nothing holds it


@given(st.lists(st.tuples(st.binary(min_size=4, max_size=14), st.binary(max_size=40)), min_size=1))
def test_joining(frames: list[tuple[bytes, bytes]]) -> None:
    """Headers stay what they are, and each payload is masked with the end of its header."""
    assert ACCELERATOR.join_masked(frames, 41) == MODEL.join_masked(frames, 41)


SMALL = (b"head" + KEY, b"payload")


@pytest.mark.parametrize(
    "odd", [b"a frame in one piece", (b"head" + KEY, bytes(8))], ids=["one piece", "large"]
)
def test_what_cannot_be_joined(odd: object) -> None:
    """One frame that is large, or in one piece, and nothing is joined."""
    assert ACCELERATOR.join_masked([SMALL, SMALL], 8) is not None
    for frames in ([odd], [odd, SMALL], [SMALL, odd]):
        assert ACCELERATOR.join_masked(frames, 8) is None


# What only C can do wrong

GAPS = memoryview(b"abcdef")[::2]
WRONG: list[tuple[str, tuple[object, ...], type[Exception]]] = [
    ("read_frames", (b"", 1, True, 9, 9, []), ValueError),
    ("read_frames", (b"abc", -1, True, 9, 9, []), ValueError),
    ("read_frames", (b"abc", 0, True, -1, 9, []), ValueError),
    ("read_frames", (b"abc", 0, True, 9, 9, ()), TypeError),
    ("read_frames", ("abc", 0, True, 9, 9, []), TypeError),
    ("read_frames", (GAPS, 0, True, 9, 9, []), BufferError),
    ("read_frames", (b"abc", 1 << 64, True, 9, 9, []), OverflowError),
    ("read_frames", (), TypeError),
    ("mask", (b"abc", b"key", 0, 3), ValueError),
    ("mask", (b"abc", KEY, -1, 3), ValueError),
    ("mask", (b"abc", KEY, 0, 4), ValueError),
    ("mask", (b"abc", KEY, 2, 1), ValueError),
    ("mask", (None, KEY, 0, 0), TypeError),
    ("mask_into", (bytearray(3), bytes(4), KEY), ValueError),
    ("mask_into", (bytearray(4), bytes(3), KEY), ValueError),
    ("mask_into", (bytearray(4), bytes(4), KEY + b"."), ValueError),
    ("mask_into", (bytes(4), bytes(4), KEY), TypeError),
    ("join_masked", ((SMALL,), 8), TypeError),
    ("join_masked", ([SMALL],), TypeError),
]


@needs_accelerator
@pytest.mark.parametrize("number", range(len(WRONG)))
def test_wrong_arguments(number: int) -> None:
    """A wrong call is refused with an error of Python, and holds no buffer."""
    name, arguments, error = WRONG[number]
    buffers = [each for each in arguments if isinstance(each, bytearray)]
    with pytest.raises(error):
        getattr(ACCELERATOR, name)(*arguments)
    for buffer in buffers:
        buffer.append(0)  # BufferError if it is held
        buffer.pop()


@needs_accelerator
@pytest.mark.parametrize(
    "odd",
    [(), (b"head", b"a", b"b"), [b"head", b"a"], (b"key", b"a"), (b"head", "a"), (1, b"a"), None],
    ids=repr,
)
def test_no_frame_at_all(odd: object) -> None:
    """What is no frame in two parts is not touched."""
    assert ACCELERATOR.join_masked([SMALL, odd], 8) is None


def text_that_is_none() -> None:
    """Stop at a text that is not UTF-8."""
    data = frame(TEXT, b"good", masked=True, key=KEY) + frame(TEXT, b"\xff", masked=True, key=KEY)
    messages: list[object] = []
    assert ACCELERATOR.read_frames(data, 0, True, 99, 99, messages) == 10
    assert messages == ["good"]


def wrong_calls() -> None:
    """Be refused."""
    for name, arguments, error in WRONG:
        with suppress(error):
            getattr(ACCELERATOR, name)(*arguments)


DEEDS: list[Callable[[], object]] = [
    text_that_is_none,
    wrong_calls,
    lambda: ACCELERATOR.mask(bytes(99), KEY, 0, 99),
    lambda: ACCELERATOR.mask_into(bytearray(99), bytes(99), KEY),
    lambda: ACCELERATOR.join_masked([SMALL] * 9, 8),
    lambda: ACCELERATOR.join_masked([SMALL, None], 8),
]


@needs_accelerator
@pytest.mark.parametrize("do", DEEDS, ids=lambda do: do.__name__)
def test_nothing_is_leaked(do: Callable[[], object]) -> None:
    """Done a thousand times, well or badly, it keeps no memory."""
    do()
    tracemalloc.start()
    for _ in range(10):
        do()
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(1_000):
        do()
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert kept < 12_000  # a reference in each call would keep 16 bytes at least


LOADED = """
from importlib.util import module_from_spec, spec_from_file_location

def loaded():
    spec = spec_from_file_location("_accelerator", {path!r})
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

def check(module):
    assert module.mask(b"abcd", b"abcd", 0, 4) == bytes(4)
"""

ELSEWHERE = {
    "in another interpreter": """
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
other = interpreters.create()
# One with a GIL of its own refuses it, and the library goes without.
failed = interpreters.run_string(other, LOADED + '''
try:
    module = loaded()
except ImportError as error:
    assert "does not support" in str(error), error
else:
    check(module)
''')
assert not failed, failed
interpreters.destroy(other)
""",
    "in a forked process": """
import os
child = os.fork()
if child == 0:
    check(module)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
""",
    "loaded once more": """
again = loaded()
assert again.mask is not module.mask
check(again)
del again
""",
}


@needs_accelerator
@pytest.mark.parametrize("where", ELSEWHERE)
def test_elsewhere(where: str) -> None:
    """It has no state, so it works beside itself."""
    loads = LOADED.format(path=getattr(BUILT, "__file__", ""))
    lines = [loads, f"LOADED = {loads!r}", "module = loaded()", ELSEWHERE[where], "check(module)"]
    subprocess.run([sys.executable, "-W", "error", "-c", "\n".join(lines)], check=True)


def test_the_choice() -> None:
    """`compiled` is what was found when the library was imported."""
    assert accelerator.compiled is load()
