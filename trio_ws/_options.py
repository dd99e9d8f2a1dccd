"""What the doors refuse before anything is opened: options that cannot work.

An option of the wrong kind would otherwise fail late and far from where it was written:
a context for the other side of TLS within a handshake, a function that is none in a handler.
"""

from __future__ import annotations

import ssl


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


def _kind(value: object) -> str:
    """What a value is, without what may be secret in it."""
    return "None" if value is None else f"a value of type {type(value).__name__}"
