"""Help for testing code that uses `trio_ws`, and what our own tests are made of.

Everything here runs over memory streams, so it needs no network, and works in virtual time
(`trio.testing.MockClock`, pytest-trio's ``autojump_clock``): a test of a 20 s heartbeat
takes milliseconds and can compare times exactly.

* `MemoryNetwork`: any URL, served in memory, with links, partitions, restarts and faults.
* `Fault` and `Chaos`: what networks do to connections, one by one or drawn by a seed.
* `ScriptedPeer`: follows a script to the letter, and shows where the other side left it.
* `record`: a `Transcript` of what was said, to be kept in a file and compared.
* `assert_no_leaks`: checks that a block leaves no task, descriptor or connection.
* `open_fault_proxy`: the same faults on real TCP connections.
* `open_websocket_pair`: a client and a server that are connected to each other.
* `open_websocket_to_peer`: one WebSocket, and at the other end a `RawPeer`.
* `RawPeer`: sends exactly the bytes and frames that it is told to, also forbidden ones,
  and checks what comes back.
"""

from ._chaos import Chaos
from ._faults import Fault, FaultKind, FaultTiming
from ._frames import Binary, Ping, Pong, Text
from ._heads import Head
from ._leaks import assert_no_leaks
from ._left import LeftBehind
from ._network import MemoryNetwork
from ._pair import open_websocket_pair, open_websocket_to_peer
from ._passage import Injection
from ._peer import Frame, RawPeer
from ._proxy import FaultProxy, open_fault_proxy
from ._script import ScriptedPeer, ScriptMismatch
from ._transcript import Transcript, record

__all__ = [
    "Binary",
    "Chaos",
    "Fault",
    "FaultKind",
    "FaultProxy",
    "FaultTiming",
    "Frame",
    "Head",
    "Injection",
    "LeftBehind",
    "MemoryNetwork",
    "Ping",
    "Pong",
    "RawPeer",
    "ScriptMismatch",
    "ScriptedPeer",
    "Text",
    "Transcript",
    "assert_no_leaks",
    "open_fault_proxy",
    "open_websocket_pair",
    "open_websocket_to_peer",
    "record",
]

for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
