"""Numpy, imported once it is worth while.

The import of numpy takes longer than that of Trio and of this library together,
and a process that exchanges small messages only does not need numpy at all.
So `masking` begins without it, and reports here what it masks in the slow way meanwhile.
After `WORTH_IT` bytes numpy is fetched: once, and by the caller of `fetch_with`,
since this floor starts no threads.
It is fetched in a thread, so that no connection waits for it::

    masking ──missed(size)──▶ NumpyOnDemand ──fetch(provide)──▶ a thread imports numpy
       ▲                                                             │
       └───────────────────────── module ◀──────────provide(numpy)───┘

`module` changes only once, from None to numpy, and any thread may look at it at any time.
A function that looks once and then keeps to what it saw is right, whatever it saw:
both ways yield the same bytes.

If numpy is not installed, or cannot be imported, `module` stays None.
If the process forks while the thread is at it, the thread does not exist in the child,
and the child stays without numpy.
"""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TypeAlias, final

WORTH_IT = 16 * 1024
"""So many bytes are masked without numpy before it is fetched: a large message, or many others."""

Provide: TypeAlias = Callable[[ModuleType], None]
Fetch: TypeAlias = Callable[[Provide], None]
"""What fetches numpy and then calls its argument with it; it must not wait for that."""


@final
class NumpyOnDemand:
    """Numpy, or None until it is there."""

    __slots__ = ("_fetch", "_missed", "module")

    def __init__(self) -> None:
        self.module: ModuleType | None = None
        self._fetch: Fetch | None = None
        self._missed = 0

    def fetch_with(self, fetch: Fetch) -> None:
        """Set how numpy is fetched; without this it never is."""
        self._fetch = fetch

    def missed(self, size: int) -> None:
        """Note that numpy would have masked `size` bytes, and fetch it if it is time to.

        The sum is a rough one: a payload may be counted alone and once more as one of many.
        """
        self._missed += size
        if self._fetch is not None and self._missed >= WORTH_IT:
            # Two threads may both come here.  Then numpy is fetched twice, which does no harm.
            fetch, self._fetch = self._fetch, None
            fetch(self.provide)

    def provide(self, module: ModuleType) -> None:
        """Use this from now on."""
        self.module = module
