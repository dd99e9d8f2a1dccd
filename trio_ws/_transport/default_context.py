"""The context for TLS of all clients that are given none: one for the process.

Making one reads all the certificates that the system trusts: 30 ms or more,
and most of a megabyte in memory.  A hundred clients that made one each would keep
the event loop busy for seconds.  So there is one, made in a thread when the first needs it.
"""

from __future__ import annotations

import ssl

import trio

from .._concurrency.brief_thread import call_in_brief_thread
from .._concurrency.per_run import PerRun

_made: list[ssl.SSLContext] = []
"""The context, once there is one."""

_making = PerRun("trio_ws.default_context", trio.Lock)
"""While one task of a run makes it, the others wait, and occupy no thread."""


async def default_context() -> ssl.SSLContext:
    """Return the context of the process, which trusts what the system trusts."""
    async with _making():
        if not _made:
            _made.append(await call_in_brief_thread(ssl.create_default_context))
    return _made[0]
