"""Where to connect: one URL, several in turn, or a function that is asked each time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable
from typing import TypeAlias

import trio

from .._client.attempt import is_transient
from .._errors import HandshakeError, HandshakeTimeout
from .._url import URL, parse_url

_WHAT_IT_MAY_BE = "the endpoint must be a URL, a list of URLs or an async function that returns one"

Endpoint: TypeAlias = str | Sequence[str] | Callable[[], Awaitable[str]]
"""A URL; several, which take turns; or an async function that returns one for each attempt."""


class Endpoints:
    """The endpoint of a supervisor; nonsense is refused when it is made, if it can be seen then.

    Raises:
        InvalidURL: a URL is none.
        ValueError: there is no URL.
        TypeError: it is none of the three.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._ask = endpoint if callable(endpoint) else None
        self._urls = [] if callable(endpoint) else _urls(endpoint)
        self._turn = 0

    def __len__(self) -> int:
        """How many there are to choose from; a function counts as one."""
        return len(self._urls) or 1

    @property
    def can_refresh(self) -> bool:
        """Whether asking again may bring something new."""
        return self._ask is not None

    @property
    def known(self) -> URL | None:
        """Whose turn it is; None if a function has to be asked."""
        return parse_url(self._urls[self._turn]) if self._urls else None

    @property
    def known_urls(self) -> list[URL]:
        """All URLs that are known, to check options against; of a function, none."""
        return [parse_url(url) for url in self._urls]

    def rotate(self) -> None:
        """It is the next one's turn."""
        if self._urls:
            self._turn = (self._turn + 1) % len(self._urls)

    async def get(self, patience: float) -> str:
        """The URL for an attempt; a function may take `patience` seconds to tell it.

        Raises:
            HandshakeTimeout: the function took longer.
            HandshakeError: the network failed it; other exceptions leave it as they are.
            TypeError: it is no async function, or it returned no string.
        """
        if self._ask is None:
            await trio.lowlevel.checkpoint()
            return self._urls[self._turn]
        url: object = None
        with trio.move_on_after(patience) as scope:
            url = await _asked(self._ask)
        if scope.cancelled_caught:
            raise HandshakeTimeout(
                f"the endpoint function returned nothing within {patience:g} s", transient=True
            )
        if not isinstance(url, str):
            raise TypeError(f"the endpoint function returned no URL but {type(url).__name__}")
        return url


async def _asked(ask: Callable[[], Awaitable[str]]) -> str:
    try:
        answer = ask()
        if isawaitable(answer):
            return await answer
    except (OSError, trio.TooSlowError) as error:
        if isinstance(error, OSError) and not _may_pass(error):
            raise
        raise HandshakeError(f"the endpoint function failed: {error}", transient=True) from error
    raise TypeError(f"{_WHAT_IT_MAY_BE}; this function is not async")


def _may_pass(error: OSError) -> bool:
    if isinstance(error, ConnectionError | TimeoutError):
        return True
    return is_transient(error) is not False


def _urls(endpoint: object) -> list[str]:
    if not isinstance(endpoint, Sequence):
        raise TypeError(f"{_WHAT_IT_MAY_BE}, not {type(endpoint).__name__}")
    urls: list[str] = []
    for url in [endpoint] if isinstance(endpoint, str) else endpoint:
        if not isinstance(url, str):
            raise TypeError(f"an endpoint is a URL, not {type(url).__name__}")
        parse_url(url)
        urls.append(url)
    if not urls:
        raise ValueError("an empty list of endpoints leads nowhere")
    return urls
