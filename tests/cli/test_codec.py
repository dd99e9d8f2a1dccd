"""A line becomes a message, or is refused with a reason; a message becomes a line that is safe."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._cli.codec import CODECS, from_base64, from_hex, make_codec

messages = st.one_of(st.text(), st.binary())


@pytest.mark.parametrize(
    ("form", "line", "message"),
    [
        ("text", "grüße".encode(), "grüße"),
        ("text", b"", ""),
        ("json", b' {"a": 1} ', ' {"a": 1} '),
        ("hex", b"68 69", b"hi"),
        ("base64", b"aGk=", b"hi"),
    ],
)
def test_a_line_becomes_a_message(form: str, line: bytes, message: str | bytes) -> None:
    """Text and JSON are sent as text, as they were written; hex and base64 as binary."""
    assert make_codec(form).encode(line) == message


@pytest.mark.parametrize(
    ("form", "line", "why"),
    [
        ("text", b"a\xff", "it is not UTF-8 (invalid start byte at byte 1)"),
        ("json", b"\xff", "it is not UTF-8 (invalid start byte at byte 0)"),
        ("json", b"{", "it is not JSON (Expecting property name enclosed in double quotes"),
        ("json", b"NaN", "it is not JSON (NaN is none of it)"),
        ("json", b"[" * 100_000, "it is nested too deeply"),
        ("hex", b"6x", "'x' is no hex digit"),
        ("hex", b"686", "it has 3 digits, and a byte is two"),
        ("hex", b"", "it has 0 digits"),
        ("base64", b"a", "invalid base64-encoded string"),
        ("base64", b"aGk", "incorrect padding"),
        ("base64", b"", "it is empty"),
    ],
)
def test_a_line_that_cannot_be_sent_is_refused(form: str, line: bytes, why: str) -> None:
    """The reason is a clause that follows what was given."""
    with pytest.raises(ValueError, match=re.escape(why)) as caught:
        make_codec(form).encode(line)
    assert str(caught.value).startswith(why)


@pytest.mark.parametrize(
    ("form", "message", "line"),
    [
        ("text", "a\x1b[2J\n", rb"a\x1b[2J\n"),
        ("text", b"hi", b"binary: 68 69"),
        ("json", '{"a": [1,\n2]}', b'{"a":[1,2]}'),
        ("json", b'{"a": 1}', b'{"a":1}'),
        ("json", '"\x7f"', rb'"\x7f"'),
        ("json", "not JSON\n", rb"not JSON\n"),
        ("json", b"\xff", b"binary: ff"),
        ("json", r'"\ud800"', rb'"\ud800"'),
        ("hex", "hi", b"68 69"),
        ("hex", b"hi", b"68 69"),
        ("base64", b"hi", b"aGk="),
        ("base64", "hi", b"aGk="),
    ],
)
def test_a_message_becomes_a_line(form: str, message: str | bytes, line: bytes) -> None:
    """Whatever kind it is."""
    assert make_codec(form).show(message) == line


@given(messages, st.sampled_from(sorted(CODECS)), st.booleans())
def test_no_message_can_move_the_cursor(message: str | bytes, form: str, indent: bool) -> None:
    """Every line is printable; only JSON that is indented has several."""
    shown = make_codec(form, indent=indent).show(message).decode()
    lines = shown.split("\n")
    assert all(line.isprintable() for line in lines)
    assert len(lines) == 1 or (indent and form == "json")


@given(messages)
def test_raw_shows_messages_as_they_came(message: str | bytes) -> None:
    """For programs that know what they get."""
    expected = message.encode() if isinstance(message, str) else message
    assert make_codec("json", raw=True).show(message) == expected


def test_json_is_indented_for_people() -> None:
    """And still the same."""
    shown = make_codec("json", indent=True).show('{"a": [1, "\\u001b"]}')
    assert shown == b'{\n  "a": [\n    1,\n    "\\u001b"\n  ]\n}'
    assert json.loads(shown) == {"a": [1, "\x1b"]}


@given(st.binary(min_size=1))
def test_what_is_shown_as_bytes_can_be_sent_again(data: bytes) -> None:
    """Hex and base64 are read as they are written."""
    assert from_hex(make_codec("hex").show(data)) == data
    assert from_base64(make_codec("base64").show(data)) == data
