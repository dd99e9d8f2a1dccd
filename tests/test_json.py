"""`trio_ws._json`: JSON as RFC 8259 has it, the same in both directions (F3.1)."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._json import decode_json, encode_json

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=[])),
    lambda each: st.lists(each) | st.dictionaries(st.text(), each),
)


@given(VALUES)
def test_round_trip(value: Any) -> None:
    """Every value comes back as `json` has it, surrogates too; its text can be sent as UTF-8."""
    text = encode_json(value)
    text.encode()
    assert decode_json(text) == decode_json(text.encode()) == json.loads(json.dumps(value))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": [1, None]}, '{"a":[1,null]}'),
        ("ü€😀", '"ü€😀"'),
        ("a\ud800b", '"a\\ud800b"'),
        ("\ud83d\ude00", '"\\ud83d\\ude00"'),
    ],
)
def test_text(value: object, text: str) -> None:
    """Text is as short as it can be; only surrogates are escaped."""
    assert encode_json(value) == text


@pytest.mark.parametrize("value", [math.nan, [math.inf], {"a": -math.inf}])
def test_what_has_no_form(value: object) -> None:
    """NaN and infinity are no JSON."""
    with pytest.raises(ValueError, match="JSON"):
        encode_json(value)


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}'])
def test_what_is_none(text: str) -> None:
    """NaN and infinity are none from the peer either, as text and as bytes."""
    for message in (text, text.encode()):
        with pytest.raises(ValueError, match="is no JSON"):
            decode_json(message)


@pytest.mark.parametrize("text", ["1e999", "[-1e999]", '{"a": 1' + "0" * 400 + ".5}"])
def test_too_large_for_a_float(text: str) -> None:
    """A number of which Python would make an infinity is refused: it could not be sent again."""
    for message in (text, text.encode()):
        with pytest.raises(ValueError, match=r"too large for a float") as caught:
            decode_json(message)
        assert len(str(caught.value)) < 100


def test_large_and_small_numbers() -> None:
    """The largest float comes through, and one that is too small is zero, as Python has it."""
    assert decode_json("[1.7976931348623157e308, 1e-999]") == [1.7976931348623157e308, 0.0]


def test_a_type_that_has_no_form() -> None:
    """A wrong type is a `TypeError`."""
    with pytest.raises(TypeError, match="set"):
        encode_json({1})


@pytest.mark.parametrize("message", ["", "[", b"\xff", "1" * 5000])
def test_no_json(message: str | bytes) -> None:
    """What is no JSON at all, or a number that Python refuses, is a `ValueError`."""
    with pytest.raises(ValueError):
        decode_json(message)


@pytest.mark.parametrize("message", ["[" * 100_000, b'{"a":' * 100_000])
def test_too_deep_from_the_peer(message: str | bytes) -> None:
    """A hundred thousand brackets are a `ValueError`, and no `RecursionError`."""
    with pytest.raises(ValueError, match="too many levels"):
        decode_json(message)


def test_too_deep_from_us() -> None:
    """What is nested too deeply, or holds itself, is a `ValueError`."""
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    with pytest.raises(ValueError, match="too many levels"):
        encode_json(value)
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(ValueError):
        encode_json(ring)
