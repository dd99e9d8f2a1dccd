"""`trio_ws._validation`: what is refused before anything is opened."""

from __future__ import annotations

import ssl
from functools import partial

import pytest

from trio_ws._validation import check_context, check_function, check_port


class Callable:
    """An object that is called like an async function."""

    async def __call__(self, argument: object) -> None: ...


@pytest.mark.parametrize("value", [Callable(), partial(Callable()), lambda ws: None])
def test_functions(value: object) -> None:
    """Whatever can be called is a function: partials and objects, too."""
    check_function("handler", value)


@pytest.mark.parametrize("value", [3, "name", None])
def test_no_function(value: object) -> None:
    """What cannot be called is refused, with the name of the option."""
    with pytest.raises(TypeError, match="handler must be a function, not "):
        check_function("handler", value)


def test_optional_function() -> None:
    """None is fine where there may be no function."""
    check_function("on_request", None, optional=True)
    with pytest.raises(TypeError, match="not a value of type int"):
        check_function("on_request", 3, optional=True)


@pytest.mark.parametrize("server", [False, True])
def test_contexts(server: bool) -> None:
    """A context is for one side of TLS, and refused on the other; None is fine on both."""
    contexts = {
        True: ssl.create_default_context(ssl.Purpose.CLIENT_AUTH),
        False: ssl.create_default_context(ssl.Purpose.SERVER_AUTH),
    }
    check_context(None, server=server)
    check_context(contexts[server], server=server)
    purpose = "CLIENT_AUTH" if server else "SERVER_AUTH"
    with pytest.raises(ValueError, match=purpose):
        check_context(contexts[not server], server=server)


def test_no_context() -> None:
    """What is no context is refused by its type, not by its text."""
    with pytest.raises(TypeError, match=r"ssl\.SSLContext or None, not a value of type bool"):
        check_context(True, server=False)


@pytest.mark.parametrize("port", [0, 1, 65535])
def test_ports(port: int) -> None:
    """A port is between 0 and 65535."""
    check_port(port)


@pytest.mark.parametrize(
    ("port", "error"),
    [
        (-1, ValueError),
        (65536, ValueError),
        ("80", TypeError),
        (True, TypeError),
        (None, TypeError),
    ],
)
def test_no_port(port: object, error: type[Exception]) -> None:
    """Anything else is refused, whatever the system would make of it."""
    with pytest.raises(error, match="the port must be"):
        check_port(port)
