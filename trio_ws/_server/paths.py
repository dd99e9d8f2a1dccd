"""The path of a request, as routes see it: decoded once, and one spelling for one place.

A proxy in front, a route here and a handler behind it each read the path.
If two of them read it differently, what the first forbids the second allows
(``/public/..%2Fadmin``).  So everything that might be read in two ways leads nowhere:

===============================================  ==============================================
``%zz``, ``%2``, bytes that are not UTF-8,       400: malformed (RFC 3986 §2.1, RFC 3629)
overlong forms too, control characters,
letters and digits that are encoded
``.`` and ``..``, however they are written       404: a client resolves them (RFC 3986 §5.2.4)
``//``                                           404: some servers read it as ``/``
``%2F``, a backslash, ``%5C``                    404: a slash within a segment, or not
===============================================  ==============================================

A client has no reason to encode letters and digits (RFC 3986 §2.3).
An attacker has: a check that looks at the path as it was sent is got past with ``/%61dmin``.
Everything else is decoded, exactly once: ``%252e`` becomes the three characters ``%2e``.
So a parameter never holds a slash, unless it takes the rest of the path,
and it is never ``.`` nor ``..``.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from .._handshake.server import Refusal

_MALFORMED = re.compile(r"%(?![0-9A-Fa-f]{2})")
_ENCODED_SLASH = re.compile(r"%2f", re.IGNORECASE)
_NEEDLESS = re.compile(r"%(?:3[0-9]|[46][1-9A-Fa-f]|[57][0-9Aa])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_AMBIGUOUS = re.compile(r"//|\\|/\.\.?(?:/|\Z)")


def split_path(path: str) -> list[str]:
    """Return the segments of the path of a request, decoded; the last is empty behind a slash.

    Raises:
        Refusal: the path is malformed (400), or leads nowhere since it is ambiguous (404).
    """
    if "%" in path:
        path = _decode(path)
    if not path.startswith("/") or _AMBIGUOUS.search(path):
        raise nowhere()
    return path[1:].split("/")


def nowhere() -> Refusal:
    """Return the refusal of a path that leads nowhere."""
    return Refusal(404, "There is nothing here.")


def _decode(path: str) -> str:
    if _MALFORMED.search(path):
        raise Refusal(400, "The path is malformed: a % is not followed by two digits.")
    if _NEEDLESS.search(path):
        raise Refusal(400, "The path is malformed: letters and digits are not to be encoded.")
    if _ENCODED_SLASH.search(path):
        raise nowhere()
    try:
        decoded = unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        raise Refusal(400, "The path is malformed: it is not UTF-8.") from None
    if _CONTROL.search(decoded):
        raise Refusal(400, "The path is malformed: it has control characters.")
    return decoded


def check_literal(segment: str) -> str | None:
    """Return why no request can have a segment, as it is decoded; None if one can."""
    if segment in (".", ".."):
        return "a client resolves '.' and '..'"
    if found := re.search(r"[?#%{}\\]", segment):
        return _NEVER[found[0]]
    if _CONTROL.search(segment):
        return "control characters are refused"
    if any("\ud800" <= character <= "\udfff" for character in segment):
        return "half a pair of surrogates cannot be sent"
    return None


_NEVER = {
    "?": "a query follows the path",
    "#": "a fragment is never sent",
    "%": "a route is written decoded",
    "\\": "a backslash leads nowhere",
    "{": "a parameter is a whole segment, as {name} is",
    "}": "a parameter is a whole segment, as {name} is",
}
