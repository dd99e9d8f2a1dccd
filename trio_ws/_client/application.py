"""Functions of the application that an attempt calls: what the network does to them may pass.

A token comes from a service, which may be out of reach like any other.
A failure of the network in such a function is therefore a failure to connect,
and a supervisor tries again.  What the function does wrong itself leaves as it is.
"""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager

import trio

from .._errors import HandshakeError
from .verdicts import is_transient

_FILES = frozenset(
    {
        errno.EBADF,
        errno.EEXIST,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EROFS,
    }
)
"""What tells of a file, which no connection has: the function's own mistake."""

_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EIO})
"""What passes, even if a file is named."""


@contextmanager
def failed_by_the_network(name: str) -> Generator[None]:
    """Within the block a function of the application is called, which `name` names.

    Raises:
        HandshakeError: the network failed it, or it gave up waiting; the cause is chained.
    """
    try:
        yield
    except (OSError, trio.TooSlowError) as error:
        if isinstance(error, OSError) and not _may_pass(error):
            raise
        raise HandshakeError(f"the {name} function failed: {error}", transient=True) from error


def _may_pass(error: OSError) -> bool:
    """Return True if a function was failed by the network, or by a shortage."""
    if error.errno in _SHORTAGES:
        return True
    if error.errno in _FILES or error.filename is not None:
        return False
    return is_transient(error) is not False
