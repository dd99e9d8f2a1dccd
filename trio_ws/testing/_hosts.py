"""The map of a simulated network: hosts, their names and addresses, and the lines between them.

Each host is attached to the network by two lines, one in and one out.
What goes from A to B passes A's line out and B's line in: latencies add up,
the narrower bandwidth counts, and all connections of a host share its lines::

    phone ──out──▶ ( network ) ──in──▶ api.example
          ◀──in───             ◀──out──

A `Route` is such a pair of lines; partitions lie between two hosts.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator

from .._validation import check_text
from ._passage import PERFECT, Conditions, Injection


class HostLine:
    """One of the two lines of a host; all its connections share it."""

    def __init__(self) -> None:
        self.conditions = Conditions()
        self._free_at = 0.0

    def change(self, conditions: Conditions) -> None:
        """Carry bytes in another way from now on."""
        self.conditions = conditions

    def reserve(self, size: int, now: float) -> float:
        """Take the line for so many bytes; return when they are on their way."""
        if self.conditions.bandwidth == math.inf:
            return now
        self._free_at = max(self._free_at, now) + size / self.conditions.bandwidth
        return self._free_at


class Host:
    """A machine on the network.

    Attributes:
        name: how it is found; a name or an address.
        address: where that leads at present.
        injections: the faults that concern it and are not over.
        expected: all that a test has injected.
    """

    def __init__(self, name: str, address: str) -> None:
        self.name = name
        self.address = address
        self.inward, self.outward = HostLine(), HostLine()
        self.injections: list[Injection] = []
        self.expected: list[Injection] = []
        self._next_port = 49152

    def take_port(self) -> int:
        """Return a port of its own for a connection that it makes."""
        self._next_port += 1
        return self._next_port - 1

    def move_to(self, address: str) -> None:
        """Be found at another address from now on."""
        self.address = address


class Route:
    """The way from one host to another; a `Line` for the wires of their connections."""

    def __init__(self, source: Host, target: Host, partitions: Partitions) -> None:
        self._ends = source, target
        self._first, self._second = source.outward, target.inward
        self._partitions = partitions
        self._parts: tuple[Conditions, Conditions] | None = None
        self._whole = PERFECT

    def conditions(self) -> Conditions:
        """Return how both lines together carry bytes; this is asked for each segment."""
        parts = self._first.conditions, self._second.conditions
        if self._parts is None or parts[0] is not self._parts[0] or parts[1] is not self._parts[1]:
            self._parts, self._whole = parts, parts[0] + parts[1]
        return self._whole

    def held_until(self, now: float) -> float:
        """Return when the two hosts hear from each other again."""
        return self._partitions.between(*self._ends, now)

    def reserve(self, size: int, now: float) -> float:
        """Take both lines for so many bytes; return when they are on their way."""
        return max(self._first.reserve(size, now), self._second.reserve(size, now))


class Partitions:
    """Which hosts do not hear from each other, and until when."""

    def __init__(self) -> None:
        self._until: dict[tuple[Host, Host], float] = {}

    def add(self, source: Host, target: Host, until: float) -> None:
        """Let nothing of `source` reach `target` until then."""
        self._until[source, target] = until

    def heal(self, host: Host) -> None:
        """Let a host be heard by all, and hear all."""
        for pair in [pair for pair in self._until if host in pair]:
            del self._until[pair]

    def between(self, source: Host, target: Host, now: float) -> float:
        """Return until when `target` does not hear `source`: `now`, if it does."""
        return max(now, self._until.get((source, target), now))


class Directory:
    """All hosts, by name and by address; also what no longer leads anywhere."""

    def __init__(self) -> None:
        self._by_name: dict[str, Host] = {}
        self._count = 0

    def __iter__(self) -> Iterator[Host]:
        return iter(self._by_name.values())

    def find(self, name: str) -> Host | None:
        """Return the host with this name or address, or None.

        Raises:
            TypeError: a name is a `str`.
        """
        check_text("host", name)
        name = name.lower()
        if name in self._by_name:
            return self._by_name[name]
        return next((host for host in self if host.address == name), None)

    def add(self, name: str) -> Host:
        """Return the host with this name; make it if there is none."""
        host = self.find(name)
        if host is None:
            name = name.lower()
            host = Host(name, name if _is_address(name) else self.new_address())
            self._by_name[name] = host
        return host

    def new_address(self) -> str:
        """Return an address that no host had."""
        self._count += 1
        return f"10.0.{self._count // 250}.{self._count % 250 + 1}"

    def get(self, name: str) -> Host:
        """Return the host with this name.

        Raises:
            ValueError: there is none; the message names those that are there.
        """
        host = self.find(name)
        if host is None:
            names = [host.name for host in self]
            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            known = ", ".join(names) or "none yet"
            raise ValueError(
                f"this network has no host {name!r}; {hint}its hosts are: {known} "
                "(`serve` and `on` make them)"
            )
        return host


def _is_address(name: str) -> bool:
    return ":" in name or name.replace(".", "").isdigit()
