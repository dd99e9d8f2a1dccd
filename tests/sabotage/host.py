"""A process that runs tests in its children, again and again, without importing everything anew.

Half of what the tests of one guard take is the import of pytest, Trio and Hypothesis.
The host imports them once, and nothing of ``trio_ws``; then it forks for each trial::

    stdin   {"arguments": ["-x", …], "seconds": 60}
    stdout  {"code": 1, "output": "…"}            code: null if the time was over

A child runs pytest as a process of its own would.  It is killed with all that it has started.
This file is run by its path, so that no package ``tests`` is there before that of the copy.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import sys
import tempfile
import time
import traceback

PREPARED = ["h11", "hypothesis", "idna", "numpy", "pytest", "pytest_cov.plugin", "pytest_timeout"]
PREPARED += ["trio", "trio.testing", "trustme", "wsproto", "_hypothesis_pytestplugin"]
PREPARED += ["hypothesis.internal.conjecture.engine", "hypothesis.strategies", "pytest_trio.plugin"]


def main() -> None:
    """Answer requests until there are no more."""
    sys.path.pop(0)  # the folder of this file
    for name in PREPARED:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(run(request["arguments"], request["seconds"])), flush=True)


def run(arguments: list[str], seconds: float) -> dict[str, object]:
    """Run pytest in a child; return its exit code, None if it took too long, and its output."""
    with tempfile.TemporaryFile() as file:
        child = os.fork()
        if not child:
            run_as_child(arguments, file.fileno())
        code = wait(child, seconds)
        file.seek(0)
        return {"code": code, "output": file.read().decode(errors="replace")}


def run_as_child(arguments: list[str], output: int) -> None:
    """Become a process of pytest's."""
    code = 70
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDONLY)
        for number, target in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(number, target)
        import pytest

        code = int(pytest.main(arguments))
    except BaseException:  # noqa: ASYNC103 - the process ends here
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def wait(child: int, seconds: float) -> int | None:
    """Wait for a child, and end all that it leaves."""
    until = time.monotonic() + seconds
    handle = os.pidfd_open(child)
    try:
        ended, _, _ = select.select([handle], [], [], max(0.0, until - time.monotonic()))
    finally:
        os.close(handle)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) if ended else None


if __name__ == "__main__":
    main()
