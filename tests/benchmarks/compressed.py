"""What compression costs a server: ``python -m tests.benchmarks.compressed``.

Each server echoes JSON of 1 KiB, 64 messages in flight, with the same parameters
(windows of 12 bits, context takeover), in turn with the others.
aiohttp compresses with level 1 of zlib, the others with level 6, so we are shown with both.
The client is a few lines here, with a codec of its own, and one for all:
its time does not count, and its frames are made before.
What is shown is the processor time of the server for a message, and how many times
as fast it is as each of the others: the medians over rounds in which all take turns.

``--codecs`` measures the compressors alone instead: time, and what is left of the size.
"""

from __future__ import annotations

import argparse
import importlib
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from trio_ws._protocol.extensions.compressors import RENEWAL

from .deflated import TAIL, frames, messages
from .processes import cpu_clock
from .table import aligned

HERE = Path(__file__).parent
NODE = HERE.parent / "interop" / "peers" / "node_modules"
IN_FLIGHT, MESSAGES, ROUNDS = 64, 2_000, 15

SERVERS = {
    "trio_ws": """
import trio, trio_ws
{hide}
async def handle(ws):
    async for message in ws: await ws.send(message)
async def main():
    async with trio.open_nursery() as nursery:
        server = await nursery.start(lambda task_status: trio_ws.serve_websocket(
            handle, "127.0.0.1", 0, compression=trio_ws.Deflate(), heartbeat=None,
            task_status=task_status))
        print(server.port, flush=True)
trio.run(main)
""",
    "websockets": """
import asyncio
from websockets.asyncio.server import serve
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory as Deflate
async def handle(ws):
    async for message in ws: await ws.send(message)
async def main():
    deflate = Deflate(server_max_window_bits=12, client_max_window_bits=12,
                      compress_settings={{"memLevel": 5}})
    async with serve(handle, "127.0.0.1", 0, compression=None, extensions=[deflate],
                     ping_interval=None) as server:
        print(next(iter(server.sockets)).getsockname()[1], flush=True)
        await server.serve_forever()
asyncio.run(main())
""",
    "aiohttp": """
import asyncio
from aiohttp import web
async def handle(request):
    ws = web.WebSocketResponse(compress=True)
    await ws.prepare(request)
    async for message in ws: await ws.send_str(message.data)
    return ws
async def main():
    app = web.Application()
    app.router.add_get("/", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
""",
}
SERVERS["trio_ws, zlib"] = SERVERS["trio_ws"]
SERVERS["trio_ws, zlib, level 1"] = SERVERS["trio_ws"].replace("Deflate()", "Deflate(level=1)")
LEVELS = {"trio_ws": "isal", "trio_ws, zlib, level 1": "1", "aiohttp": "1"}
"""How hard each tries, if that is not zlib's level 6; aiohttp leaves no choice."""

HIDE = "import sys; sys.modules['isal.isal_zlib'] = None"
NODE_SERVER = """
const {{ WebSocketServer }} = require("ws");
const perMessageDeflate = {{
  serverMaxWindowBits: 12, clientMaxWindowBits: 12, threshold: 0,
  zlibDeflateOptions: {{ memLevel: 5 }},
}};
const server = new WebSocketServer({{ host: "127.0.0.1", port: 0, perMessageDeflate }}, () =>
  console.log(server.address().port));
server.on("connection", (ws) => ws.on("message", (data) => ws.send(data.toString())));
"""


class Client:
    """A connection that compresses, and counts the messages that come back."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.sendall(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=12; "
            b"server_max_window_bits=12\r\n\r\n"
        )
        self.buffer = bytearray()
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.socket.recv(65_536)
        head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
        assert b"permessage-deflate" in head, head
        self.buffer = bytearray(rest)
        self.decompressor = zlib.decompressobj(-12)

    def received(self) -> Iterator[bytes]:
        """Yield the messages that are there."""
        buffer, position = self.buffer, 0
        while len(buffer) - position >= 4:
            size, start = buffer[position + 1], position + 2
            if size == 126:
                size, start = int.from_bytes(buffer[start : start + 2], "big"), start + 2
            if len(buffer) < start + size:
                break
            first, position = buffer[position], start + size
            if first == 0xC1:  # a server may send a ping, too
                yield self.decompressor.decompress(bytes(buffer[start:position]) + TAIL)
        del buffer[:position]

    def talk(self, wanted: list[bytes], made: list[bytes]) -> None:
        """Send the frames made of all messages, so many at a time, and check what comes back."""
        sent = back = 0
        while back < len(wanted):
            more = made[sent : back + IN_FLIGHT]
            sent += len(more)
            self.socket.sendall(b"".join(more))
            self.buffer += self.socket.recv(1 << 20)
            for message in self.received():
                assert message == wanted[back], (message, wanted[back])
                back += 1


def start(name: str) -> tuple[subprocess.Popen[bytes], int]:
    """Start a server; return it, and its port."""
    if name == "node ws":
        environ = {"NODE_PATH": str(NODE), "PATH": "/usr/local/bin:/usr/bin:/bin"}
        command = ["node", "-e", NODE_SERVER.format()]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environ)
    else:
        code = SERVERS[name].format(hide=HIDE if name.endswith("zlib") else "")
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def seconds_of(process: subprocess.Popen[bytes]) -> float:
    """Return the processor time that a process has used so far, user and system."""
    return time.clock_gettime(cpu_clock(process.pid))


def compare(rounds: int) -> None:
    """Measure each server in turn, and print microseconds a message and ratios."""
    names = list(SERVERS) + (["node ws"] if NODE.exists() else [])
    wanted = messages(MESSAGES, 1024)
    made = frames(wanted, masked=True)
    spent: dict[str, list[float]] = {name: [] for name in names}
    with ExitStack() as stack:
        clients = {}
        for name in names:
            process, port = start(name)
            stack.callback(process.wait)
            stack.callback(process.kill)
            clients[name] = process, Client(port)
            clients[name][1].talk(wanted, made)
        for _ in range(rounds):
            for name, (process, client) in clients.items():
                before = seconds_of(process)
                client.talk(wanted, made)
                spent[name].append((seconds_of(process) - before) / MESSAGES * 1e6)
    others = [name for name in names if not name.startswith("trio_ws")]
    rows = [["server", "zlib's level", "µs/message", *(f"× {name}" for name in others)]]
    for name in names:
        ratios = [
            median(one / ours for one, ours in zip(spent[other], spent[name], strict=True))
            for other in others
        ]
        level = LEVELS.get(name, "6")
        shown = [f"{ratio:.2f}" for ratio in ratios]
        rows.append([name, level, f"{median(spent[name]):.1f}", *shown])
    print(aligned(rows))


def codecs() -> None:
    """Measure the compressors alone: with context, and afresh for each message."""
    ways: dict[str, Callable[[], Any]] = {
        "zlib": partial(zlib.compressobj, 6, zlib.DEFLATED, -12, 5)
    }
    for name, module, level in (("isal", "isal.isal_zlib", 1), ("zlib-ng", "zlib_ng.zlib_ng", 6)):
        try:
            found = importlib.import_module(module)
        except ImportError:
            continue
        ways[name] = partial(found.compressobj, level, zlib.DEFLATED, -12, 5)
    for size in (64, 256, 1024, 4096):
        for takeover in (True, False):
            line = [f"{name} {_measure(make, size, takeover, name)}" for name, make in ways.items()]
            print(f"{size:5} bytes{'' if takeover else ', afresh'}:", "; ".join(line))


def _measure(make: Callable[[], Any], size: int, takeover: bool, name: str) -> str:
    """Measure a compressor; isal begins anew as often as it does in the library."""
    wanted, left, compressor, given = messages(2000, size), 0, make(), 0
    renewal = RENEWAL if name == "isal" else sys.maxsize
    clock = time.process_time()
    for message in wanted:
        if not takeover or given >= renewal:
            compressor, given = make(), 0
        given += len(message)
        left += len(compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH)) - 4
    spent = (time.process_time() - clock) / len(wanted) * 1e6
    return f"{spent:.1f} µs · {left / size / len(wanted):.2f}"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.compressed")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--codecs", action="store_true", help="the compressors alone")
    options = parser.parse_args()
    codecs() if options.codecs else compare(options.rounds)


if __name__ == "__main__":
    main()
