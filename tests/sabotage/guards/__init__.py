"""All guards of the list, by package; each file has those of a few modules."""

from __future__ import annotations

from ..guard import Guard
from . import (
    connection_core,
    connection_idle_compressors,
    connection_pausing,
    connection_turn,
    connection_writer,
    handshake_http_head,
    handshake_opening,
    handshake_server,
    protocol_deflate,
    protocol_protocol,
    protocol_shared_message,
    protocol_slow_path,
    server_admission,
    server_log,
)

GUARDS: list[Guard] = [
    *protocol_slow_path.GUARDS,
    *protocol_protocol.GUARDS,
    *protocol_deflate.GUARDS,
    *protocol_shared_message.GUARDS,
    *handshake_server.GUARDS,
    *handshake_http_head.GUARDS,
    *handshake_opening.GUARDS,
    *connection_core.GUARDS,
    *connection_turn.GUARDS,
    *connection_writer.GUARDS,
    *connection_idle_compressors.GUARDS,
    *connection_pausing.GUARDS,
    *server_admission.GUARDS,
    *server_log.GUARDS,
]
