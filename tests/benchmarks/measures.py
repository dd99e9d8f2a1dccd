"""How a kind of cell is measured: one peer, once.

A *stand* is what stays the same from round to round: the peer's process, its counterpart.
"""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from time import perf_counter, sleep
from typing import Any

import trustme

from . import load
from .cells import Cell
from .crowd import Audience, Crowd, crowd
from .load import Done
from .peers import Peer
from .processes import TOP, Process, running, running_peer
from .wire import Talk

Figures = dict[str, float]
"""The figures of one peer in one round, by name."""

CALIBRATION = 200
"""How many messages a firehose has when nobody knows yet how fast it is."""


@dataclass
class Certificates:
    """Files for TLS: whom to trust, and what to show."""

    trust: str
    shown: str

    @classmethod
    def made_in(cls, folder: str) -> Certificates:
        """Make them, for ``localhost``."""
        authority = trustme.CA()
        files = cls(f"{folder}/trust.pem", f"{folder}/shown.pem")
        authority.cert_pem.write_to_path(files.trust)
        authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(files.shown)
        return files

    def context(self) -> ssl.SSLContext:
        """A client's context for it."""
        return ssl.create_default_context(cafile=self.trust)


@dataclass
class Stand:
    """What one peer has for all rounds of a cell."""

    cell: Cell
    peer: Peer
    seconds: float
    process: Process
    url: str = ""
    tls: ssl.SSLContext | None = None
    count: int = field(default=CALIBRATION)

    def rates(self, work: Callable[[], Done]) -> Figures:
        """Let a counterpart do its work, while looking at the server's CPU clock."""
        before = self.process.cpu()
        done = work()
        cpu = self.process.cpu() - before
        return {"wall": done.count / done.seconds, "CPU": done.count / cpu}

    def ask(self, talk: Talk, **details: object) -> Figures:
        """Let a client do its work; it looks at its own clocks."""
        job = {"talk": talk, "url": self.url, "seconds": self.seconds, **details}
        return self.figures_of(self.process.ask(job))

    def figures_of(self, report: dict[str, Any]) -> Figures:
        """Make figures of what a client reports."""
        return {
            "wall": report["count"] / report["seconds"],
            "CPU": report["count"] / report["cpu"],
        }

    def long_enough(self, measure: Callable[[int], tuple[Figures, float]]) -> Figures:
        """Measure with more and more messages, until it takes long enough; remember how many."""
        while True:
            figures, took = measure(self.count)
            if took >= self.seconds / 2:
                return figures
            self.count = int(self.count * min(10.0, max(1.5, self.seconds / took)))


@contextmanager
def stand(cell: Cell, peer: Peer, seconds: float, certificates: Certificates) -> Iterator[Stand]:
    """Start what one peer needs for a cell."""
    with ExitStack() as stack:
        if cell.measure == "import_time":
            yield Stand(cell, peer, seconds, process=None)  # type: ignore[arg-type]
        elif cell.measure.startswith("client"):
            arguments = ("--certificate", certificates.shown) if cell.tls else ()
            port = stack.enter_context(running("counterpart", *arguments)).port
            trust = ("--trust", certificates.trust) if cell.tls else ()
            client = stack.enter_context(running_peer(peer, "client", *trust))
            url = f"wss://localhost:{port}" if cell.tls else f"ws://127.0.0.1:{port}"
            yield Stand(cell, peer, seconds, client, url=url)
        else:
            arguments = ("--certificate", certificates.shown) if cell.tls else ()
            beats = ("--heartbeat",) if cell.heartbeat else ()
            rarely = () if cell.collect is None else ("--collect", str(cell.collect))
            server = stack.enter_context(running_peer(peer, "server", *arguments, *beats, *rarely))
            tls = certificates.context() if cell.tls else None
            yield Stand(cell, peer, seconds, server, tls=tls)


def measure(stand: Stand) -> Figures:
    """Measure once."""
    work: Callable[..., Figures] = globals()[stand.cell.measure]
    return work(stand, **stand.cell.details)


# The measures, by the names in `cells`


def server_echo(stand: Stand, kind: str, size: int, in_flight: int) -> Figures:
    """Echo on one connection, server."""
    port, talk = stand.process.port, Talk("echo", kind, size)
    return stand.rates(lambda: load.echo(port, talk, in_flight, stand.seconds, stand.tls))


def server_deflated(stand: Stand, kind: str, size: int, in_flight: int) -> Figures:
    """Echo of compressed messages, server."""
    port, talk = stand.process.port, Talk("echo", kind, size)
    return stand.rates(lambda: load.deflated_echo(port, talk, in_flight, stand.seconds))


def client_deflated(stand: Stand, kind: str, size: int, in_flight: int) -> Figures:
    """Echo of compressed messages, client."""
    return stand.ask(Talk("echo", kind, size, in_flight))


def client_echo(stand: Stand, kind: str, size: int, in_flight: int) -> Figures:
    """Echo on one connection, client."""
    return stand.ask(Talk("echo", kind, size, in_flight))


def server_sends(stand: Stand, size: int) -> Figures:
    """Firehose from a server."""
    return _server_firehose(stand, "source", size, load.server_sends)


def server_receives(stand: Stand, size: int) -> Figures:
    """Firehose to a server."""
    return _server_firehose(stand, "sink", size, load.server_receives)


def _server_firehose(
    stand: Stand, conversation: str, size: int, work: Callable[[int, Talk], Done]
) -> Figures:
    def once(count: int) -> tuple[Figures, float]:
        talk = Talk(conversation, "binary", size, count)
        figures = stand.rates(lambda: work(stand.process.port, talk))
        return figures, count / figures["wall"]

    return stand.long_enough(once)


def client_sends(stand: Stand, size: int) -> Figures:
    """Firehose from a client."""
    return _client_firehose(stand, "sink", size)


def client_receives(stand: Stand, size: int) -> Figures:
    """Firehose to a client."""
    return _client_firehose(stand, "source", size)


def _client_firehose(stand: Stand, conversation: str, size: int) -> Figures:
    def once(count: int) -> tuple[Figures, float]:
        figures = stand.ask(Talk(conversation, "binary", size, count))
        return figures, count / figures["wall"]

    return stand.long_enough(once)


def connections(stand: Stand, count: int) -> Figures:
    """Echo on many connections, one message in flight on each; the total rate."""
    with crowd(stand.process.port, count, tls=stand.tls) as members:
        everybody = Crowd(members)
        figures = stand.rates(lambda: everybody.echo(max(stand.seconds, count / 2000)))
        everybody.close()
    return figures


def latency(stand: Stand, count: int) -> Figures:
    """Round trips at half the rate that saturates this server."""
    with crowd(stand.process.port, count) as members:
        everybody = Crowd(members)
        most = everybody.echo(stand.seconds)
        rate = most.count / most.seconds / 2
        trips: list[float] = []

        def talk() -> Done:
            trips.extend(sorted(everybody.latencies(rate, 2 * stand.seconds)))
            return Done(len(trips), 2 * stand.seconds)

        cpu = stand.rates(talk)["CPU"]
        everybody.close()
    p50, p99 = trips[len(trips) // 2], trips[len(trips) * 99 // 100]
    return {"p50": p50 * 1e6, "p99": p99 * 1e6, "wall": rate, "CPU": cpu}


def fan_out(
    stand: Stand, count: int, size: int, burst: int, conversation: str = "conductor"
) -> Figures:
    """Bursts to many connections; the rate is of deliveries."""
    port = stand.process.port
    with crowd(port, count, Talk("audience", "binary", size)) as members:
        audience = Audience(members, port, Talk(conversation, "binary", size, burst))
        figures = stand.rates(lambda: audience.hear_for(stand.seconds))
        audience.close()
    return figures


def server_handshakes(stand: Stand, at_once: int) -> Figures:
    """Connections opened and closed, server."""
    return stand.rates(lambda: load.handshakes(stand.process.port, at_once, stand.seconds))


def client_handshakes(stand: Stand, at_once: int) -> Figures:
    """Connections opened and closed, client."""
    return stand.ask(Talk("none"), at_once=at_once)


def memory(stand: Stand, count: int) -> Figures:
    """Memory of idle connections; a warm-up first, which is not for them to pay."""
    with crowd(stand.process.port, 100):
        sleep(0.2)
    sleep(0.5)
    before = stand.process.memory()
    with crowd(stand.process.port, count):
        sleep(1.0)
        after = stand.process.memory()
    return {"each": (after - before) / count / 1024, "process": after / 1024 / 1024}


def import_time(stand: Stand) -> Figures:
    """What the import of a library adds to the start of Python."""
    statement = stand.peer.imports
    if "--without" in stand.peer.arguments:
        hide = "sys.modules['numpy'] = None; os.environ['TRIO_WS_PURE'] = '1'"
        statement = f"import os, sys; {hide}; {statement}"
    return {"import": 1000 * (_seconds(statement) - _seconds("pass"))}


def _seconds(statement: str) -> float:
    """The best of three: whatever disturbs a start makes it longer, never shorter."""
    return min(_one_start(statement) for _ in range(3))


def _one_start(statement: str) -> float:
    began = perf_counter()
    subprocess.run([sys.executable, "-c", statement], cwd=TOP, check=True)
    return perf_counter() - began
