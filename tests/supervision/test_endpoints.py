"""`trio_ws._supervision.endpoints`: a URL, several, or a function."""

from __future__ import annotations

import errno
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trio_ws import HandshakeError, HandshakeTimeout, InvalidURL
from trio_ws._supervision.endpoints import Endpoints


async def asked(endpoints: Endpoints) -> str:
    """Return the URL whose turn it is."""
    return (await endpoints.get(1))[0]


async def test_one() -> None:
    """One URL is always the same."""
    endpoints = Endpoints("ws://a/")
    assert (len(endpoints), endpoints.can_refresh) == (1, False)
    assert str(endpoints.expected) == "ws://a/"
    endpoints.failed()
    assert endpoints.choose(0, 2.5) == 2.5
    assert await endpoints.get(1) == ("ws://a/", endpoints.expected)


async def test_several() -> None:
    """Several take turns, one failure each."""
    endpoints = Endpoints(("ws://a/", "ws://b/"))
    seen = []
    for _ in range(3):
        seen.append(await asked(endpoints))
        endpoints.failed()
        assert endpoints.choose(0, 1) == 1
    assert seen == ["ws://a/", "ws://b/", "ws://a/"]
    assert list(map(str, endpoints.known_urls)) == ["ws://a/", "ws://b/"]
    assert len(endpoints) == 2


async def test_the_preferred_one() -> None:
    """When things went well, the next failure leads back to the first of the list."""
    endpoints = Endpoints(["ws://a/", "ws://b/", "ws://c/"])
    endpoints.failed()
    endpoints.choose(0, 1)
    assert await asked(endpoints) == "ws://b/"
    endpoints.succeeded()
    endpoints.failed()
    endpoints.choose(0, 1)
    assert await asked(endpoints) == "ws://a/"


async def test_one_that_failed_for_good() -> None:
    """It is out until the others have failed too, even if it is the preferred one."""
    endpoints = Endpoints(["ws://a/", "ws://b/", "ws://c/"])
    endpoints.failed(for_good=True)
    assert not endpoints.all_failed_for_good
    endpoints.choose(0, 1)
    endpoints.succeeded()
    seen = []
    for _ in range(4):
        seen.append(await asked(endpoints))
        endpoints.failed()
        endpoints.choose(0, 1)
    assert seen == ["ws://b/", "ws://c/", "ws://a/", "ws://b/"]


async def test_all_failed_for_good() -> None:
    """Only when each has failed for good since things went well, none is worth an attempt."""
    endpoints = Endpoints(["ws://a/", "ws://b/"])
    endpoints.failed(for_good=True)
    endpoints.choose(0, 1)
    endpoints.succeeded()
    endpoints.failed(for_good=True)
    assert not endpoints.all_failed_for_good  # what the first said is long ago
    endpoints.choose(0, 1)
    assert await asked(endpoints) == "ws://a/"
    endpoints.failed()
    assert not endpoints.all_failed_for_good
    endpoints.failed(for_good=True)
    assert endpoints.all_failed_for_good


async def test_one_that_rests() -> None:
    """One that asked to be left alone is, if another can be had meanwhile."""
    endpoints = Endpoints(["ws://a/", "ws://b/", "ws://c/"])
    endpoints.failed(rests_until=100)
    assert endpoints.rests_until == 100
    assert endpoints.choose(10, 5) == 5
    assert endpoints.rests_until < 10
    assert await asked(endpoints) == "ws://b/"
    endpoints.failed(rests_until=60)
    assert endpoints.choose(20, 5) == 5
    assert await asked(endpoints) == "ws://c/"
    endpoints.failed(rests_until=80)
    assert endpoints.choose(30, 5) == 30
    assert await asked(endpoints) == "ws://b/"
    endpoints.failed()
    assert endpoints.choose(96, 5) == 5
    assert await asked(endpoints) == "ws://a/"


async def test_a_function() -> None:
    """A function is asked each time; what it said last is expected again."""
    answers = iter(["ws://a/", "ws://b/"])

    async def ask() -> str:
        return next(answers)

    endpoints = Endpoints(ask)
    assert (len(endpoints), endpoints.can_refresh, endpoints.expected) == (1, True, None)
    assert endpoints.known_urls == []
    for url in ("ws://a/", "ws://b/"):
        assert await asked(endpoints) == url
        assert str(endpoints.expected) == url
        endpoints.failed()
        assert endpoints.choose(0, 1) == 1


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

    with pytest.raises(TypeError, match=f"returned no URL but {type(answer).__name__}"):
        await Endpoints(ask).get(3)


async def test_a_function_that_is_not_async() -> None:
    """The refusal says what an endpoint may be, and does not show what the function returned."""
    ask: Any = lambda: "ws://me:hunter2@a/"  # noqa: E731
    with pytest.raises(TypeError, match=r"a URL, a list of URLs or an async .* not async") as error:
        await Endpoints(ask).get(3)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(),
        TimeoutError(),
        OSError(errno.EHOSTUNREACH, "unreachable"),
        OSError(errno.EMFILE, "too many open files", "token"),
        OSError(errno.EPERM, "the firewall"),
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


@pytest.mark.parametrize(
    "error",
    [
        KeyError(),
        FileNotFoundError(errno.ENOENT, "no token"),
        PermissionError(errno.EACCES, "not yours", "token"),
        OSError(errno.EAFNOSUPPORT, "no such family"),
    ],
)
async def test_a_function_with_a_bug(error: Exception) -> None:
    """Other exceptions leave it as they are."""

    async def ask() -> str:
        raise error

    with pytest.raises(type(error)) as caught:
        await Endpoints(ask).get(3)
    assert caught.value is error
