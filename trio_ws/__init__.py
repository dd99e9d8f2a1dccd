"""WebSocket clients and servers for Trio (RFC 6455).

The map of the house, from the ground up; imports go downward only:

* **Words**: what is said.  ``_errors`` (every exception, on one screen), ``_values`` (requests,
  close codes, the ending), ``_policy`` (how long, how often, how much), ``_url``.
* **Protocol**: bytes in, bytes out, no I/O.  ``_sansio/session`` is an open connection,
  ``_sansio/states`` its state table; ``_sansio/fastlane`` knows the simple frames,
  ``_sansio/judge`` all the others.  ``_sansio/*handshake`` is how a connection comes about.
  wsproto and h11 live here.
* **Trio**: ``_transport`` (a stream), ``_tls`` (TLS, seen from below),
  ``_services`` (what drives a session),
  ``_reader`` and ``_writer`` (the task that reads and the task that writes),
  ``_lease`` (is the peer alive) and ``_rounds`` (who asks for whom),
  ``_connection`` (`WebSocket`, what you hold),
  ``_statistics`` (its numbers), ``_scope`` (the block around it, and the one exception
  that leaves it).
* **Doors**: ``_client``, which connects with ``_dial``; ``_server``, behind it ``_reception``
  (TLS and HTTP of one newcomer), ``_admission`` (who is inside) and ``_handling`` (what becomes
  of handlers).
* **Roof**: ``_supervisor``, the face of ``_supervision`` (connect, run, judge, wait, again);
  under it ``_classify`` (what helps against a failure), ``_backoff`` (when to try again),
  ``_throttle`` (what supervisors share), ``_endpoints``, ``_states``, ``_journal`` and ``_beside``.
  ``_reconnecting``, one channel across many connections: ``_incoming`` and ``_outgoing`` messages.
  ``testing``.

To follow a message through the house, begin at the top of ``_services``.
Everything public is exported here, or from `trio_ws.testing`.
"""

from ._backoff import Backoff
from ._classify import Remedy
from ._client import open_websocket, open_websocket_on
from ._connection import WebSocket
from ._errors import (
    ConnectionClosed,
    ConnectionLost,
    HandshakeError,
    HandshakeTimeout,
    HeartbeatTimeout,
    InvalidHandshake,
    InvalidURL,
    LocalProtocolError,
    NotConnected,
    ProtocolViolation,
    Rejected,
    SupervisorGaveUp,
    TLSError,
    UnsupportedVersion,
    WebSocketError,
)
from ._outgoing import SendBuffer
from ._policy import Heartbeat, Limits, MessageHeartbeat, MessageReply, Timeouts, Watchdog
from ._reception import log_handler_failure
from ._reconnecting import (
    ReconnectingStatistics,
    ReconnectingWebSocket,
    open_reconnecting_websocket,
)
from ._sansio.origins import ANY, SAME_ORIGIN
from ._server import (
    Server,
    serve_websocket,
    serve_websocket_listeners,
    serve_websocket_on,
)
from ._states import SupervisorState, Transition
from ._statistics import ConnectionStatistics, ServerStatistics
from ._streaming import IncomingMessage
from ._supervisor import Supervisor, SupervisorStatistics, open_supervisor, supervise
from ._throttle import Throttle
from ._values import Close, CloseCode, Ending, Headers, Loss, Request, Response

__all__ = [
    "ANY",
    "SAME_ORIGIN",
    "Backoff",
    "Close",
    "CloseCode",
    "ConnectionClosed",
    "ConnectionLost",
    "ConnectionStatistics",
    "Ending",
    "HandshakeError",
    "HandshakeTimeout",
    "Headers",
    "Heartbeat",
    "HeartbeatTimeout",
    "IncomingMessage",
    "InvalidHandshake",
    "InvalidURL",
    "Limits",
    "LocalProtocolError",
    "Loss",
    "MessageHeartbeat",
    "MessageReply",
    "NotConnected",
    "ProtocolViolation",
    "ReconnectingStatistics",
    "ReconnectingWebSocket",
    "Rejected",
    "Remedy",
    "Request",
    "Response",
    "SendBuffer",
    "Server",
    "ServerStatistics",
    "Supervisor",
    "SupervisorGaveUp",
    "SupervisorState",
    "SupervisorStatistics",
    "TLSError",
    "Throttle",
    "Timeouts",
    "Transition",
    "UnsupportedVersion",
    "Watchdog",
    "WebSocket",
    "WebSocketError",
    "log_handler_failure",
    "open_reconnecting_websocket",
    "open_supervisor",
    "open_websocket",
    "open_websocket_on",
    "serve_websocket",
    "serve_websocket_listeners",
    "serve_websocket_on",
    "supervise",
]

for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
