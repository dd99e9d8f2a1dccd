"""Basic authentication (RFC 7617), as an `on_request`.

The client sends ``Authorization: Basic`` and the base64 of ``name:password``.
Whatever is missing, malformed or wrong gets the same answer: 401, with the challenge.
So the answer does not tell which of them it was, and neither does its time:
passwords are compared by their digests, those of unknown names with the digest of nothing known.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Awaitable, Callable, Mapping
from hmac import compare_digest
from typing import TypeAlias

from .._concurrency.body import ask_unprotected
from .._http import Headers, Request, Response
from .._text import printable
from .._validation import check_callable, check_text, kind_of

CredentialCheck: TypeAlias = Callable[[str, str], bool | Awaitable[bool]]
"""What `basic_auth` takes: a function of a name and a password, async or not."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NOT_PRINTABLE = re.compile(r"[^ -~]")


def basic_auth(
    check: CredentialCheck | None = None,
    *,
    credentials: Mapping[str, str] | None = None,
    realm: str = "WebSocket",
) -> Callable[[Request], Awaitable[Response | None]]:
    """Return an ``on_request`` that lets in who has a name and a password (RFC 7617).

    Who has none, or wrong ones, is answered 401 with the challenge.
    Otherwise the request goes on, with the name in ``request.state["username"]``,
    which is ``ws.state["username"]`` in the handler.
    Give either `check` or `credentials`.  Without TLS the network can read the password.

    To ask for a password on some paths only, give the result to their routes::

        log_in = basic_auth(credentials={"ada": password})

        @router.websocket("/uploads/{name:path}", on_request=log_in)
        async def upload(ws: WebSocket) -> None: ...

    Args:
        check: a function of the name and the password that returns whether they are right;
            may be async.  If it raises, the answer is 500 and the error is logged.
        credentials: passwords by name, which are kept as digests and compared in constant time.
        realm: what the client is told that the password is for.

    Raises:
        TypeError: not one of `check` and `credentials` is given, or one is of a wrong type.
        ValueError: a name or a password in `credentials` can never be sent, or is empty;
            or `realm` is no printable ASCII.
    """
    if (check is None) == (credentials is None):
        raise TypeError("basic_auth() takes one of check and credentials")
    if isinstance(check, Mapping):
        raise TypeError("passwords are given by name: basic_auth(credentials=…)")
    if credentials is not None:
        check = _Passwords(credentials).check
    check_callable("check", check)
    challenge = _challenge(realm)

    async def authenticate(request: Request) -> Response | None:
        given = read_credentials(request.headers)
        if given is not None and await _is_right(check, *given):
            request.state["username"] = given[0]
            return None
        return Response.from_text("Log in first.\n", status=401, headers=challenge)

    return authenticate


def read_credentials(headers: Headers) -> tuple[str, str] | None:
    """Return the name and the password of a request; None if there are none, or none proper."""
    values = headers.get_all("Authorization")
    scheme, _, token = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    if scheme.lower() != "basic":
        return None
    name, colon, password = _decode(token.strip(" ")).partition(":")
    return None if not colon else (name, password)


def _decode(token: str) -> str:
    """Return the text that stands in base64; none if it is malformed in any way."""
    try:
        data = base64.b64decode(token, validate=True)
        text = data.decode()
    except ValueError:  # no base64, or no UTF-8
        return ""
    is_canonical = base64.b64encode(data).decode() == token  # Python reads other spellings, too
    return text if is_canonical and not _CONTROL.search(text) else ""


async def _is_right(check: CredentialCheck | None, name: str, password: str) -> bool:
    assert check is not None
    right = await ask_unprotected(check, name, password)
    if not isinstance(right, bool):
        raise TypeError(f"check must return True or False, not {kind_of(right)}")
    return right


class _Passwords:
    """Digests of passwords, by name."""

    def __init__(self, credentials: Mapping[str, str]) -> None:
        if not isinstance(credentials, Mapping):
            raise TypeError(f"credentials must be a mapping, not {kind_of(credentials)}")
        if not credentials:
            raise ValueError("credentials must not be empty: no client could log in")
        for name, password in credentials.items():
            _check_pair(name, password)
        self._digests = {name: _digest(each) for name, each in credentials.items()}
        self._of_nobody = os.urandom(len(_digest("")))

    def check(self, name: str, password: str) -> bool:
        """Return True if this is the password of this name."""
        expected = self._digests.get(name, self._of_nobody)
        return compare_digest(_digest(password), expected)


def _check_pair(name: object, password: object) -> None:
    """Refuse what a client cannot send, without repeating a password."""
    check_text("each name in credentials", name)
    check_text("each password in credentials", password)
    assert isinstance(name, str)
    assert isinstance(password, str)
    if ":" in name or not _can_be_sent(name):
        raise ValueError(
            f"a name in credentials must be printable and without a colon, not {printable(name)!r}"
        )
    if not password or not _can_be_sent(password):
        raise ValueError(f"the password of {name!r} in credentials is empty or not printable")


def _can_be_sent(text: str) -> bool:
    return _CONTROL.search(text) is None and not re.search("[\ud800-\udfff]", text)


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.encode()).digest()


def _challenge(realm: object) -> dict[str, str]:
    """Return the header that asks for a password; names and passwords are UTF-8 (RFC 7617 §2.1)."""
    check_text("realm", realm)
    assert isinstance(realm, str)
    if _NOT_PRINTABLE.search(realm):
        raise ValueError(f"realm must be printable ASCII, not {printable(realm)!r}")
    quoted = re.sub(r'(["\\])', r"\\\1", realm)
    return {"WWW-Authenticate": f'Basic realm="{quoted}", charset="UTF-8"'}
