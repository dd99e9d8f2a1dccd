"""How many function calls one echo takes: ``python -m tests.benchmarks.calls [REV]``.

Time is noisy, and calls can be counted.  One message of 32 bytes goes from a client to a server
and back, one at a time, and of all that runs meanwhile, at both ends, this is counted:

calls
    functions of the library that Python enters, or comes back to in a coroutine
file changes
    how often the source file changes between a call and the next:
    how far a reader jumps who follows the message
files
    how many files of the library take part
calls of Trio
    the same as the first, for Trio's own functions

With REV it counts for that commit, too.  ``--path`` shows the way of the message, call by call.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..trees import LIBRARY, NoSuchTree, described, exported
from .processes import running
from .table import aligned

COUNTS = {
    "calls": "calls",
    "changes": "file changes",
    "files": "files",
    "trio": "calls of Trio",
}


def count_in(folder: Path, kind: str, size: int) -> dict[str, Any]:
    """Count with the library that lies in `folder`."""
    arguments = ("client", str(folder), "counted", kind, str(size))
    with running("programs.elsewhere", *arguments) as process:
        counts: Any = process.port  # the first line, which elsewhere tells a port
    assert isinstance(counts, dict)
    return counts


def shown(columns: dict[str, dict[str, Any]]) -> str:
    """Make a table: a line for each count, a column for each version."""
    rows = [["one echo", "", *columns]]
    for key, name in COUNTS.items():
        rows.append([name, "", *(str(counts[key]) for counts in columns.values())])
    return aligned(rows)


def main(arguments: list[str]) -> int:
    """Run it; return 1 if the library makes more calls than it did."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.calls",
        description=__doc__.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("revision", nargs="?", metavar="REV", help="the commit to compare with")
    parser.add_argument("--kind", choices=["text", "binary"], default="text")
    parser.add_argument("--size", type=int, default=32, help="bytes of a message (32)")
    parser.add_argument("--path", action="store_true", help="show each call")
    options = parser.parse_args(arguments)
    columns: dict[str, dict[str, Any]] = {}
    if options.revision:
        try:
            with exported(options.revision) as folder:
                name = described(options.revision)
                columns[name] = count_in(folder, options.kind, options.size)
        except NoSuchTree as error:
            print(f"There is nothing to compare with: {error}")
            return 2
    now = columns["working tree"] = count_in(LIBRARY, options.kind, options.size)
    print(shown(columns))
    if options.path:
        print("\n" + "\n".join(now["path"]))
    return int(any(now["calls"] > counts["calls"] for counts in columns.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
