"""`trio_ws._supervision.endpoints`: a URL, several, or a function."""

from __future__ import annotations

import errno
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trio_ws import HandshakeError, HandshakeTimeout, InvalidURL
from trio_ws._supervision.endpoints import Endpoints


async def test_one() -> None:
    """One URL is always the same."""
    endpoints = Endpoints("ws://a/")
    assert (len(endpoints), endpoints.can_refresh, str(endpoints.known)) == (1, False, "ws://a/")
    endpoints.rotate()
    assert await endpoints.get(1) == "ws://a/"


async def test_several() -> None:
    """Several take turns."""
    endpoints = Endpoints(("ws://a/", "ws://b/"))
    transition = []
    for _ in range(3):
        transition.append(await endpoints.get(1))
        endpoints.rotate()
    assert transition == ["ws://a/", "ws://b/", "ws://a/"]
    assert list(map(str, endpoints.known_urls)) == ["ws://a/", "ws://b/"]
    assert len(endpoints) == 2


async def test_a_function() -> None:
    """A function is asked each time; nobody knows what it will say."""
    answers = iter(["ws://a/", "ws://b/"])

    async def ask() -> str:
        return next(answers)

    endpoints = Endpoints(ask)
    assert (len(endpoints), endpoints.can_refresh, endpoints.known) == (1, True, None)
    endpoints.rotate()
    assert endpoints.known_urls == []
    assert [await endpoints.get(1), await endpoints.get(1)] == ["ws://a/", "ws://b/"]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ([], ValueError),
        ("http://a/", InvalidURL),
        (["ws://a/", "b"], InvalidURL),
        (["ws://a/", 7], TypeError),
        (7, TypeError),
        (None, TypeError),
        ({"ws://a/"}, TypeError),
        (b"ws://a/", TypeError),
    ],
)
def test_nonsense(wrong: Any, error: type[Exception]) -> None:
    """Nonsense is refused when it is given, not at the first attempt."""
    with pytest.raises(error):
        Endpoints(wrong)


async def test_a_function_that_hangs(autojump_clock: MockClock) -> None:
    """After the time that it has, this attempt has failed; another may succeed."""

    async def ask() -> str:
        await trio.sleep_forever()
        raise AssertionError

    with pytest.raises(HandshakeTimeout, match="within 3 s") as caught:
        await Endpoints(ask).get(3)
    assert trio.current_time() == 3
    assert caught.value.transient


@pytest.mark.parametrize("answer", [None, b"ws://a/", 7])
async def test_a_function_that_returns_nonsense(answer: Any) -> None:
    """What is no string is refused, without being shown: it may be a secret."""

    async def ask() -> str:
        return answer  # type: ignore[no-any-return]

    with pytest.raises(TypeError, match=type(answer).__name__):
        await Endpoints(ask).get(3)


async def test_a_function_that_is_not_async() -> None:
    """The refusal says what an endpoint may be, and does not show what the function returned."""
    ask: Any = lambda: "ws://me:secret@a/"  # noqa: E731
    with pytest.raises(TypeError, match=r"a URL, a list of URLs or an async .* not async") as error:
        await Endpoints(ask).get(3)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        OSError(errno.EHOSTUNREACH, "unreachable"),
        trio.TooSlowError(),
    ],
)
async def test_a_function_without_a_network(error: Exception) -> None:
    """A network that fails the function fails the attempt, and may be there for the next."""

    async def ask() -> str:
        raise error

    with pytest.raises(HandshakeError) as caught:
        await Endpoints(ask).get(3)
    assert caught.value.transient
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("error", [KeyError(), FileNotFoundError(errno.ENOENT, "no token")])
async def test_a_function_with_a_bug(error: Exception) -> None:
    """Other exceptions leave it as they are."""

    async def ask() -> str:
        raise error

    with pytest.raises(type(error)) as caught:
        await Endpoints(ask).get(3)
    assert caught.value is error
