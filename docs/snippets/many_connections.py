"""A process that expects ten thousand connections."""

from __future__ import annotations

import gc
import resource


def expect_many(connections: int, handshakes: int = 4096) -> None:
    """Raise the limit of open files if it is too low, and look for garbage less often."""
    soft, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + handshakes + 100
    if most != resource.RLIM_INFINITY and wanted > most:
        raise SystemExit(f"this process may have {most} open files; it needs {wanted}")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    gc.set_threshold(100_000)
