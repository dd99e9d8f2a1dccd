"""What is left when the block of a network ends, and should not be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import final

from ._frames import describe_bytes
from ._hosts import Host
from ._script import ScriptedPeer
from ._site import Site
from ._stream import Connection

MANY = 10
"""So many lines of a kind are shown, and then their number."""


@final
class LeftBehind(AssertionError):
    """The block of a `MemoryNetwork` ended, and something was left.

    Attributes:
        left: a sentence for each thing.
    """

    def __init__(self, left: list[str]) -> None:
        self.left = left
        super().__init__("the network was left with\n  - " + "\n  - ".join(left))


def what_is_left(
    hosts: Iterable[Host],
    sites: Iterable[Site],
    connections: Iterable[Connection],
    peers: Iterable[ScriptedPeer],
    unplayed: Iterable[str],
) -> list[str]:
    """Return a sentence for each thing that is left: connections, tasks, bytes, scripts, faults."""
    open_ones = [connection for connection in connections if not connection.over]
    return [
        *_shortened(map(_connection, open_ones)),
        *_shortened(_handlers(sites)),
        *_shortened(_unread_messages(sites)),
        *_shortened(_unread_frames(peers)),
        *_shortened(f"a script that was never played: {url} had no connection" for url in unplayed),
        *_shortened(_faults(hosts)),
    ]


def _shortened(lines: Iterable[str]) -> list[str]:
    found = list(lines)
    more = len(found) - MANY
    return found if more <= 0 else [*found[:MANY], f"and {more} more of these"]


def _connection(connection: Connection) -> str:
    ends = {"client": connection.client, "server": connection.server}
    still = " and ".join(name for name, stream in ends.items() if not stream.closed)
    return f"a connection {connection.name}, not closed by the {still}"


def _handlers(sites: Iterable[Site]) -> Iterator[str]:
    for site in sites:
        for url in site.running.values():
            yield f"a task: the handler of {url} still runs"


def _unread_messages(sites: Iterable[Site]) -> Iterator[str]:
    for site in sites:
        for url, size in site.unread:
            yield f"unread by the handler of {url} when it returned: messages of {size} bytes"


def _unread_frames(peers: Iterable[ScriptedPeer]) -> Iterator[str]:
    for peer in peers:
        if peer.unread:
            yield f"unread by the script of {peer.name}: {describe_bytes(peer.unread)}"


def _faults(hosts: Iterable[Host]) -> Iterator[str]:
    for host in hosts:
        for injection in host.expected:
            if injection.missed:
                yield f"a fault that never fired: {injection.fault} on {host.name}"
