"""WebSocket clients and servers for Trio (RFC 6455).

The house, from the roof down.  Imports go downward only; each folder opens with its theory.

* ``_reconnecting``: one channel across many connections.
* ``_supervision``: connect, run, classify the end, wait, again.
* ``_client``, ``_server``: the doors, which do not know each other; ``testing`` beside them.
* ``instruments``, ``debug``: ready-made instruments; what goes on at the moment.
* ``_connection``: one open connection; `WebSocket` is its face.
* ``_transport``, ``_handshake``: streams of bytes and where they come from; HTTP, pure.
* ``_protocol``, ``_liveness``: frames, pure; heartbeats as arithmetic.
* ``_concurrency``: Trio, and nothing of WebSocket.
* ``_instrument``: what is told of all this.
* ``_errors`` (every exception on one screen), ``_url``, ``_ending``, ``_http``, ``_policies``,
  ``_validation``, ``_text``: plain values.

To follow a message through the house, begin at the top of ``_connection``.
Everything public is exported here, or from `trio_ws.testing`, `trio_ws.instruments`
and `trio_ws.debug`.  The two upper floors are imported when the first of their names is asked for.
"""

import importlib
import types
import typing

from ._client.connect import open_websocket, open_websocket_on
from ._client.options import ClientHeaders, ClientOptions, ConnectTo, HeadersFunction, ProxyOption
from ._connection.fragments import BytesLike, Fragments
from ._connection.incoming_message import IncomingMessage
from ._connection.statistics import ConnectionStatistics
from ._connection.websocket import Message, WebSocket
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
    MessageTooBig,
    MessageTypeError,
    NotConnected,
    ProtocolViolation,
    ProxyError,
    Reconnect,
    Rejected,
    SupervisorGaveUp,
    TLSError,
    TooManyRedirects,
    UnsupportedVersion,
    WebSocketError,
)
from ._handshake.origins import ANY_ORIGIN, SAME_ORIGIN, OriginRule, Origins
from ._http import Accept, Headers, HeaderSource, Request, Response
from ._instrument import Instrument, MessageKind
from ._message_channel import MessageChannel
from ._options import PolicyOptions
from ._policies import (
    Heartbeat,
    HeartbeatOption,
    HeartbeatPolicy,
    Limits,
    MessageHeartbeat,
    MessageReply,
    Timeouts,
    Watchdog,
)
from ._protocol.extensions.base import (
    RSV1,
    RSV2,
    RSV3,
    Agreement,
    Extension,
    ExtensionCodec,
    Parameters,
)
from ._protocol.extensions.deflate import Deflate, DeflateStatistics
from ._server.auth import CredentialCheck, basic_auth
from ._server.listeners import inherited_listeners, open_listeners
from ._server.log import log_handler_error
from ._server.options import HandlerErrorHook, RequestHook, ServerOptions, Subprotocols
from ._server.router import RouteOptions, Router
from ._server.routing import RequestHandler
from ._server.selection import Handler
from ._server.serve import serve_websocket, serve_websocket_listeners, serve_websocket_on
from ._server.server import Listener, Server
from ._server.statistics import ServerStatistics
from ._tls_info import TLSInfo

if typing.TYPE_CHECKING:
    from ._reconnecting.channel import OnConnect, ReconnectingWebSocket, WhenDown
    from ._reconnecting.open import open_reconnecting_websocket
    from ._reconnecting.outgoing import SendBuffer
    from ._reconnecting.statistics import ReconnectingStatistics
    from ._supervision.backoff import Backoff
    from ._supervision.config import Connect, Session, SupervisorOptions, UnknownHost
    from ._supervision.counters import SupervisorStatistics
    from ._supervision.endpoints import Endpoint
    from ._supervision.retry_rules import Classify, Failure, Remedy
    from ._supervision.states import SupervisorState, Transition
    from ._supervision.supervise import Supervisor, open_supervisor, supervise
    from ._supervision.throttle import Throttle
    from ._supervision.transitions import TransitionHook
else:
    _LATER = (
        "._reconnecting.channel",
        "._reconnecting.open",
        "._reconnecting.outgoing",
        "._reconnecting.statistics",
        "._supervision.backoff",
        "._supervision.config",
        "._supervision.counters",
        "._supervision.endpoints",
        "._supervision.retry_rules",
        "._supervision.states",
        "._supervision.supervise",
        "._supervision.throttle",
        "._supervision.transitions",
    )
    """What brings clients back; a server needs none of it, and it is a fifth of the import."""

    def __getattr__(name: str) -> object:
        """Import all that comes later when the first name of it is asked for."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        for module in _LATER:
            found = vars(importlib.import_module(module, __name__))
            for each in found.keys() & set(__all__):
                globals().setdefault(each, found[each])
        _sign()
        return globals()[name]

    def __dir__() -> list[str]:
        """List what comes later, too."""
        return sorted({*globals(), *__all__})


__version__ = "0.1.0"

__all__ = [
    "ANY_ORIGIN",
    "RSV1",
    "RSV2",
    "RSV3",
    "SAME_ORIGIN",
    "Accept",
    "Agreement",
    "Backoff",
    "BytesLike",
    "Classify",
    "ClientHeaders",
    "ClientOptions",
    "Close",
    "CloseCode",
    "Connect",
    "ConnectTo",
    "ConnectionClosed",
    "ConnectionLost",
    "ConnectionStatistics",
    "CredentialCheck",
    "Deflate",
    "DeflateStatistics",
    "Ending",
    "Endpoint",
    "Extension",
    "ExtensionCodec",
    "Failure",
    "Fragments",
    "Handler",
    "HandlerErrorHook",
    "HandshakeError",
    "HandshakeTimeout",
    "HeaderSource",
    "Headers",
    "HeadersFunction",
    "Heartbeat",
    "HeartbeatOption",
    "HeartbeatPolicy",
    "HeartbeatTimeout",
    "IncomingMessage",
    "Instrument",
    "InvalidHandshake",
    "InvalidURL",
    "Limits",
    "Listener",
    "LocalProtocolError",
    "Loss",
    "Message",
    "MessageChannel",
    "MessageHeartbeat",
    "MessageKind",
    "MessageReply",
    "MessageTooBig",
    "MessageTypeError",
    "NotConnected",
    "OnConnect",
    "OriginRule",
    "Origins",
    "Parameters",
    "PolicyOptions",
    "ProtocolViolation",
    "ProxyError",
    "ProxyOption",
    "Reconnect",
    "ReconnectingStatistics",
    "ReconnectingWebSocket",
    "Rejected",
    "Remedy",
    "Request",
    "RequestHandler",
    "RequestHook",
    "Response",
    "RouteOptions",
    "Router",
    "SendBuffer",
    "Server",
    "ServerOptions",
    "ServerStatistics",
    "Session",
    "Subprotocols",
    "Supervisor",
    "SupervisorGaveUp",
    "SupervisorOptions",
    "SupervisorState",
    "SupervisorStatistics",
    "TLSError",
    "TLSInfo",
    "Throttle",
    "Timeouts",
    "TooManyRedirects",
    "Transition",
    "TransitionHook",
    "UnknownHost",
    "UnsupportedVersion",
    "Watchdog",
    "WebSocket",
    "WebSocketError",
    "WhenDown",
    "basic_auth",
    "inherited_listeners",
    "log_handler_error",
    "open_listeners",
    "open_reconnecting_websocket",
    "open_supervisor",
    "open_websocket",
    "open_websocket_on",
    "serve_websocket",
    "serve_websocket_listeners",
    "serve_websocket_on",
    "supervise",
]


def _sign() -> None:
    """Let classes and functions say that they come from here; aliases cannot."""
    for name in __all__:
        if isinstance(value := globals().get(name), type | types.FunctionType):
            value.__module__ = __name__


_sign()
