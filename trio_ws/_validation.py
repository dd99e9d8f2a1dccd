"""Checks of what an application gives us, made where it gives it.

Each check takes the name of the argument and its value.
A wrong type is a `TypeError`, a wrong value a `ValueError`;
the message names the argument and says what it may be.
A value that may be secret is not repeated, only its type is.
"""

from __future__ import annotations

import inspect
import math
import ssl
from collections.abc import Callable
from functools import partial

DAY = 86_400.0
"""The longest duration that makes sense for a connection's policies, in seconds."""


def check_fields(owner: object, check: Callable[..., None], *names: str, **options: object) -> None:
    """Check the fields of a value that is just made: ``Heartbeat.interval``."""
    for name in names:
        check(f"{type(owner).__name__}.{name}", getattr(owner, name), **options)


def check_seconds(name: str, value: object, *, zero: bool = False, optional: bool = False) -> None:
    """Refuse what is no duration: zero (unless allowed), negative, NaN, too long, no number."""
    if optional and value is None:
        return
    least = "zero or more" if zero else "more than zero"
    what = f"{name} must be a number of seconds, {least} and at most a day ({DAY:.0f})"
    if not _is_number(value, int | float):
        raise TypeError(f"{what}; got {value!r}")
    assert isinstance(value, int | float)
    if not 0 <= value <= DAY or (value == 0 and not zero):
        raise ValueError(f"{what}; got {value!r}")


def check_positive(name: str, value: object, *, optional: bool = False) -> None:
    """Refuse what is no finite number, more than zero."""
    if optional and value is None:
        return
    what = f"{name} must be a number, more than zero"
    if not _is_number(value, int | float):
        raise TypeError(f"{what}; got {value!r}")
    assert isinstance(value, int | float)
    if not 0 < value < math.inf:
        raise ValueError(f"{what}; got {value!r}")


def check_count(name: str, value: object, *, least: int = 1, optional: bool = False) -> None:
    """Refuse what is no whole number, or less than `least`."""
    if optional and value is None:
        return
    what = f"{name} must be a whole number, {least} or more"
    if not _is_number(value, int):
        raise TypeError(f"{what}; got {value!r}")
    assert isinstance(value, int)
    if value < least:
        raise ValueError(f"{what}; got {value!r}")


def check_flag(name: str, value: object) -> None:
    """Refuse what is neither True nor False."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {kind_of(value)}")


def check_text(name: str, value: object, *, optional: bool = False) -> None:
    """Refuse what is no `str`."""
    if not isinstance(value, str) and not (optional and value is None):
        raise TypeError(f"{name} must be a str{' or None' * optional}, not {kind_of(value)}")


def check_instance(
    name: str, value: object, kind: type, what: str = "", *, optional: bool = False
) -> None:
    """Refuse what is no `kind`; `what` says how one is written."""
    if not isinstance(value, kind) and not (optional and value is None):
        what = f"{what or kind.__name__}{' or None' * optional}"
        raise TypeError(f"{name} must be {what}, not {kind_of(value)}")


def check_callable(name: str, value: object, *, optional: bool = False) -> None:
    """Refuse what cannot be called; whether it is async shows only when it is."""
    if inspect.iscoroutine(value):
        value.close()  # as Trio does: this error is enough, without "was never awaited"
        raise TypeError(
            f"{name} must be a function, not a coroutine: give the function without calling it"
        )
    if not callable(value) and not (optional and value is None):
        raise TypeError(f"{name} must be a function{' or None' * optional}, not {kind_of(value)}")


def check_plain_callable(
    name: str, value: object, *, optional: bool = False, instead: str = ""
) -> None:
    """Refuse what cannot be called, and an async function: nothing would wait for its result.

    `instead` says what to do with an async one.
    """
    check_callable(name, value, optional=optional)
    if is_async(value):
        raise TypeError(f"{name} must be a plain function; this one is async{instead}")


def is_async(function: object) -> bool:
    """Return True if a function is seen to be async, without calling it."""
    while isinstance(function, partial):
        function = function.func
    either = (function, getattr(type(function), "__call__", None))  # noqa: B004 - its class's own
    return any(inspect.iscoroutinefunction(f) or inspect.isasyncgenfunction(f) for f in either)


def check_context(context: object, *, server: bool) -> None:
    """Refuse what is no context for TLS, or one for the other side of it.

    Raises:
        TypeError: it is no `ssl.SSLContext`, and not None.
        ValueError: it can only be used on the other side.
    """
    if context is None:
        return
    if not isinstance(context, ssl.SSLContext):
        raise TypeError(f"ssl_context must be an ssl.SSLContext or None, not {kind_of(context)}")
    wrong = ssl.PROTOCOL_TLS_CLIENT if server else ssl.PROTOCOL_TLS_SERVER
    if context.protocol == wrong:
        us, purpose = ("server", "CLIENT_AUTH") if server else ("client", "SERVER_AUTH")
        raise ValueError(
            f"this ssl_context cannot be used on a {us}: "
            f"make it with ssl.create_default_context(ssl.Purpose.{purpose})"
        )


def check_port(port: object) -> None:
    """Refuse what is no TCP port; 0 is one: "any that is free"."""
    if not _is_number(port, int):
        raise TypeError(f"the port must be a whole number, not {kind_of(port)}")
    assert isinstance(port, int)
    if not 0 <= port <= 65535:
        raise ValueError(f"the port must be between 0 and 65535, got {port}")


def check_host(host: object) -> None:
    """Refuse what cannot be listened on: neither a name or address, nor None."""
    if not isinstance(host, str | None):
        raise TypeError(f"the host must be a str or None, not {kind_of(host)}")
    if host == "":
        raise ValueError("the host must be a name or an address, not ''; for all of them, None")


def kind_of(value: object) -> str:
    """Say what a value is, without what may be secret in it."""
    return "None" if value is None else f"a value of type {type(value).__name__}"


def _is_number(value: object, kind: object) -> bool:
    """Return True for a number of a kind; a bool is none, though Python says that it is."""
    return isinstance(value, kind) and not isinstance(value, bool)  # type: ignore[arg-type]
