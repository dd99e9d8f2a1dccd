"""Heads of HTTP messages: the plain ones are read here, the others by h11.

h11 decides what is HTTP; it is careful and slow.
Nearly all heads are plain, though, and there is nothing to decide about those::

    GET /path HTTP/1.1             HTTP/1.1 101 Any Words
    Name: value                    Name: value
    ...                            ...

Lines end with CR LF, names are tokens, values are printable ASCII,
a request has one ``Host``, and nothing speaks of a body.
`plain_request` and `plain_switch` recognise such a head and read it as h11 would;
every other head, valid or not, they leave to h11.
A property test holds them to that: they read what h11 reads, or nothing.

The expressions never backtrack (their quantifiers are possessive),
so that no head, however strange, takes longer than others of its size.
h11's own do: blanks before a character that must not be there
cost it the square of their number.  `is_fit` tells which heads to keep from it.
"""

from __future__ import annotations

import re

Lines = list[tuple[str, str]]
"""Header lines: names as they were written, and values."""

Fields = dict[str, list[str]]
"""The same by name, in lower case."""

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_VALUE = r"(?:[!-~]++(?:[ \t]++[!-~]++)*+)?+"
_BLANKS = r"[ \t]*+"
_LINE = re.compile(rf"({_NAME}):{_BLANKS}({_VALUE}){_BLANKS}\r\n")
_LINES = rf"((?:{_NAME}:{_BLANKS}{_VALUE}{_BLANKS}\r\n)*+)\r\n"
_REQUEST = re.compile(rf"GET (/[!-~]*+) HTTP/1\.1\r\n{_LINES}")
_SWITCH = re.compile(rf"HTTP/1\.1 101(?: [ -~]*+)?+\r\n{_LINES}")
_UNFIT = re.compile(rb"[\x00\x0b\x0c]|\r(?!\n)")

_TYPICAL = """
Accept: */*
Accept-Encoding: gzip, deflate
Accept-Encoding: gzip, deflate, br
Accept-Encoding: gzip, deflate, br, zstd
Accept-Language:
Authorization:
Cache-Control: no-cache
Connection: Upgrade
Connection: keep-alive, Upgrade
Cookie:
Host:
Origin:
Pragma: no-cache
Sec-Fetch-Dest: empty
Sec-Fetch-Dest: websocket
Sec-Fetch-Mode: websocket
Sec-Fetch-Site: same-origin
Sec-WebSocket-Accept:
Sec-WebSocket-Extensions: permessage-deflate
Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits
Sec-WebSocket-Key:
Sec-WebSocket-Protocol:
Sec-WebSocket-Version: 13
Upgrade: websocket
User-Agent:
X-Forwarded-For:
X-Forwarded-Host:
X-Forwarded-Proto: https
X-Real-IP:
"""
_SHARED = {
    text: text
    for name, value in _LINE.findall(_TYPICAL.replace("\n", "\r\n"))
    for text in (name, name.lower(), value)
}
"""Texts that nearly all heads have in common: one copy serves all the connections that keep them.

This is not `sys.intern`, which on some versions of Python keeps for ever what a peer makes up.
"""


def is_fit(head: bytes) -> bool:
    """Return True if h11 takes no longer over a head than over others of its size."""
    return _UNFIT.search(head) is None


def by_name(lines: Lines) -> Fields:
    """Return header lines by their name in lower case."""
    fields: Fields = {}
    for name, value in lines:
        fields.setdefault(name.lower(), []).append(value)
    return fields


def plain_request(head: bytes) -> tuple[str, Lines, Fields] | None:
    """Return the target and the headers of a plain request with GET, else None."""
    found = _REQUEST.fullmatch(head.decode("latin-1"))
    if found is None:
        return None
    lines, fields = _read(found[2])
    if len(fields.get("host", ())) != 1 or _speaks_of_a_body(fields):
        return None
    return found[1], lines, fields


def plain_switch(head: bytes) -> tuple[Lines, Fields] | None:
    """Return the headers of a plain 101, else None."""
    found = _SWITCH.fullmatch(head.decode("latin-1"))
    if found is None:
        return None
    lines, fields = _read(found[1])
    return None if _speaks_of_a_body(fields) else (lines, fields)


def _read(block: str) -> tuple[Lines, Fields]:
    lines: Lines = _LINE.findall(block)
    lines = [(_SHARED.get(name, name), _SHARED.get(value, value)) for name, value in lines]
    return lines, by_name(lines)


def _speaks_of_a_body(fields: Fields) -> bool:
    return "content-length" in fields or "transfer-encoding" in fields
