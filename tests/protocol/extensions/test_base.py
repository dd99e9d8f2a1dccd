"""`trio_ws._protocol.extensions.base`: what an extension need not define."""

from __future__ import annotations

import pytest

from trio_ws._protocol.extensions.base import RSV1, RSV2, RSV3, Extension, ExtensionCodec

from ...toys import IDENTITY, IdentityCodec, ReversingCodec


def test_defaults() -> None:
    """By default there is one offer, every message is encoded, and the application has no say."""
    assert Extension.offers(IDENTITY) == [()]
    assert ReversingCodec.min_size == 0
    assert not ReversingCodec.optional


def test_reserved_bits() -> None:
    """The bits are those of the first byte of a frame (RFC 6455 §5.2)."""
    assert RSV1 | RSV2 | RSV3 == 0x70


@pytest.mark.parametrize("kind", [Extension, ExtensionCodec])
def test_what_must_be_defined(kind: type) -> None:
    """An extension that cannot be agreed on, or does not encode and decode, is none."""
    with pytest.raises(TypeError, match="abstract"):
        kind()


def test_a_codec() -> None:
    """What a codec encodes it decodes."""
    codec = IdentityCodec()
    encoded = codec.encode(b"a", finished=True)
    assert list(codec.decode(encoded, finished=True, max_size=1)) == [b"a"]
