"""The context for TLS of all clients that are given none: one for the process.

Making one reads all the certificates that the system trusts: 30 ms or more,
and most of a megabyte in memory.  A hundred clients that made one each would keep
the event loop busy for seconds.  So there is one, made in a thread when the first needs it.

OpenSSL says nothing if it cannot open the file with the certificates, and trusts none of them then.
A process that is out of descriptors for a moment must not keep such a context.
"""

from __future__ import annotations

import ssl
from contextlib import suppress

import trio

from .._concurrency.brief_thread import call_in_brief_thread
from .._concurrency.per_run import PerRun

_made: list[ssl.SSLContext] = []
"""The context, once there is one."""

_making = PerRun("trio_ws.default_context", trio.Lock)
"""While one task of a run makes it, the others wait, and occupy no thread."""


async def default_context() -> ssl.SSLContext:
    """Return the context of the process, which trusts what the system trusts.

    Raises:
        OSError: the certificates cannot be read now, for want of a descriptor, say.
    """
    async with _making():
        if not _made:
            _made.append(await call_in_brief_thread(_with_certificates))
    return _made[0]


def _with_certificates() -> ssl.SSLContext:
    """Make one, and raise what kept OpenSSL from reading the certificates."""
    context = ssl.create_default_context()
    file: str | None = ssl.get_default_verify_paths().cafile
    if file is not None and not context.cert_store_stats()["x509"]:
        with suppress(ssl.SSLError):  # a file without certificates: then none are trusted
            context.load_verify_locations(file)
    return context
