"""WebSocket clients and servers for Trio (RFC 6455).

The house, from the roof down.  Imports go downward only; each folder opens with its theory.

* ``_reconnecting``: one channel across many connections.
* ``_supervision``: connect, run, judge, wait, again.
* ``_client``, ``_server``: the doors, which do not know each other; ``testing`` beside them.
* ``_connection``: one open connection; `WebSocket` is its face.
* ``_transport``, ``_handshake``: streams of bytes and where they come from; HTTP, pure.
* ``_protocol``, ``_liveness``: frames, pure; heartbeats as arithmetic.
* ``_concurrency``: Trio, and nothing of WebSocket.
* ``_errors`` (every exception on one screen), ``_url``, ``_ending``, ``_http``, ``_policies``,
  ``_validation``, ``_text``: plain values.

To follow a message through the house, begin at the top of ``_connection``.
Everything public is exported here, or from `trio_ws.testing`.
"""

from ._client.connect import open_websocket, open_websocket_on
from ._connection.incoming_message import IncomingMessage
from ._connection.statistics import ConnectionStatistics
from ._connection.websocket import WebSocket
from ._ending import Close, CloseCode, Ending, Loss
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
from ._handshake.origins import ANY_ORIGIN, SAME_ORIGIN
from ._http import Headers, Request, Response
from ._policies import Heartbeat, Limits, MessageHeartbeat, MessageReply, Timeouts, Watchdog
from ._reconnecting.channel import (
    ReconnectingStatistics,
    ReconnectingWebSocket,
    open_reconnecting_websocket,
)
from ._reconnecting.outgoing import SendBuffer
from ._server.log import log_handler_error
from ._server.serve import serve_websocket, serve_websocket_listeners, serve_websocket_on
from ._server.server import Server
from ._server.statistics import ServerStatistics
from ._supervision.backoff import Backoff
from ._supervision.retry_rules import Remedy
from ._supervision.states import SupervisorState, Transition
from ._supervision.supervise import Supervisor, SupervisorStatistics, open_supervisor, supervise
from ._supervision.throttle import Throttle

__all__ = [
    "ANY_ORIGIN",
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
    "log_handler_error",
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
