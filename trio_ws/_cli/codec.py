"""From a line to a message, and from a message to what is shown.

A codec reads lines that people or programs write, and refuses those that it cannot send;
of messages it shows each in one line, so that lines and messages correspond.

=========  ===========================  ==============================================
codec      a line is sent as            a message is shown as
=========  ===========================  ==============================================
``text``   text                         text with escapes; binary as ``binary: 68 69``
``json``   text, if it is JSON          JSON, compact, or indented for a terminal
``hex``    binary                       hex
``base64`` binary                       base64
=========  ===========================  ==============================================

``raw`` shows messages as they came, and is no way to look at what a stranger sends.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from .console import escape, hexed

_SEPARATORS = re.compile(rb"0x|[\s:,]", re.IGNORECASE)


# Bytes as people write them


def from_hex(data: bytes) -> bytes:
    """Read hex digits, with or without blanks, colons, commas and ``0x`` between them.

    Raises:
        ValueError: it is no hex; the message is a clause.
    """
    digits = _SEPARATORS.sub(b"", data)
    if odd := re.search(rb"[^0-9A-Fa-f]", digits):
        raise ValueError(f"'{escape(odd[0].decode('latin-1'))}' is no hex digit")
    if not digits or len(digits) % 2:
        raise ValueError(f"it has {len(digits)} digits, and a byte is two")
    return bytes.fromhex(digits.decode("ascii"))


def from_base64(data: bytes) -> bytes:
    """Read base64, in either alphabet (RFC 4648 §4, §5).

    Raises:
        ValueError: it is no base64; the message is a clause.
    """
    packed = b"".join(data.split()).translate(bytes.maketrans(b"-_", b"+/"))
    try:
        decoded = base64.b64decode(packed, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error).partition(":")[0].lower()) from None
    if not decoded:
        raise ValueError("it is empty")
    return decoded


# Codecs


@dataclass(frozen=True, slots=True)
class Codec:
    """A way in which lines become messages, and messages lines.

    Attributes:
        encode: a line, without its end, to a message; ValueError: it cannot be sent.
        show: a message to a line; it has no control characters, unless it is raw.
    """

    encode: Callable[[bytes], str | bytes]
    show: Callable[[str | bytes], bytes]


def make_codec(form: str, *, raw: bool = False, indent: bool = False) -> Codec:
    """Return the codec of this name.

    `raw` shows messages as they came; `indent` spreads JSON over several lines.
    """
    codec = CODECS[form]
    if raw:
        return Codec(codec.encode, _as_bytes)
    if form == "json" and indent:
        return Codec(codec.encode, lambda message: _show_json(message, indent=2))
    return codec


def _as_bytes(message: str | bytes) -> bytes:
    return message.encode() if isinstance(message, str) else message


def _text(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 ({error.reason} at byte {error.start})") from None


def _show_text(message: str | bytes) -> bytes:
    text = message if isinstance(message, str) else f"binary: {hexed(message)}"
    return escape(text).encode()


def _json(line: bytes) -> str:
    text = _text(line)
    _load(text)
    return text


def _load(text: str) -> Any:
    """Load JSON, strictly: no NaN, and not so deep that Python gives up.

    Raises:
        ValueError: it is none.
    """
    try:
        return json.loads(text, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON ({error.msg} at character {error.pos})") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"it is not JSON ({constant} is none of it)")


def _show_json(message: str | bytes, indent: int | None = None) -> bytes:
    try:
        value = _load(message if isinstance(message, str) else _text(message))
        separators = (",", ":") if indent is None else None
        shown = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)
    except (ValueError, RecursionError):
        return _show_text(message)
    return "\n".join(map(escape, shown.split("\n"))).encode()


CODECS = {
    "text": Codec(_text, _show_text),
    "json": Codec(_json, _show_json),
    "hex": Codec(from_hex, lambda message: _as_bytes(message).hex(" ").encode("ascii")),
    "base64": Codec(from_base64, lambda message: base64.b64encode(_as_bytes(message))),
}
