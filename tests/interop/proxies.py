"""Real proxies, each in a process of its own, on a free port of loopback."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trio

from .install import find_program

TINYPROXY = """\
Port {port}
Listen 127.0.0.1
Allow 127.0.0.1
Timeout 60
MaxClients 20
LogLevel Critical
BasicAuth me hunter2
"""

SQUID = """\
http_port 127.0.0.1:{port}
{tls}
http_access {access}
cache deny all
access_log none
cache_log {folder}/log
pid_filename {folder}/pid
coredump_dir {folder}
shutdown_lifetime 1 seconds
pinger_enable off
visible_hostname proxy.example
"""

DANTED = """\
logoutput: stderr
internal: 127.0.0.1 port = {port}
external: lo
clientmethod: none
socksmethod: none
user.privileged: root
user.unprivileged: nobody
client pass {{
    from: 127.0.0.0/8 to: 0.0.0.0/0
}}
socks pass {{
    from: 127.0.0.0/8 to: 0.0.0.0/0
    command: connect
}}
"""


@dataclass(frozen=True)
class Program:
    """A proxy: its program, its configuration, and how it is called with that."""

    program: str
    configuration: str
    command: Callable[[Path, int], list[str]]

    @asynccontextmanager
    async def running(self, folder: Path, **more: str) -> AsyncGenerator[int]:
        """Run it for the length of a block; the port that it listens on."""
        path = find_program(self.program)
        assert path is not None
        port = free_port()
        file = folder / "configuration"
        file.write_text(self.configuration.format(port=port, folder=folder, **more))
        folder.chmod(0o777)  # squid writes there as another user
        command = [path, *self.command(file, port)]
        # Starting it does not wait.
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:  # noqa: ASYNC220
            try:
                with trio.fail_after(20):
                    await answering(process, port)
                yield port
            finally:
                process.terminate()


TINY = Program("tinyproxy", TINYPROXY, lambda file, _: ["-d", "-c", str(file)])
SQUIDS = Program("squid", SQUID, lambda file, _: ["-N", "-f", str(file)])
DANTE = Program("danted", DANTED, lambda file, _: ["-f", str(file), "-p", f"{file}.pid"])
MICRO = Program(
    "microsocks",
    "",
    lambda _, port: ["-i", "127.0.0.1", "-p", str(port), "-u", "me", "-P", "hunter2"],
)


def free_port() -> int:
    """Return a port that was free a moment ago."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


async def answering(process: subprocess.Popen[bytes], port: int) -> None:
    """Wait until it takes connections."""
    while True:
        assert process.poll() is None, f"{process.args!r} has ended"
        try:
            stream = await trio.open_tcp_stream("127.0.0.1", port)
        except OSError:
            await trio.sleep(0.05)
        else:
            await stream.aclose()
            return
