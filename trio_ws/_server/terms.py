"""What holds for the connections of one route: the server's options, some of them replaced.

They are made once for each route, when the server is made,
so that options which do not go together are refused before the first request.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import final

from .._handshake.origins import OriginCheck
from .admission import Quota
from .options import ServerConfig
from .selection import Route


@final
class Terms:
    """The terms of one route.

    Attributes:
        config: the options of its connections.
        origins: which pages may connect.
        quota: how many connections there may be.
    """

    def __init__(self, config: ServerConfig, quota: Quota | None = None) -> None:
        self.config = config
        self.origins = OriginCheck(config.origins)
        self.quota = quota


def terms_of(config: ServerConfig, routes: Iterable[Route]) -> Mapping[Route | None, Terms]:
    """Return the terms of each route of a server, and of a handler without one.

    Raises:
        LocalProtocolError: an extension of the server has the name of a route's compression.
    """
    plain = Terms(config)
    terms: dict[Route | None, Terms] = {None: plain}
    for route in routes:
        quota = None if route.max_connections is None else Quota(route.max_connections)
        own = replace(config, **route.options) if route.options else config
        terms[route] = plain if own is config and quota is None else Terms(own, quota)
    return terms
