"""Our end of the processes that run tests in copies (`host`)."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from .copies import environment

OPTIONS = ["-q", "-x", "--tb=short", "--timeout=0", "-p", "tests.sabotage.stuck"]
OPTIONS += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # the host has imported plugins
OPTIONS += [f"-pno:{plugin}" for plugin in ("cacheprovider", "xdist", "randomly")]


class Host:
    """A process that runs tests in a copy.

    Attributes:
        copy: the folder of the copy.
    """

    def __init__(self, copy: Path, requests: IO[str], answers: IO[str]) -> None:
        self.copy = copy
        self._requests = requests
        self._answers = answers

    def run(self, node_ids: Sequence[str], seconds: float) -> tuple[int | None, str]:
        """Run tests; return the exit code, None if they took too long, and the output."""
        request = {"arguments": [*OPTIONS, *node_ids], "seconds": seconds}
        print(json.dumps(request), file=self._requests, flush=True)
        answer = json.loads(self._answers.readline())
        return answer["code"], answer["output"]


@contextmanager
def hosting(copy: Path) -> Generator[Host]:
    """Have a host for a copy for the length of a block."""
    with subprocess.Popen(
        [sys.executable, str(copy / "tests" / "sabotage" / "host.py")],
        cwd=copy,
        env=environment(copy),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield Host(copy, process.stdin, process.stdout)
        finally:
            process.stdin.close()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
