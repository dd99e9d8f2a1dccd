"""What ``import trio_ws`` adds to ``import trio``: ``python -m tests.benchmarks.imports [REV]``.

A program that uses Trio pays for Trio's import anyway.
So many fresh interpreters import first one, then the other,
and the figure is the ratio of the two times, its median, and the middle half of the values:
whatever else the machine does in that moment, it does to both.
Both times are of the processor; compiled code is in its cache before, in a folder of its own:
where a checkout can't be written to, or ``PYTHONDONTWRITEBYTECODE`` is set, it would have none.

That is done with numpy (extra ``fast``) and without, and with REV for that commit, too.
``--slowest`` shows instead which modules take the time, as ``python -X importtime`` tells.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from ..trees import LIBRARY, NoSuchTree, described, exported
from .spread import Spread, spread_of
from .table import aligned

BAR = 0.6
"""What the import may add, as a part of what Trio's takes."""

HIDE_NUMPY = "sys.modules['numpy'] = None"
TIMED = """\
import sys, time
sys.path.insert(0, {folder!r})
{before}
began = time.process_time()
import trio
between = time.process_time()
import trio_ws
ended = time.process_time()
import json
print(json.dumps([between - began, ended - between, trio_ws.__file__]))
"""

SHOWN = 25
"""How many modules `--slowest` shows."""


@dataclass(frozen=True)
class Imports:
    """What many interpreters took: seconds for trio, and what trio_ws added."""

    trio: list[float]
    ours: list[float]

    @property
    def ratio(self) -> Spread:
        """Return the spread of the ratios."""
        return spread_of([ours / trio for ours, trio in zip(self.ours, self.trio, strict=True)])

    def row(self, *names: str) -> list[str]:
        """Make a line of the table."""
        ratio = self.ratio
        return [
            *names,
            f"{1000 * spread_of(self.trio).middle:.0f}",
            f"{1000 * spread_of(self.ours).middle:.0f}",
            f"{ratio.middle:.2f}",
            f"{ratio.lower_quarter:.2f} – {ratio.upper_quarter:.2f}",
            "passed" if ratio.middle <= BAR else "MISSED",
        ]


HEAD = ["version", "", "trio, ms", "trio_ws adds, ms", "ratio", "middle half", f"≤ {BAR:g}"]


def program(folder: Path, *, numpy: bool) -> str:
    """Return what an interpreter runs."""
    return TIMED.format(folder=str(folder), before="" if numpy else HIDE_NUMPY)


def measure(folders: dict[str, Path], starts: int) -> dict[tuple[str, bool], Imports]:
    """Start interpreters in turn: each version with numpy and without, then all again."""
    kinds = [(name, numpy) for name in folders for numpy in (True, False)]
    found = {kind: Imports([], []) for kind in kinds}
    with tempfile.TemporaryDirectory(prefix="trio_ws-compiled-") as cache:
        for number in range(starts + 1):
            for name, numpy in kinds:
                trio, ours = start(folders[name], cache, numpy=numpy)
                if number:  # the first one compiles
                    found[name, numpy].trio.append(trio)
                    found[name, numpy].ours.append(ours)
    return found


def start(folder: Path, cache: str, *, numpy: bool) -> tuple[float, float]:
    """Start one interpreter; return what trio took, and what trio_ws added."""
    told = run_python("-c", program(folder, numpy=numpy), cache=cache).stdout
    trio, ours, file = json.loads(told)
    if folder not in Path(file).parents:
        raise RuntimeError(f"trio_ws comes from {file}, not from {folder}")
    return trio, ours


def run_python(*arguments: str, cache: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run an interpreter in which the folder it starts in means nothing.

    `cache` is where it keeps compiled code, whatever the environment says about that.
    """
    command = [sys.executable, "-P", *arguments]
    env = dict(os.environ)
    if cache is not None:
        env |= {"PYTHONPYCACHEPREFIX": cache}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
    return subprocess.run(command, check=True, capture_output=True, text=True, env=env)


def slowest(told: str) -> str:
    """Sort what ``-X importtime`` told after Trio's own import."""
    lines = re.findall(r"^import time: +(\d+) \| +(\d+) \| ( *)(\S+)$", told, re.MULTILINE)
    after = [name for *_, name in lines].index("trio") + 1
    rows = [["module", "", "alone, ms", "with its imports, ms"]]
    for alone, total, _, name in sorted(lines[after:], key=lambda line: -int(line[0]))[:SHOWN]:
        rows.append([name, "", f"{int(alone) / 1000:.1f}", f"{int(total) / 1000:.1f}"])
    return aligned(rows)


def main(arguments: list[str]) -> int:
    """Run it; return 1 if the working tree misses the bar."""
    options = _parse(arguments)
    if options.slowest:
        print(slowest(run_python("-X", "importtime", "-c", program(LIBRARY, numpy=True)).stderr))
        return 0
    if find_spec("numpy") is None:
        print("numpy is not installed: both lines are without it", file=sys.stderr)
    try:
        found = _measure_versions(options.revision, options.starts)
    except NoSuchTree as error:
        print(f"There is nothing to compare with: {error}")
        return 2
    rows = [
        imports.row(version, "with numpy" if numpy else "without")
        for (version, numpy), imports in found.items()
    ]
    print(aligned([HEAD, *rows]))
    return int(any(row[-1] == "MISSED" for row in rows[-2:]))


def _measure_versions(revision: str | None, starts: int) -> dict[tuple[str, bool], Imports]:
    if revision is None:
        return measure({"working tree": LIBRARY}, starts)
    with exported(revision) as folder:
        return measure({described(revision): folder, "working tree": LIBRARY}, starts)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.imports",
        description=__doc__.partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("revision", nargs="?", metavar="REV", help="the commit to compare with")
    parser.add_argument("--starts", type=int, default=30, help="how many interpreters (30)")
    parser.add_argument("--slowest", action="store_true", help="show the modules that take long")
    options = parser.parse_args(arguments)
    if options.starts < 2:
        parser.error("--starts must be at least 2")
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
