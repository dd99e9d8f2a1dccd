"""A program with a watch on it: ``sampled server PROGRAM ...`` is ``PROGRAM server ...``.

On the signal ``SIGUSR1`` a server begins to watch, on the next one it tells what it has seen.
A client watches while its own clocks run, and tells in its report.
Each time that the process has used up a tick of processor time (``ITIMER_PROF``),
Python calls `Watch.tick` with the frame that is running,
and the time since the last tick is given to the part that this frame belongs to.
It takes exactly what the process had: after a long call in C it is more than a tick.
Linux has a tick every few milliseconds, for whoever runs at that moment,
so this needs some seconds, and a machine that has little else to do.

Python listens to signals at a call's end, a function's begin, and where a loop turns round.
So the time of a call in C, as of the accelerator or OpenSSL, belongs to the line that made it,
and a few bytecodes may be counted for the function that they lead to.
A function that belongs to no part, such as one of the standard library, works for its caller.
Collections of garbage and system calls are told apart because each ends in a function of ours.

Counting costs a little too.  It is a part of its own, but for what `tick` takes, which is left out.
"""

from __future__ import annotations

import gc
import os
import runpy
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import cache
from types import FrameType
from typing import Any, cast

from .line import tell

OTHER = "other"

PARTS = {
    "system calls: read": ["*/sampled.py:read"],
    "system calls: write": ["*/sampled.py:write"],
    "system calls: wait (epoll)": ["*/trio/_core/_io_epoll.py:get_events"],
    "Trio: watch sockets (epoll_ctl)": ["*/trio/_core/_io_epoll.py:*"],
    "Trio: scheduler": ["*/trio/_core/_run.py:*", "*/trio/_core/*", "*/outcome/*"],
    "Trio: sockets and streams": ["*/trio/*"],
    "HTTP: h11": ["*/h11/*"],
    "HTTP: rules of the handshake": [
        "*/trio_ws/_handshake/*",
        "*/trio_ws/_http.py:*",
        "*/trio_ws/_url.py:*",
    ],
    "HTTP: server": ["*/trio_ws/_server/*"],
    "slow path: wsproto": ["*/wsproto/*"],
    "TLS": ["*/_transport/tls_session.py:*"],
    "fast path: find frames": ["*/_protocol/fast_path.py:*"],
    "fast path: unmask": ["*/_protocol/masking.py:*"],
    "fast path: gather long frames": [
        "*/_protocol/payload_buffer.py:*",
        "*/_protocol/allocator.py:*",
    ],
    "fast path: encode": ["*/_protocol/encoder.py:*", "*/_protocol/send_queue.py:*"],
    "trio_ws: protocol": ["*/trio_ws/_protocol/*"],
    "trio_ws: waiting, waking, budget": ["*/trio_ws/_concurrency/*"],
    "trio_ws: sockets, poller": ["*/trio_ws/_transport/*"],
    "trio_ws: reader, receive queue": [
        "*/_connection/reader.py:*",
        "*/_connection/receive_queue.py:*",
    ],
    "trio_ws: send and receive": ["*/trio_ws/*"],
    "the echo program": ["*/programs/talking.py:*", "*/programs/bare_peer.py:*"],
    "garbage collection": ["*/sampled.py:collection"],
    "the counting itself": ["*/sampled.py:*"],
    OTHER: ["*"],
}
"""What belongs to a part, as ``file:function``; the first that fits.

A part is named ``group: part`` where there is a group."""


@cache
def part_of(file: str, function: str) -> str:
    """The part that a function belongs to."""
    place = f"{file}:{function}"
    return next(
        part
        for part, patterns in PARTS.items()
        if any(fnmatchcase(place, pattern) for pattern in patterns)
    )


class Watch:
    """What was seen: seconds by part, and how often what was done."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = dict.fromkeys(PARTS, 0.0)
        self.counts: Counter[str] = Counter()
        self._watching = False
        self._last = 0.0

    def toggle(self, signum: int, frame: FrameType | None) -> None:
        """Begin, or end and tell."""
        if self._watching:
            tell(self.end())
        else:
            self.begin()
            tell("watching")
        self._watching = not self._watching

    def begin(self) -> None:
        """Begin to watch, inside of Trio."""
        import trio

        signal.set_wakeup_fd(-1)  # Trio's: each tick would wake its scheduler
        trio.lowlevel.add_instrument(cast("trio.abc.Instrument", self))
        gc.callbacks.append(self.collection)
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self.counts.clear()
        self._last = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)

    def end(self) -> dict[str, Any]:
        """Return what was seen."""
        import trio

        signal.setitimer(signal.ITIMER_PROF, 0)
        trio.lowlevel.remove_instrument(cast("trio.abc.Instrument", self))
        gc.callbacks.remove(self.collection)
        return {"seconds": self.seconds, "counts": self.counts}

    def tick(self, signum: int, frame: FrameType | None) -> None:
        """Give the time since the last tick to the part that is running."""
        part = OTHER
        while part == OTHER and frame is not None:
            part = part_of(frame.f_code.co_filename, frame.f_code.co_name)
            frame = frame.f_back
        self.seconds[part] += time.process_time() - self._last
        self.counts["ticks"] += 1
        self._last = time.process_time()

    def collection(self, phase: str, info: dict[str, int]) -> None:
        """Python has begun or ended to collect garbage; what ticked meanwhile is told here."""

    # An instrument of Trio

    def before_io_wait(self, timeout: float) -> None:
        """The scheduler has had its turn."""
        self.counts["turns of the scheduler"] += 1

    def before_task_step(self, task: object) -> None:
        """A task is about to run."""
        self.counts["steps of tasks"] += 1

    # System calls

    def counted_read(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same, counted."""

        def read(*arguments: Any) -> Any:
            self.counts["reads"] += 1
            return function(*arguments)

        return read

    def counted_write(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same, counted."""

        def write(*arguments: Any) -> Any:
            self.counts["writes"] += 1
            return function(*arguments)

        return write


def count_calls(watch: Watch) -> None:
    """Put a counter before what reads and writes sockets; Trio must not be imported yet."""
    for owner, reads, writes in (
        (os, ("read", "readv"), ("write", "writev")),
        (socket.socket, ("recv",), ("send",)),
    ):
        for name in reads:
            setattr(owner, name, watch.counted_read(getattr(owner, name)))
        for name in writes:
            setattr(owner, name, watch.counted_write(getattr(owner, name)))


def main() -> None:
    """Be the program that the second argument names, and watch it."""
    watch = Watch()
    count_calls(watch)
    signal.signal(signal.SIGUSR1, watch.toggle)
    signal.signal(signal.SIGPROF, watch.tick)
    program = sys.argv.pop(2)
    if sys.argv[1] == "client":
        from . import talking

        talking.Watch.observer = watch
    runpy.run_module(f"{__spec__.parent}.{program}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
