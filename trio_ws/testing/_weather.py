"""What happens to the hosts of a simulated network, and to the lines between them."""

from __future__ import annotations

import logging
import math
from random import Random
from typing import Literal, TypeAlias

import trio

from ._cast import Cast
from ._chaos import Chaos
from ._dialling import Exchange
from ._faults import Fault, check_number
from ._hosts import Host
from ._passage import Conditions, Injection

Way: TypeAlias = Literal["to", "from", "both"]

_logger = logging.getLogger("trio_ws.testing")


class Weather:
    """The half of `MemoryNetwork` that changes how it is."""

    def __init__(self, exchange: Exchange, cast: Cast, random: Random) -> None:
        self._exchange = exchange
        self._cast = cast
        self._random = random
        self._nursery: trio.Nursery | None = None

    # Lines

    def link(
        self,
        host: str,
        *,
        latency: float = 0.0,
        jitter: float = 0.0,
        bandwidth: float = math.inf,
        way: Way = "both",
    ) -> None:
        """Say how the lines of a host carry bytes.

        Args:
            host: whose lines.
            latency: seconds that each byte is under way.
            jitter: up to so many seconds more for each segment, drawn by the seed.
            bandwidth: bytes per second, for all connections of the host together.
            way: "to" the host, "from" it, or "both".

        Raises:
            ValueError: there is no such host, or a number makes no sense.
        """
        found = self._exchange.hosts.get(host)
        check_number("latency", latency)
        check_number("jitter", jitter)
        if check_number("bandwidth", bandwidth, endless=True) == 0:
            raise ValueError("a bandwidth of 0 is Fault.stall()")
        if way not in ("to", "from", "both"):
            raise ValueError(f'way must be "to", "from" or "both"; got {way!r}')
        conditions = Conditions(latency, jitter, bandwidth)
        if way != "from":
            found.inward.change(conditions)
        if way != "to":
            found.outward.change(conditions)
        self._exchange.look_again()

    # What happens to hosts

    def inject(self, host: str, fault: Fault) -> Injection:
        """Let a fault happen to the connections of a host; return the record of it.

        Raises:
            ValueError: there is no such host.
            TypeError: this is no `Fault`.
        """
        if not isinstance(fault, Fault):
            raise TypeError(f"a Fault is wanted, not {type(fault).__name__}")
        return self._inject(self._exchange.hosts.get(host), Injection(fault, trio.current_time()))

    def _inject(self, host: Host, injection: Injection) -> Injection:
        _logger.debug("%s on %s", injection.fault, host.name)
        self._exchange.inject(host, injection)
        return injection

    def chaos(self, host: str, profile: Chaos) -> None:
        """Let faults happen to a host from now on, as the profile and the seed have it."""
        found = self._exchange.hosts.get(host)
        self._running().start_soon(self._play_chaos, found, profile)

    async def _play_chaos(self, host: Host, profile: Chaos) -> None:
        for fault in profile.draw(Random(self._random.random())):
            self._inject(host, Injection(fault, trio.current_time(), expected=False))
            await trio.sleep(fault.at)

    def cut(self, host: str, *, for_: float = math.inf) -> Injection:
        """Break all connections of a host; for so many seconds it cannot be reached.

        Both sides are told at once.  For a cut that neither side hears of see `partition`.
        """
        found, now = self._exchange.hosts.get(host), trio.current_time()
        away = self._inject(found, Injection(Fault.unreachable(for_=for_), now))
        self._inject(found, Injection(Fault.reset(), now, part_of=away))
        return away

    def restart(self, host: str, *, for_: float = 0.0) -> None:
        """Crash the servers of a host, and start them again after so many seconds.

        Connections are reset, handlers are cancelled, and in between nothing listens.
        """
        found, now = self._exchange.hosts.get(host), trio.current_time()
        self._inject(found, Injection(Fault.reset(), now, expected=False))
        self._inject(found, Injection(Fault.refuse(for_=for_), now, expected=False))
        for site in self._cast.sites_on(found):
            site.restart(now + for_)

    def partition(
        self, host: str, other: str, *, for_: float = math.inf, one_way: bool = False
    ) -> None:
        """Let no byte pass between two hosts; neither hears of it.

        What was sent meanwhile arrives afterwards.

        Args:
            host: the one.
            other: the other.
            for_: how many seconds.
            one_way: whether bytes still pass from `other` to `host`.
        """
        first, second = self._exchange.hosts.get(host), self._exchange.hosts.get(other)
        until = trio.current_time() + check_number("for_", for_, endless=True)
        self._exchange.part(first, second, until)
        if not one_way:
            self._exchange.part(second, first, until)

    def heal(self, host: str) -> None:
        """End what is going on at a host: faults, cuts, partitions."""
        self._exchange.heal(self._exchange.hosts.get(host))

    def move(self, host: str) -> None:
        """Give a host another address; its connections go on to nowhere, untold.

        That is what happens to a telephone between two networks.
        """
        found = self._exchange.hosts.get(host)
        found.move_to(self._exchange.hosts.new_address())
        for connection in self._exchange.of_host(found):
            connection.vanish()

    def _running(self) -> trio.Nursery:
        if self._nursery is None or self._nursery.cancel_scope.cancel_called:
            raise RuntimeError("this MemoryNetwork is not running: use it in its async with block")
        return self._nursery
