"""Where to connect: one URL, several in order of preference, or a function that is asked each time.

Of several, what one of them says is about that one only::

    it fails                             the next attempt goes to another
    it asks to be left alone for long    it rests; the others are asked after the usual delay
    it fails for good                    it is out until the others have failed too
    all of them have failed for good     that is the end
    things go well                       the next failure leads back to the first of the list

So the endpoint that comes next is the one that failed longest ago, among those that do not rest;
of those that did not fail since things went well, the first.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from inspect import isawaitable
from typing import TypeAlias

import trio

from .._client.application import failed_by_the_network
from .._concurrency.body import call_unprotected
from .._errors import HandshakeTimeout
from .._url import URL, parse_url

_WHAT_IT_MAY_BE = "the endpoint must be a URL, a list of URLs or an async function that returns one"

Endpoint: TypeAlias = str | Sequence[str] | Callable[[], Awaitable[str]]
"""A URL; several, the preferred one first; or an async function that returns one each time."""


@dataclass(slots=True)
class _Candidate:
    """One endpoint of a list, or the function.

    Attributes:
        url: None for a function.
        place: where it leads; of a function, its last answer.
        failed_at: when it failed, in the order of all failures; 0: not since things went well.
        rests_until: when it may be asked again.
        is_out: whether it failed for good.
    """

    url: str | None
    place: URL | None
    failed_at: int = 0
    rests_until: float = -math.inf
    is_out: bool = False

    def fail(self, number: int, *, rests_until: float, for_good: bool) -> None:
        """Take the failure with this number."""
        self.failed_at = number
        self.rests_until = rests_until
        self.is_out = for_good

    def pardon(self) -> None:
        """Forget a failure after a success, but go on preferring those that did not end here."""
        if not self.is_out:
            self.failed_at = 0
        self.is_out = False

    def go_to(self, place: URL) -> None:
        """Note where it leads."""
        self.place = place


class Endpoints:
    """The endpoint of a supervisor, checked when it is made, as far as it can be.

    Raises:
        InvalidURL: a URL is invalid.
        ValueError: there is no URL.
        TypeError: it is none of the three.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self._ask = endpoint if callable(endpoint) else None
        urls = [None] if callable(endpoint) else _urls(endpoint)
        self._candidates = [_Candidate(url, parse_url(url) if url else None) for url in urls]
        self._current = self._candidates[0]
        self._failures = 0

    def __len__(self) -> int:
        """Return how many there are to choose from; a function counts as one."""
        return len(self._candidates)

    @property
    def can_refresh(self) -> bool:
        """Return True if asking again may bring something new."""
        return self._ask is not None

    @property
    def expected(self) -> URL | None:
        """Return where the next attempt goes; of a function, where its last answer led."""
        return self._current.place

    @property
    def rests_until(self) -> float:
        """Return when the endpoint of the next attempt may be asked again, by its own word."""
        return self._current.rests_until

    @property
    def known_urls(self) -> list[URL]:
        """Return all URLs that are known, to check options against; of a function, none."""
        return [parse_url(each.url) for each in self._candidates if each.url is not None]

    # What happens

    def failed(self, *, rests_until: float = -math.inf, for_good: bool = False) -> None:
        """Note that the endpoint whose turn it is has failed."""
        self._failures += 1
        self._current.fail(self._failures, rests_until=rests_until, for_good=for_good)

    def succeeded(self) -> None:
        """Note that things went well."""
        for each in self._candidates:
            each.pardon()

    @property
    def all_failed_for_good(self) -> bool:
        """Return True if none is left that may be worth an attempt."""
        return all(each.is_out for each in self._candidates)

    def choose(self, now: float, delay: float) -> float:
        """Choose the endpoint for the next attempt; return its delay, `delay` if it can be had."""
        ready = [each for each in self._candidates if each.rests_until <= now + delay]
        if ready:
            self._current = min(ready, key=lambda each: each.failed_at)
            return delay
        self._current = min(self._candidates, key=lambda each: each.rests_until)
        return self._current.rests_until - now

    async def get(self, limit: float) -> tuple[str, URL]:
        """Return the URL for an attempt; a function may take `limit` seconds.

        Raises:
            HandshakeTimeout: the function took longer.
            HandshakeError: the network failed it; other exceptions leave it as they are.
            InvalidURL: what it returned cannot be opened.
            TypeError: it is no async function, or it returned no string.
        """
        if self._ask is None:
            await trio.lowlevel.checkpoint()
            assert self._current.url is not None
            assert self._current.place is not None
            return self._current.url, self._current.place
        url: object = None
        with trio.move_on_after(limit) as scope:
            url = await call_unprotected("endpoint", _asked, self._ask)
        if scope.cancelled_caught:
            raise HandshakeTimeout(
                f"the endpoint function returned nothing within {limit:g} s", transient=True
            )
        if not isinstance(url, str):
            raise TypeError(f"the endpoint function returned no URL but {type(url).__name__}")
        place = parse_url(url)
        self._current.go_to(place)
        return url, place


async def _asked(ask: Callable[[], Awaitable[str]]) -> str:
    with failed_by_the_network("endpoint"):
        answer = ask()
        if isawaitable(answer):
            return await answer
    raise TypeError(f"{_WHAT_IT_MAY_BE}; this function is not async")


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
