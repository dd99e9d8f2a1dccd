"""A process that expects ten thousand connections."""

from __future__ import annotations

import gc
import resource


def expect_many(connections: int) -> None:
    """Raise the limit of open files, and look for garbage less often."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + 100
    if most != resource.RLIM_INFINITY and wanted > most:
        raise SystemExit(f"this process may have {most} open files; it needs {wanted}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    gc.set_threshold(100_000)
