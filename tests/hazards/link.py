"""A slow link of its own: three network namespaces, and a router that lets little through.

A socket pair on the loopback acknowledges at once, so it cannot show what a slow link does.
Here two hosts talk through a router whose queues are shaped with ``tc``::

    near 10.9.1.1 ── 10.9.1.2 router 10.9.2.2 ── 10.9.2.1 far
                   ◀─ `down`         `up` ─▶

A namespace has no name: it lives as long as a descriptor is open that refers to it,
so nothing is left of it however the tests end.
A socket stays in the namespace that it was made in.
A thread enters the namespace to make the socket; then any task may use it.

Neighbours are fixed: an answer to ARP would wait in the queue of the router, behind the data,
and nothing would get through until it had come.

The shaper sits on the router and not on the host that sends.
The sender's kernel would keep its queue short if it saw the shaper (TCP small queues).

This needs Linux, root, and ``ip`` and ``tc`` (Debian: ``iproute2``).
"""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from typing import TypeVar

T = TypeVar("T")

CLONE_NEWNET = 0x40000000
IPPROTO_TCP, TCP_INFO, TCP_CONGESTION = 6, 11, 13
FAR = "10.9.2.1"
QUEUE = 300_000
"""How many bytes wait in the router before it drops some; a modem has as many."""

ROUTER = """
ip link add name to_near address 02:0:0:0:1:2 type veth peer name near address 02:0:0:0:1:1
ip link add name to_far address 02:0:0:0:2:2 type veth peer name far address 02:0:0:0:2:1
ip link set dev near netns /proc/{pid}/fd/{near}
ip link set dev far netns /proc/{pid}/fd/{far}
ip addr add 10.9.1.2/24 dev to_near
ip addr add 10.9.2.2/24 dev to_far
ip link set dev to_near up
ip link set dev to_far up
ip neigh replace 10.9.1.1 lladdr 02:0:0:0:1:1 dev to_near nud permanent
ip neigh replace 10.9.2.1 lladdr 02:0:0:0:2:1 dev to_far nud permanent
tc qdisc add dev to_far root tbf rate {up}kbit burst 3000 limit {queue}
tc qdisc add dev to_near root tbf rate {down}kbit burst 3000 limit {queue}
"""
HOST = """
ip addr add 10.9.{net}.1/24 dev {device}
ip link set dev {device} up
ip neigh replace 10.9.{net}.2 lladdr 02:0:0:0:{net}:2 dev {device} nud permanent
ip route add default via 10.9.{net}.2
"""
CUT = """
tc qdisc replace dev to_far root tbf rate 1kbit burst 3000 limit 1
tc qdisc replace dev to_near root tbf rate 1kbit burst 3000 limit 1
"""


class Link:
    """A link between two hosts; the speeds are kilobits a second, `up` is from near to far."""

    def __init__(self, stack: ExitStack, *, up: int, down: int) -> None:
        self._near, self._router, self._far = (_new_namespace(stack) for _ in range(3))
        values = {"near": self._near, "far": self._far, "pid": os.getpid(), "queue": QUEUE}
        _run(self._router, ROUTER.format(up=up, down=down, **values))
        _inside(self._router, _forward)
        _run(self._near, HOST.format(net=1, device="near"))
        _run(self._far, HOST.format(net=2, device="far"))

    def connect(self) -> tuple[socket.socket, socket.socket]:
        """Return the near and the far end of a new connection."""
        with _inside(self._far, lambda: socket.create_server((FAR, 0))) as listener:
            _fill_the_queue(listener)
            near = _inside(self._near, socket.socket)
            _fill_the_queue(near)
            near.connect(listener.getsockname())
            far, _ = listener.accept()
        return near, far

    def cut(self) -> None:
        """Let nothing through any more, and tell neither end."""
        _run(self._router, CUT)


@contextmanager
def slow_link(*, up: int = 10_000, down: int = 10_000) -> Generator[Link]:
    """Set up a link for the length of a block."""
    with ExitStack() as stack:
        yield Link(stack, up=up, down=down)


def why_not() -> str:
    """Return the reason why this machine cannot have a slow link, or an empty string."""
    if sys.platform != "linux":
        return "network namespaces are a thing of Linux"
    if os.geteuid() != 0:
        return "only root may make a network namespace"
    if missing := [tool for tool in ("ip", "tc") if shutil.which(tool) is None]:
        return f"{' and '.join(missing)} not found (Debian: iproute2)"
    try:
        with slow_link():
            return ""
    except OSError as error:
        return f"no network namespace: {error}"
    except subprocess.CalledProcessError as error:
        return f"{' '.join(error.cmd)}: {error.stderr.decode().strip()}"


def acknowledged(sock: socket.socket) -> tuple[int, int]:
    """Return how far the peer's kernel has acknowledged, in bytes and in packets.

    ``tcpi_bytes_acked`` stands still behind a packet that was lost; ``tcpi_delivered`` does not.
    """
    return _tcp_info(sock, "Q", 120), _tcp_info(sock, "I", 192)


def received(sock: socket.socket) -> int:
    """Return how many bytes the peer's process has sent us (``tcpi_bytes_received``)."""
    return _tcp_info(sock, "Q", 128)


def _tcp_info(sock: socket.socket, kind: str, offset: int) -> int:
    info = sock.getsockopt(IPPROTO_TCP, TCP_INFO, 232)
    return int(struct.unpack_from(kind, info, offset)[0])


def _fill_the_queue(sock: socket.socket) -> None:
    """Use the congestion control that speeds up until the queue of the router is full."""
    with suppress(OSError):
        sock.setsockopt(IPPROTO_TCP, TCP_CONGESTION, b"reno")


def _new_namespace(stack: ExitStack) -> int:
    def enter() -> int:
        _libc("unshare", CLONE_NEWNET)
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY)

    namespace = _in_thread(enter)
    stack.callback(os.close, namespace)
    return namespace


def _inside(namespace: int, work: Callable[[], T]) -> T:
    """Do something in a namespace; what it makes there stays there."""

    def enter_and_work() -> T:
        _libc("setns", namespace, CLONE_NEWNET)
        return work()

    return _in_thread(enter_and_work)


def _run(namespace: int, commands: str) -> None:
    def run() -> None:
        for command in commands.strip().splitlines():
            subprocess.run(command.split(), check=True, capture_output=True)

    _inside(namespace, run)


def _forward() -> None:
    with open("/proc/sys/net/ipv4/ip_forward", "w") as switch:
        switch.write("1")


def _libc(function: str, *arguments: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, function)(*arguments):
        number = ctypes.get_errno()
        raise OSError(number, f"{function}: {os.strerror(number)}")


def _in_thread(work: Callable[[], T]) -> T:
    """Do something in a thread of its own: a thread that changed its namespace is not reused."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(work).result()
