"""How both sides of websockets compress: as we do, with windows of 12 bits, where it is offered."""

from __future__ import annotations

from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    ServerPerMessageDeflateFactory,
)

from ..wire import Talk

_SETTINGS = {"memLevel": 5}

SERVER_DEFLATE = [
    ServerPerMessageDeflateFactory(
        server_max_window_bits=12, client_max_window_bits=12, compress_settings=_SETTINGS
    )
]


def client_deflate(talk: Talk) -> list[ClientPerMessageDeflateFactory] | None:
    """Return what a client offers for messages of JSON; nothing for others."""
    if talk.kind != "json":
        return None
    return [
        ClientPerMessageDeflateFactory(client_max_window_bits=True, compress_settings=_SETTINGS)
    ]
