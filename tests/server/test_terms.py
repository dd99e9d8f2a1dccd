"""`trio_ws._server.terms`: what holds for the connections of one route."""

from __future__ import annotations

import pytest

from trio_ws import Deflate, Headers, Limits, LocalProtocolError
from trio_ws._server.options import ServerConfig
from trio_ws._server.selection import Route
from trio_ws._server.terms import terms_of

from ..halls import echo

CONFIG = ServerConfig(origins=["https://a"], max_connections=9, extensions=[Deflate()])


def test_terms() -> None:
    """A route replaces what it gives; the rest is the server's, and each has its own quota."""
    plain, own = Route(echo, {}), Route(echo, {"origins": ["https://b"]}, max_connections=1)
    small = Route(echo, {"limits": Limits(max_fragments=5)})
    bounded = Route(echo, {}, max_connections=1)
    terms = terms_of(CONFIG, [plain, own, small, bounded])
    assert list(terms) == [None, plain, own, small, bounded]
    assert terms[None] is terms[plain]
    assert terms[None].config is terms[bounded].config is CONFIG
    assert terms[bounded].quota is not None
    assert terms[small].config.limits == Limits(max_fragments=5)
    assert terms[small].config.origins == CONFIG.origins
    assert [each.quota is None for each in terms.values()] == [True, True, False, True, False]
    headers = Headers({"Origin": "https://b"})
    assert [each.origins.allows(headers) for each in terms.values()] == [
        False,
        False,
        True,
        False,
        False,
    ]


def test_what_does_not_go_together() -> None:
    """An option of a route that the server's do not allow is refused at once."""
    with pytest.raises(LocalProtocolError, match="an extension is named twice"):
        terms_of(CONFIG, [Route(echo, {"compression": Deflate()})])
