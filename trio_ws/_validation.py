"""Checks of what an application gives us, made where it gives it.

Each names the argument and says what it may be: a wrong type is a `TypeError`,
a wrong value a `ValueError`.  What may be secret is not repeated.
"""

from __future__ import annotations

import ssl

DAY = 86_400.0
"""The longest duration that makes sense for a connection's policies, in seconds."""


def check_seconds(owner: object, name: str, *, zero: bool = False) -> None:
    """Refuse what is no duration: zero (unless allowed), negative, NaN, over a day, no number."""
    value = getattr(owner, name)
    good = isinstance(value, int | float) and not isinstance(value, bool) and value <= DAY
    if not good or value < 0 or (value == 0 and not zero):
        least = "zero or more" if zero else "more than zero"
        raise ValueError(
            f"{type(owner).__name__}.{name} must be a number of seconds, "
            f"{least} and at most a day ({DAY:.0f}); got {value!r}"
        )


def check_function(name: str, value: object, *, optional: bool = False) -> None:
    """Refuse what cannot be called; whether it is async shows only when it is."""
    if not callable(value) and not (optional and value is None):
        raise TypeError(f"{name} must be a function, not {_kind(value)}")


def check_context(context: object, *, server: bool) -> None:
    """Refuse what is no context for TLS, or one for the other side of it.

    Raises:
        TypeError: it is no `ssl.SSLContext`, and not None.
        ValueError: it can only be used on the other side.
    """
    if context is None:
        return
    if not isinstance(context, ssl.SSLContext):
        raise TypeError(f"ssl_context must be an ssl.SSLContext or None, not {_kind(context)}")
    wrong = ssl.PROTOCOL_TLS_CLIENT if server else ssl.PROTOCOL_TLS_SERVER
    if context.protocol == wrong:
        us, purpose = ("server", "CLIENT_AUTH") if server else ("client", "SERVER_AUTH")
        raise ValueError(
            f"this ssl_context cannot be used on a {us}: "
            f"make it with ssl.create_default_context(ssl.Purpose.{purpose})"
        )


def check_port(port: object) -> None:
    """Refuse what is no TCP port; 0 is one: "any that is free"."""
    if not isinstance(port, int) or isinstance(port, bool):
        raise TypeError(f"the port must be a whole number, not {_kind(port)}")
    if not 0 <= port <= 65535:
        raise ValueError(f"the port must be between 0 and 65535, got {port}")


def check_host(host: object) -> None:
    """Refuse what cannot be listened on: neither a name or address, nor None."""
    if not isinstance(host, str | None):
        raise TypeError(f"the host must be a str or None, not {_kind(host)}")


def _kind(value: object) -> str:
    """What a value is, without what may be secret in it."""
    return "None" if value is None else f"a value of type {type(value).__name__}"
