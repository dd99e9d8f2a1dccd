"""Run the stages of `.ci/run` in two lanes, and end after 80 minutes whatever happens.

Some stages compute, with both cores; others mostly wait, for peers and for real clocks.
So one lane begins with those that compute and the other with those that wait;
a lane that has no more of its own takes over from the other.

A stage's processes are known by a variable in their environment:
when the stage has ended, what it left behind is killed.
Its output goes to a file, which is printed when the stage ends, and not mixed with the other's;
until then a line a minute tells what each lane is doing.
A stage that runs alone, because only one was named, prints directly.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

COMPUTE = ["quickstart", "wheel", "coverage", "python312", "python313", "oldest", "alone"]
COMPUTE += ["docs", "sabotage", "corpora", "simulation", "fuzz"]
WAIT = ["autobahn", "interop", "slow"]

STAGE_MINUTES = 40
TOTAL_MINUTES = 80
TOLD_EVERY = 60.0
"""Seconds between two lines that tell what is running."""

HERE = Path(__file__).parent


@dataclass
class Stage:
    """One stage, and what became of it."""

    name: str
    result: str = "NOT RUN: the time was over"
    began: float = 0
    took: float = 0
    process: subprocess.Popen[bytes] | None = None
    log: Path | None = None

    def run(self, scratch: Path, seconds: float, *, direct: bool) -> None:
        """Run the stage for so many seconds at most, and leave none of its processes behind."""
        self.log = None if direct else scratch / f"{self.name}.log"
        self.began = time.monotonic()
        with open(self.log, "wb") if self.log else contextlib.nullcontext() as output:
            self.process = subprocess.Popen(
                ["bash", str(HERE / "run"), "--stage", self.name, str(scratch)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,
                env=os.environ | dict([self.mark.decode().split("=")]),
            )
            try:
                code = self.process.wait(seconds)
                self.result = "passed" if code == 0 else f"FAILED ({code})"
            except subprocess.TimeoutExpired:
                self.result = f"FAILED (not done after {seconds / 60:.0f} minutes)"
            finally:
                self.kill()
        self.took = time.monotonic() - self.began

    def kill(self) -> None:
        """End what the stage left behind: ask first, then kill."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            left = self.left_behind()
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            until = time.monotonic() + (10 if left else 0)
            while time.monotonic() < until and self.left_behind():
                time.sleep(0.05)
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def left_behind(self) -> list[int]:
        """Return the processes of the stage, also those that began a session of their own."""
        if self.process is not None:
            self.process.poll()
        found = []
        for environ in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                if self.mark in environ.read_bytes().split(b"\0"):
                    found.append(int(environ.parent.name))
        return found

    @property
    def mark(self) -> bytes:
        """Return the environment variable by which the stage's processes are known."""
        return f"TRIO_WS_STAGE={os.getpid()}-{self.name}".encode()

    def last_line(self) -> str:
        """Return the last line that the stage printed, shortened."""
        if self.log is None or not self.log.exists():
            return ""
        with open(self.log, "rb") as file:
            file.seek(max(0, self.log.stat().st_size - 2000))
            lines = file.read().decode(errors="replace").split("\n")
        return next((line.strip()[:100] for line in reversed(lines) if line.strip()), "")


class Run:
    """All stages of one run, and who runs which."""

    def __init__(self, names: list[str], scratch: Path) -> None:
        self.stages = {name: Stage(name) for name in names}
        self.scratch = scratch
        self.began = time.monotonic()
        self.direct = len(names) == 1
        self.lock = threading.Lock()
        self.waiting = {
            "compute": deque(name for name in names if name not in WAIT),
            "wait": deque(name for name in names if name in WAIT),
        }
        self.stopped = False

    def go(self) -> None:
        """Run the lanes until both are at their end, and tell meanwhile what they do."""
        lanes = [threading.Thread(target=self.lane, args=[kind]) for kind in self.waiting]
        for lane in lanes:
            lane.start()
        told = time.monotonic()
        while any(lane.is_alive() for lane in lanes):
            time.sleep(0.2)
            if not self.direct and time.monotonic() >= told + TOLD_EVERY:
                told = time.monotonic()
                self.tell()

    def stop(self) -> None:
        """End what runs and begin nothing more."""
        self.stopped = True
        for stage in self.running():
            stage.kill()

    def lane(self, kind: str) -> None:
        """Run one stage after another, those of a kind first."""
        while (stage := self.take(kind)) is not None:
            stage.run(
                self.scratch, min(STAGE_MINUTES * 60, self.seconds_left()), direct=self.direct
            )
            with self.lock:
                show(stage)

    def take(self, kind: str) -> Stage | None:
        """Return the next stage for a lane, or None when all are done or the time is over."""
        with self.lock:
            if self.stopped or self.seconds_left() <= 0:
                return None
            for stages in (self.waiting[kind], *self.waiting.values()):
                if stages:
                    stage = self.stages[stages.popleft()]
                    print(f"==== {self.minutes():5.1f} min: {stage.name} begins", flush=True)
                    return stage
        return None

    def tell(self) -> None:
        """Print a line for each running stage, with the last line of its output."""
        with self.lock:
            for stage in self.running():
                print(
                    f"---- {self.minutes():5.1f} min: {stage.name}: {stage.last_line()}", flush=True
                )

    def running(self) -> list[Stage]:
        """Return the stages that run now."""
        return [stage for stage in self.stages.values() if stage.began and not stage.took]

    def minutes(self) -> float:
        """Return how long the run takes already, in minutes."""
        return (time.monotonic() - self.began) / 60

    def seconds_left(self) -> float:
        """Return how long it may still take, in seconds."""
        return self.began + TOTAL_MINUTES * 60 - time.monotonic()


def show(stage: Stage) -> None:
    """Print what a stage printed, and how it ended."""
    print(f"\n==== {stage.name}\n", flush=True)
    if stage.log is not None:
        with open(stage.log, "rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
    print(f"\n==== {stage.name} {stage.result} in {stage.took / 60:.1f} min\n", flush=True)


def summary(run: Run) -> int:
    """Print the table, what failed and the counts; return the exit code."""
    stages = run.stages.values()
    print()
    for stage in stages:
        print(f"{stage.name:12} {stage.took / 60:6.1f} min   {stage.result}")
    print(f"{'all':12} {run.minutes():6.1f} min\n")
    failed = [stage for stage in stages if stage.result != "passed"]
    for stage in failed:
        print(f"FAILED: {stage.name}; repeat it with: .ci/run {stage.name}")
    if run.seconds_left() <= 0:
        print(f"FAILED: the run was ended after {TOTAL_MINUTES} minutes")
    print(f"{len(stages) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def main(names: list[str]) -> int:
    """Run the stages named, or all, and return the exit code."""
    known = COMPUTE + WAIT
    if unknown := [name for name in names if name not in known]:
        print(f"no such stage: {', '.join(unknown)}; there are: {', '.join(known)}")
        return 2
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        run = Run(list(dict.fromkeys(names or known)), Path(scratch))
        try:
            run.go()
        finally:
            run.stop()
        return summary(run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
