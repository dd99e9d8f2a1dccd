"""Help for testing code that uses `trio_ws`, and what our own tests are made of.

Everything here runs over memory streams, so it needs no network, and works in virtual time
(`trio.testing.MockClock`, pytest-trio's ``autojump_clock``): a test of a 20 s heartbeat
takes milliseconds and can compare times exactly.

* `open_websocket_pair`: a client and a server that are connected to each other.
* `open_websocket_to_peer`: one WebSocket, and at the other end a `RawPeer`.
* `RawPeer`: sends exactly the bytes and frames that it is told to, also forbidden ones,
  and checks what comes back.
"""

from ._pair import open_websocket_pair, open_websocket_to_peer
from ._peer import Frame, RawPeer

__all__ = ["Frame", "RawPeer", "open_websocket_pair", "open_websocket_to_peer"]

for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
