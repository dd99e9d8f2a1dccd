"""`trio_ws._validation`: what is refused before anything is opened."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from trio_ws._validation import (
    DAY,
    check_callable,
    check_context,
    check_count,
    check_fields,
    check_flag,
    check_host,
    check_instance,
    check_plain_callable,
    check_port,
    check_positive,
    check_seconds,
    check_text,
    is_async,
)

NAN = float("nan")
INF = float("inf")


class Callable:
    """An object that is called like an async function."""

    async def __call__(self, argument: object) -> None: ...


async def generator(message: str) -> AsyncIterator[int]:  # noqa: ASYNC900
    """An async generator function."""
    yield 1


@pytest.mark.parametrize("value", [Callable(), partial(Callable()), lambda ws: None])
def test_functions(value: object) -> None:
    """Whatever can be called is a function: partials and objects, too."""
    check_callable("handler", value)


@pytest.mark.parametrize("value", [3, "name", None])
def test_no_function(value: object) -> None:
    """What cannot be called is refused, with the name of the option."""
    with pytest.raises(TypeError, match="handler must be a function, not "):
        check_callable("handler", value)


def test_optional_function() -> None:
    """None is fine where there may be no function."""
    check_callable("on_request", None, optional=True)
    check_plain_callable("on_request", None, optional=True)
    with pytest.raises(TypeError, match="or None, not a value of type int"):
        check_callable("on_request", 3, optional=True)


def test_a_coroutine_is_no_function() -> None:
    """A function that was called by mistake is told from one; the coroutine is closed."""
    coroutine: Any = Callable()(1)
    with pytest.raises(TypeError, match="give the function without calling it"):
        check_callable("handler", coroutine)
    assert coroutine.cr_frame is None


@pytest.mark.parametrize("value", [Callable(), Callable.__call__, partial(Callable()), generator])
def test_async_functions(value: object) -> None:
    """Where nothing waits for the result an async function is refused, however it is wrapped."""
    assert is_async(value)
    with pytest.raises(TypeError, match="f must be a plain function; this one is async, x"):
        check_plain_callable("f", value, instead=", x")


@pytest.mark.parametrize("value", [print, str, lambda: None, Callable])
def test_plain_functions(value: object) -> None:
    """Functions, classes and built-ins are plain."""
    check_plain_callable("f", value)


# Numbers


@pytest.mark.parametrize("value", [1, 0.5, DAY])
def test_seconds(value: float) -> None:
    """A duration is a number, whole or not, of at most a day."""
    check_seconds("timeout", value)
    check_seconds("timeout", 0, zero=True)
    check_seconds("timeout", None, optional=True)


@pytest.mark.parametrize("value", [0, -1, NAN, INF, DAY + 1, 10**400])
def test_no_seconds(value: float) -> None:
    """Other numbers are wrong values."""
    with pytest.raises(ValueError, match=r"t must be a number of seconds, more than zero.*; got"):
        check_seconds("t", value)


@pytest.mark.parametrize("value", ["1", True, None, timedelta(1)])
@pytest.mark.parametrize("check", [check_seconds, check_count, check_positive])
def test_no_number(check: Any, value: object) -> None:
    """What is no number is of a wrong type, whatever it means."""
    with pytest.raises(TypeError, match=r"it must be a .*number.*; got "):
        check("it", value)


def test_counts() -> None:
    """A count is a whole number that is large enough."""
    check_count("max", 1)
    check_count("max", 0, least=0)
    check_count("max", None, optional=True)
    with pytest.raises(ValueError, match="max must be a whole number, 1 or more; got 0"):
        check_count("max", 0)
    with pytest.raises(TypeError, match=r"max must be a whole number, 1 or more; got 1\.0"):
        check_count("max", 1.0)


@pytest.mark.parametrize("value", [0, -1, NAN, INF])
def test_not_positive(value: float) -> None:
    """A rate is finite and positive."""
    check_positive("rate", None, optional=True)
    check_positive("rate", 0.1)
    with pytest.raises(ValueError, match="rate must be a number, more than zero; got"):
        check_positive("rate", value)


# Other types


@dataclass
class Policy:
    """Something with fields."""

    a: object = 1
    b: object = "2"


def test_fields() -> None:
    """The fields of a value are named after it."""
    check_fields(Policy(), check_seconds, "a")
    with pytest.raises(TypeError, match=r"^Policy\.b must be"):
        check_fields(Policy(), check_seconds, "a", "b", zero=True)


def test_flags() -> None:
    """A flag is True or False; 0 and 1 are numbers."""
    check_flag("x", True)
    with pytest.raises(TypeError, match="x must be True or False, not a value of type int"):
        check_flag("x", 1)


def test_texts() -> None:
    """A text is a str, and perhaps None; what was given instead may be secret."""
    check_text("origin", "x")
    check_text("origin", None, optional=True)
    with pytest.raises(TypeError, match="origin must be a str or None, not a value of type bytes"):
        check_text("origin", b"secret", optional=True)
    with pytest.raises(TypeError, match="origin must be a str, not None"):
        check_text("origin", None)


def test_instances() -> None:
    """A value is of its class; the error says how one is written."""
    check_instance("policy", Policy(), Policy)
    check_instance("policy", None, Policy, optional=True)
    with pytest.raises(TypeError, match="policy must be Policy, not a value of type int"):
        check_instance("policy", 3, Policy)
    with pytest.raises(TypeError, match=r"policy must be Policy\(…\) or None, not a value of type"):
        check_instance("policy", 3, Policy, "Policy(…)", optional=True)


@pytest.mark.parametrize("host", ["localhost", "::1", None])
def test_hosts(host: object) -> None:
    """A host is a name, an address, or None for all."""
    check_host(host)


def test_no_host() -> None:
    """An empty name is not "all of them", nor are bytes a name."""
    with pytest.raises(ValueError, match="for all of them, None"):
        check_host("")
    with pytest.raises(TypeError, match="the host must be a str or None"):
        check_host(b"localhost")


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
