"""The options of a client: each written once, checked when it is given, as a frozen value.

`open_websocket` spells them out, for `help` and for editors; `ClientOptions` is what
all other functions take (``**options: Unpack[ClientOptions]``); `ClientConfig` is the value.
A test holds the three together.
"""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass

from .._handshake.client import check_headers
from .._handshake.opening import check_subprotocols
from .._http import Headers, HeaderSource
from .._options import ConnectionOptions, PolicyOptions
from .._url import URL
from .._validation import check_context, check_text

USER_AGENT = "trio_ws"


class ClientOptions(PolicyOptions, total=False):
    """The options of `open_websocket`, for functions that pass them on."""

    subprotocols: Sequence[str]
    headers: HeaderSource
    ssl_context: ssl.SSLContext | None
    origin: str | None
    user_agent: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig(ConnectionOptions):
    """The options of a client, checked; `open_websocket` says what they mean.

    Raises:
        TypeError, ValueError, LocalProtocolError: an option makes no sense.
    """

    subprotocols: Sequence[str] = ()
    headers: HeaderSource = ()
    ssl_context: ssl.SSLContext | None = None
    origin: str | None = None
    user_agent: str | None = USER_AGENT

    def __post_init__(self) -> None:
        ConnectionOptions.__post_init__(self)  # super() does not know a class with slots
        object.__setattr__(self, "subprotocols", tuple(check_subprotocols(self.subprotocols)))
        object.__setattr__(self, "headers", Headers(self.headers))  # they may be an iterator
        check_text("origin", self.origin, optional=True)
        check_text("user_agent", self.user_agent, optional=True)
        check_headers(self.headers, origin=self.origin, user_agent=self.user_agent)
        check_context(self.ssl_context, server=False)

    def check_url(self, url: URL) -> None:
        """Refuse what is of no use for this URL."""
        if self.ssl_context is not None and not url.tls:
            raise ValueError(f"an ssl_context is for wss://, and of no use for {url}")
