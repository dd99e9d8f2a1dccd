"""Where the masks and the keys of a connection come from.

They must come from a strong source of entropy (RFC 6455 §10.3), which is the system.
There is one exception, and it is no network: a simulated stream may bring a source of its own,
as the attribute ``entropy``, so that a simulation does the same again byte by byte.
Nothing that is set for a process, a run or a task has this effect, only the stream itself.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeAlias

from .addresses import bottom

Entropy: TypeAlias = Callable[[int], bytes]
"""Returns so many bytes that cannot be foreseen."""


def own_entropy(stream: object) -> Entropy | None:
    """Return the source that a stream brings, also under TLS; None: it is the system."""
    return getattr(bottom(stream), "entropy", None)


def entropy_of(stream: object) -> Entropy:
    """Return what the masks of a connection over `stream` are drawn from."""
    return own_entropy(stream) or os.urandom
