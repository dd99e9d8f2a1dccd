"""Fuzz all targets, or those named, and say how many inputs there were.

An input that fails is saved, and told with the command that plays it again.
When it is mended, ``--keep-file TARGET FILE`` adds it to the corpus, which each test run replays.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from random import Random

from ..mutations import mutated
from . import corpora
from .targets import TARGETS

HERE = Path(__file__).parent
CRASHES = HERE / ".crashes"
"""Where inputs that failed are saved; git does not see it."""

INPUTS = 1_000_000
MAX_LENGTH = 1_000
SECONDS = 30
"""An input that takes longer has failed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a target."""

    target: str
    inputs: int
    seconds: float
    failure: str = ""

    def __str__(self) -> str:
        rate = f"{self.inputs:,} inputs in {self.seconds:.0f} s"
        return f"{self.target}: {'FAILED after ' if self.failure else ''}{rate}"


def inputs_of(target: str) -> list[bytes]:
    """Return what a target begins with: what is good, and what was kept."""
    return [*TARGETS[target].seeds, *corpora.load(target)]


# With guidance


def fuzz(target: str, inputs: int, seed: int, folder: Path) -> Outcome:
    """Let libFuzzer play a target; what reaches new code is in `folder` afterwards."""
    corpora.unpack(inputs_of(target), folder)
    began = time.monotonic()
    crash = CRASHES / f"{target}-"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.fuzz.child", target),
            *(f"-runs={inputs}", f"-seed={seed}", f"-max_len={MAX_LENGTH}"),
            *(f"-timeout={SECONDS}", f"-artifact_prefix={crash}", "-verbosity=1"),
            str(folder),
        ],
        cwd=HERE.parent.parent,
        check=False,
        capture_output=True,
        text=True,
        errors="replace",
    )
    said = done.stdout + done.stderr
    counts = [int(each) for each in re.findall(r"^(?:Done |#)(\d+)", said, re.MULTILINE)]
    failure = said[-6_000:] if done.returncode else ""
    if saved := re.search(r"Test unit written to (\S+)", said):
        failure += f"Repeat it with: python -m tests.fuzz {target} --file {saved[1]}"
    return Outcome(target, max(counts, default=0), time.monotonic() - began, failure)


# Without


def mutate(target: str, inputs: int, seed: int, folder: Path) -> Outcome:
    """Play a target with inputs changed by chance; `folder` is not used."""
    chance, known = Random(seed), inputs_of(target)
    began = time.monotonic()
    for number in range(inputs):
        data = known[number] if number < len(known) else mutated(chance, chance.choice(known))
        try:
            TARGETS[target].play(data)
        except Exception as error:
            path = CRASHES / f"{target}-{number}"
            path.write_bytes(data)
            failure = f"{error!r}\nRepeat it with: python -m tests.fuzz {target} --file {path}"
            return Outcome(target, number, time.monotonic() - began, failure)
    return Outcome(target, inputs, time.monotonic() - began)


def engine() -> Callable[[str, int, int, Path], Outcome]:
    """Return how targets are played here."""
    if importlib.util.find_spec("atheris"):
        return fuzz
    print("atheris is not installed (extra `fuzz`): mutations without guidance")
    return mutate


# The command


def arguments() -> argparse.Namespace:
    """Return what was typed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--inputs", type=int, default=INPUTS, help="of all targets together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="how many targets at a time")
    parser.add_argument("--file", type=Path, help="play this input, and nothing else")
    parser.add_argument("--keep", action="store_true", help="keep what reaches new code")
    parser.add_argument("--keep-file", action="store_true", help="add the input of --file")
    options = parser.parse_args()
    if unknown := set(options.targets) - set(TARGETS):
        parser.error(f"no such target: {', '.join(unknown)}; there are: {', '.join(TARGETS)}")
    if options.file and len(options.targets) != 1:
        parser.error("an input is for one target: python -m tests.fuzz TARGET --file FILE")
    return options


def play_file(target: str, path: Path, *, keep: bool) -> int:
    """Play one input, and keep it if that is wanted."""
    data = path.read_bytes()
    print(f"{len(data)} bytes: {data!r}")
    TARGETS[target].play(data)
    if keep:
        corpora.keep(target, [*corpora.load(target), data])
    print("passed")
    return 0


def main() -> int:
    """Do what is asked for; return the exit code."""
    options = arguments()
    if options.file:
        return play_file(options.targets[0], options.file, keep=options.keep_file)
    names = options.targets or list(TARGETS)
    CRASHES.mkdir(exist_ok=True)
    (CRASHES / ".gitignore").write_text("*\n", encoding="ascii")
    play, whole = engine(), sum(TARGETS[name].share for name in names)
    failed, total, began = [], 0, time.monotonic()
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(options.jobs) as pool:

        def run(name: str) -> Outcome:
            share = -(-options.inputs * TARGETS[name].share // whole)
            outcome = play(name, share, options.seed, Path(scratch, name))
            print(outcome, flush=True)
            if options.keep and not outcome.failure:
                found = [path.read_bytes() for path in Path(scratch, name).iterdir()]
                print(f"{name}: keeps {corpora.keep(name, found)} inputs")
            return outcome

        for outcome in pool.map(run, names):
            total += outcome.inputs
            if outcome.failure:
                failed.append(outcome)
    for outcome in failed:
        print(f"\nFAILED: {outcome}\n{outcome.failure}")
    print(f"\n{total:,} inputs, {len(failed)} failures, {time.monotonic() - began:.0f} s")
    if not failed and total < options.inputs:
        print(f"FAILED: these are fewer than {options.inputs:,}")
    return int(bool(failed) or total < options.inputs)


if __name__ == "__main__":
    sys.exit(main())
