"""Which address of a host to try first: not the one that failed last.

A name may have several addresses, and the system says in which order they are tried.
That helps against an address where nothing listens.
It does not help against one that accepts and then is silent, or answers 503:
TCP came about, so the next attempt would end at the same address, and the one after it.
So what fails behind TCP is remembered for a while, in each Trio run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from .._concurrency.per_run import PerRun

FORGET_AFTER = 300.0
"""For so many seconds an address that failed comes after the others of its host."""

_Host: TypeAlias = tuple[str, int]


class AddressOrder:
    """The addresses that have failed; there is no clock in here."""

    def __init__(self) -> None:
        self._failures: dict[_Host, dict[str, float]] = {}

    def failed(self, host: str, port: int, address: str, now: float) -> None:
        """Note that a connection to this address came to nothing."""
        failures = self._failures.pop((host, port), {})
        failures[address] = now
        self._failures[host, port] = failures
        self._forget(now)

    def worked(self, host: str, port: int, address: str) -> None:
        """Note that a connection to this address came about."""
        if failures := self._failures.get((host, port)):
            failures.pop(address, None)

    def has_failures(self, host: str, port: int, now: float) -> bool:
        """Return True if an address of this host has failed not long ago."""
        self._forget(now)
        return bool(self._failures.get((host, port)))

    def sort(self, host: str, port: int, addresses: Iterable[str]) -> list[str]:
        """Return the addresses without those that failed, and then those, oldest failure first."""
        failures = self._failures.get((host, port), {})
        return sorted(addresses, key=lambda address: failures.get(address, -1.0))

    def _forget(self, now: float) -> None:
        """Forget hosts whose last failure is long ago; the dict is in the order of those."""
        while self._failures:
            host, failures = next(iter(self._failures.items()))
            if failures and now - max(failures.values()) < FORGET_AFTER:
                break
            del self._failures[host]


current_address_order = PerRun("trio_ws.address_order", AddressOrder)
"""Return the order of addresses of the present Trio run."""
