"""A TCP proxy that does to a connection what networks do.

`Proxy.strike` does it once, to the connection that is open;
faults that last are over when `Proxy.heal` is called.
"""

from __future__ import annotations

import enum
import socket
import struct
from contextlib import suppress
from typing import final

import trio

HOST = "127.0.0.1"
BROKEN = (trio.BrokenResourceError, trio.ClosedResourceError, OSError)


class Fault(enum.Enum):
    """What can happen; the value tells what the client notices at once."""

    CUT = "the end of the stream"
    RESET = "a reset"
    HALF_CLOSE = "the end of the stream, although the server hears on"
    MID_RECORD = "the end of the stream in the middle of a frame, or of a TLS record"
    BLACK_HOLE = "nothing: bytes vanish in both directions"
    ZERO_WINDOW = "nothing: nobody reads what it sends, and nobody says anything"
    REFUSE = "a reset, and then nobody listens for a while"
    LATENCY = "nothing but a delay"
    DRIP = "nothing but bytes that come one by one"


FATAL = frozenset(Fault) - {Fault.LATENCY, Fault.DRIP}
"""Faults that no connection survives."""


@final
class Proxy:
    """Stands between clients and a server at `target`."""

    def __init__(self, nursery: trio.Nursery, target: int) -> None:
        self._nursery = nursery
        self._target = target
        self._fault: Fault | None = None
        self._healed = trio.Event()
        self._listening = trio.CancelScope()
        self._pipes: set[_Pipe] = set()
        self.port = 0

    async def listen(self) -> None:
        """Accept connections from now on, always at the same port."""
        listener = socket.create_server((HOST, self.port))
        self.port = listener.getsockname()[1]
        self._listening = trio.CancelScope()
        self._nursery.start_soon(self._accept, listener, self._listening)
        await trio.lowlevel.checkpoint()

    async def _accept(self, sock: socket.socket, scope: trio.CancelScope) -> None:
        sock.setblocking(False)
        async with trio.SocketListener(trio.socket.from_stdlib_socket(sock)) as listener:
            with scope:
                while True:
                    self._nursery.start_soon(self._serve, await listener.accept())

    async def _serve(self, client: trio.SocketStream) -> None:
        with suppress(OSError), client.socket:
            server = await trio.open_tcp_stream(HOST, self._target)
            with server.socket:
                pipe = _Pipe(self, client, server)
                self._pipes.add(pipe)
                try:
                    await pipe.run()
                finally:
                    self._pipes.discard(pipe)

    def strike(self, fault: Fault) -> None:
        """Let it happen."""
        self._fault, self._healed = fault, trio.Event()
        if fault is Fault.REFUSE:
            self._listening.cancel()
        for pipe in list(self._pipes):
            pipe.suffer(fault)

    async def heal(self) -> None:
        """Let it be over; connections that it has stopped stay broken."""
        if self._fault is Fault.REFUSE:
            await self.listen()
        self._fault = None
        self._healed.set()

    @property
    def fault(self) -> Fault | None:
        """What is going on."""
        return self._fault

    async def healed(self) -> None:
        """Wait for the end of what is going on."""
        await self._healed.wait()


class _Pipe:
    """One connection through the proxy."""

    def __init__(self, proxy: Proxy, client: trio.SocketStream, server: trio.SocketStream) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._scope = trio.CancelScope()
        self._stuck: Fault | None = None

    async def run(self) -> None:
        """Carry bytes until both sides have ended, or something happens."""
        with self._scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._carry, self._client, self._server)
                nursery.start_soon(self._carry, self._server, self._client)

    async def _carry(self, source: trio.SocketStream, sink: trio.SocketStream) -> None:
        with suppress(*BROKEN):
            while True:
                if self._stuck is Fault.ZERO_WINDOW:
                    await trio.sleep_forever()
                data = bytes(await source.receive_some(4096))
                if not data:
                    await sink.send_eof()
                    return
                if self._stuck is Fault.MID_RECORD and sink is self._client and len(data) > 1:
                    await sink.send_all(data[: len(data) // 2])
                    self._scope.cancel()
                    return
                if self._stuck is None:
                    await self._pass_on(data, sink)

    async def _pass_on(self, data: bytes, sink: trio.SocketStream) -> None:
        match self._proxy.fault:
            case Fault.LATENCY:
                await trio.sleep(0.03)
                await sink.send_all(data)
            case Fault.DRIP:
                for byte in data:
                    await sink.send_all(bytes([byte]))
            case _:
                await sink.send_all(data)

    def suffer(self, fault: Fault) -> None:
        """Let it happen to this connection."""
        with suppress(*BROKEN):
            match fault:
                case Fault.CUT:
                    self._scope.cancel()
                case Fault.RESET | Fault.REFUSE:
                    hard = struct.pack("ii", 1, 0)
                    self._client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, hard)
                    self._scope.cancel()
                case Fault.HALF_CLOSE:
                    self._stuck = Fault.BLACK_HOLE
                    self._client.socket.shutdown(trio.socket.SHUT_WR)
                case Fault.BLACK_HOLE | Fault.ZERO_WINDOW | Fault.MID_RECORD:
                    self._stuck = fault
