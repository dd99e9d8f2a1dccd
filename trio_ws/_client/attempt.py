"""One attempt: from a URL to an open connection, wherever redirects lead.

    headers ─▶ a hop ─▶ an open connection
                ▲  └─ a redirect: the next URL, and what may be sent there (`redirects`)
                └─────────┘

One deadline lies over all of it.
"""

from __future__ import annotations

import itertools
from typing import NoReturn

import trio

from .._concurrency.body import ask_unprotected
from .._connection.websocket import WebSocket
from .._errors import HandshakeError, HandshakeTimeout, Rejected
from .._handshake.client import checked_headers, retry_after
from .._handshake.redirects import NotFollowed, Trail
from .._http import Headers
from .._log import Log
from .._url import URL
from .application import failed_by_the_network
from .hop import Hop, Opened
from .options import ClientConfig

_log = Log("trio_ws.client")
_numbers = itertools.count(1)


class ConnectAttempt:
    """One attempt: where it is, and how far it has got."""

    def __init__(
        self,
        url: URL,
        config: ClientConfig,
        stream: trio.abc.Stream | None = None,
    ) -> None:
        self._config = config
        self._stream = stream
        # Over a stream that was given, another URL cannot be reached.
        self._trail = Trail(url, limit=config.max_redirects if stream is None else 0)
        self._hop: Hop | None = None
        self._name = ""

    async def connect(self) -> WebSocket:
        """Go through all stages under one deadline; leave no stream open on failure."""
        self._name = f"client-{next(_numbers)}"
        self._log("connecting to %s", self._trail.url)
        try:
            with trio.move_on_after(self._config.timeouts.connect):
                return await self._connect()
            raise self._timeout()
        except HandshakeError as exc:
            self._log("failed: %s", exc)
            self._config.observers.tell("connection_failed", exc)
            if self._hop is not None:
                self._hop.failed(exc)
            raise

    async def _connect(self) -> WebSocket:
        try:
            headers = await self._headers()
        except BaseException:
            if self._stream is not None:
                await trio.aclose_forcefully(self._stream)
            raise
        stream, opening = await self._follow(headers)
        self._log("open, subprotocol %s", opening.subprotocol)
        return WebSocket(stream, opening, client=True, options=self._config, name=self._name)

    async def _headers(self) -> Headers:
        """Return the headers that were given, or those that the application's function returns."""
        function = self._config.headers_function
        if function is None:
            return self._config.fixed_headers
        with failed_by_the_network("headers"):
            return checked_headers(await ask_unprotected(function))

    async def _follow(self, given: Headers) -> Opened:
        """Open the first URL that does not redirect us."""
        by_function = self._config.headers_function is not None
        while True:  # noqa: ASYNC913 - each round opens a connection
            headers = self._trail.headers(given, of_a_function=by_function)
            self._hop = Hop(self._trail, self._config, headers, self._stream)
            try:
                return await self._hop.open()
            except Rejected as rejected:
                if not self._trail.is_followed(rejected.response):
                    raise
                self._go_on(rejected)

    def _go_on(self, rejected: Rejected) -> None:
        came_from = self._trail.url
        try:
            self._trail.follow(rejected.response, rejected.request)
        except NotFollowed as why:
            self._stay(rejected, str(why))
        self._log("redirected from %s to %s", came_from, self._trail.url)

    def _stay(self, rejected: Rejected, why: str) -> NoReturn:
        """Raise a redirect that is not followed, as the rejection that it is."""
        raise Rejected(
            rejected.response,
            url=f"{self._trail.url}{self._trail.came_by}",
            request=rejected.request,
            retry_after=retry_after(rejected.response.headers),
            why_not_followed=why,
        ) from None

    def _timeout(self) -> HandshakeError:
        if self._hop is not None:
            return self._hop.timeout()
        return HandshakeTimeout(
            f"no WebSocket to {self._trail.url} within {self._config.timeouts.connect:g} s: "
            f"still waiting for the headers function",
            transient=True,
        )

    def _log(self, message: str, *args: object) -> None:
        _log.debug(f"[%s] {message}", self._name, *args)
