"""`trio_ws._tls_info`: a plain fact."""

from __future__ import annotations

import dataclasses

import pytest

from trio_ws import Headers, Request, TLSInfo


def test_a_fact() -> None:
    """It cannot be changed; equal ones are equal as keys too; a certificate may be missing."""
    one, other = (TLSInfo(version="TLSv1.3", cipher="X", peer_certificate={}) for _ in range(2))
    assert {one: 1}[other] == 1
    assert one != TLSInfo(version="TLSv1.3", cipher="X")
    assert one.alpn is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.version = "TLSv1.2"  # type: ignore[misc]


def test_of_a_request() -> None:
    """A request may have come over TLS; two are the same request if they say the same."""
    info = TLSInfo(version="TLSv1.3", cipher="X")
    request = Request(method="GET", target="/", headers=Headers(), tls=info)
    assert request.tls is info
    assert request == Request(method="GET", target="/", headers=Headers())
