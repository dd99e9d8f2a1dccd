"""The context for TLS of all clients that are given none: one for the process.

Making one reads all the certificates that the system trusts: 30 ms or more,
and most of a megabyte in memory.  A hundred clients that made one each would keep
the event loop busy for seconds.  So there is one, made in a thread when the first needs it.

The task that has it made does not wait for the thread, it comes back each turn:
while all tasks wait, a virtual clock would jump to the deadline of the handshake.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import trio

from .._concurrency.per_run import PerRun

if TYPE_CHECKING:
    from outcome import Outcome

_made: list[ssl.SSLContext] = []
"""The context, once there is one."""

_making = PerRun("trio_ws.default_context", trio.Lock)
"""While one task of a run makes it, the others wait, and occupy no thread."""


async def default_context() -> ssl.SSLContext:
    """Return the context of the process, which trusts what the system trusts."""
    async with _making():
        if not _made:
            _made.append(await _make())
    return _made[0]


async def _make() -> ssl.SSLContext:
    results: list[Outcome[ssl.SSLContext]] = []
    trio.lowlevel.start_thread_soon(ssl.create_default_context, results.append)
    while not results:  # noqa: ASYNC110 - waiting is what must not be
        await trio.lowlevel.checkpoint()
    return results[0].unwrap()
