"""JSON as RFC 8259 has it: stricter than the module `json`, and the same in both directions.

`json` reads and writes ``NaN`` and ``Infinity``, which no other language takes,
and reads ``1e999`` as an infinity, which it could not write.
It raises `RecursionError` for a thousand brackets, which a peer can send.
And it lets lone surrogates through, which cannot be sent as UTF-8: escaped, they can.
Here each is a `ValueError`, or does not arise, so that what is received can be sent again.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

_TOO_DEEP = "too many levels for JSON"
_INFINITIES = (math.inf, -math.inf)


def encode_json(value: object) -> str:
    """Return the JSON text of `value`, on one line.

    Raises:
        TypeError: something in `value` has no JSON form.
        ValueError: `value` has a NaN or an infinity, or holds itself, or has too many levels.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if text.isascii():
        return text
    # Surrogates stand within strings, and Python's escape for them is that of JSON.
    return text.encode(errors="backslashreplace").decode()


def decode_json(message: str | bytes) -> Any:
    """Return the value of a message.

    Raises:
        ValueError: it is no JSON, or has a number too large for a float, or too many levels.
    """
    try:
        return json.loads(message, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if value in _INFINITIES:
        raise ValueError(f"{digits[:40]} is too large for a float, and is no JSON here")
    return value
