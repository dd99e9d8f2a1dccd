"""The same faults on real connections: a TCP proxy on this machine.

::

    async with open_fault_proxy("127.0.0.1", port) as proxy:
        proxy.inject(Fault.stall(at=1, for_=5))
        async with open_websocket(f"ws://127.0.0.1:{proxy.port}/") as ws:
            ...

What a `MemoryNetwork` simulates the proxy does to real sockets, in real time:
for programs in other languages, for browsers, and to find out what a kernel makes of it.
Each direction of a connection is a task that asks its `Passage` what the faults say.

A stalled direction is read on, so that the sender's bytes are acknowledged;
with a zero window nothing is read, and they are not.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from random import Random
from typing import final

import trio

from .._concurrency.exceptions import unwrapping
from ._chaos import Chaos
from ._determinism import choose_seed, source
from ._faults import Fault, FaultKind
from ._passage import Conditions, Direction, Injection, Passage

HOST = "127.0.0.1"
SIZE = 16 * 1024
READ_AHEAD = 1024
"""So many pieces are read on while a direction is stalled."""

TLS_HANDSHAKE = b"\x16"
"""The first byte of a connection that begins TLS (RFC 8446 §5.1)."""

BROKEN = (OSError, trio.BrokenResourceError, trio.ClosedResourceError)
DIRECT = Conditions()


@final
class FaultProxy:
    """A running proxy; see `open_fault_proxy`.

    Attributes:
        port: where it listens, on 127.0.0.1.
    """

    def __init__(
        self, nursery: trio.Nursery, target: tuple[str, int], port: int, random: Random
    ) -> None:
        self.port = port
        self._nursery = nursery
        self._target = target
        self._random = random
        self._injections: list[Injection] = []
        self._pipes: dict[Pipe, None] = {}

    def inject(self, fault: Fault) -> Injection:
        """Let a fault happen to the connections through this proxy; return the record of it."""
        if not isinstance(fault, Fault):
            raise TypeError(f"a Fault is wanted, not {type(fault).__name__}")
        injection = Injection(fault, trio.current_time())
        self._injections.append(injection)
        self._nursery.start_soon(self._take_note, injection)
        return injection

    async def _take_note(self, injection: Injection) -> None:
        """Let connections look again when a fault begins, and when it is over."""
        for when in (injection.since, injection.until):
            await trio.sleep_until(when)
            for pipe in list(self._pipes):
                pipe.look_again(when)  # a real clock is never there in the very moment
        if injection in self._injections:
            self._injections.remove(injection)

    def chaos(self, profile: Chaos) -> None:
        """Let faults happen from now on, as the profile and the seed have it."""
        self._nursery.start_soon(self._play_chaos, profile)

    async def _play_chaos(self, profile: Chaos) -> None:
        for fault in profile.draw(Random(self._random.random())):
            self.inject(fault)
            await trio.sleep(fault.at)

    def heal(self) -> None:
        """End all faults; connections that are broken stay so."""
        for injection in self._injections:
            injection.disarm(trio.current_time())
        self._injections.clear()
        for pipe in list(self._pipes):
            pipe.look_again(trio.current_time())

    async def serve(self, client: trio.SocketStream) -> None:
        """Carry one connection to the target, or refuse it."""
        if self._fires(FaultKind.REFUSE) or self._fires(FaultKind.UNREACHABLE):
            _reset(client)
        elif self._fires(FaultKind.SILENCE):
            with suppress(*BROKEN), client.socket:
                await trio.sleep_forever()
        else:
            await self._connect(client)

    async def _connect(self, client: trio.SocketStream) -> None:
        with suppress(*BROKEN), client.socket:
            with unwrapping():
                server = await trio.open_tcp_stream(*self._target)
            with server.socket:
                pipe = Pipe(client, server, self._passage("server"), self._passage("client"))
                self._pipes[pipe] = None
                try:
                    await pipe.run(tls_fails=self._armed(FaultKind.TLS_FAILURE))
                finally:
                    del self._pipes[pipe]

    def _passage(self, direction: Direction) -> Passage:
        return Passage([self._injections], direction, self._random)

    def _armed(self, kind: FaultKind) -> list[Injection]:
        now = trio.current_time()
        return [each for each in self._injections if each.fault.kind is kind and each.armed(now)]

    def _fires(self, kind: FaultKind) -> bool:
        armed = self._armed(kind)
        for injection in armed:
            injection.fire()
        return bool(armed)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A piece under way: when it is due, its bytes, and the sudden fault behind it."""

    due: float
    data: bytes
    then: FaultKind | None


class Pipe:
    """One connection through the proxy."""

    def __init__(
        self,
        client: trio.SocketStream,
        server: trio.SocketStream,
        to_server: Passage,
        to_client: Passage,
    ) -> None:
        self._client, self._server = client, server
        self._up, self._down = to_server, to_client
        self._scope = trio.CancelScope()
        self._lost: set[Passage] = set()
        self._changes = trio.lowlevel.ParkingLot()

    async def run(self, *, tls_fails: list[Injection]) -> None:
        """Carry bytes until both directions have ended, or a fault ends the connection."""
        with self._scope, unwrapping():
            if tls_fails and await self._fail_tls(tls_fails):
                return
            self.look_again(trio.current_time())
            async with trio.open_nursery() as nursery:
                for source, sink, passage in (
                    (self._client, self._server, self._up),
                    (self._server, self._client, self._down),
                ):
                    put, get = trio.open_memory_channel[Parcel](READ_AHEAD)
                    nursery.start_soon(self._fetch, source, passage, put)
                    nursery.start_soon(self._deliver, get, sink, passage)

    async def _fail_tls(self, injections: list[Injection]) -> bool:
        """Answer a TLS handshake with something else; return False if this is none."""
        first = await self._client.socket.recv(1, socket.MSG_PEEK)
        if first != TLS_HANDSHAKE:
            return False
        for injection in injections:
            injection.fire()
        await self._client.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        return True

    def look_again(self, now: float) -> None:
        """Take note that a fault has begun, or is over."""
        for passage in (self._up, self._down):
            self._suffer(passage, passage.ending(now))
        self._changes.unpark_all()

    async def _fetch(
        self, source: trio.SocketStream, passage: Passage, put: trio.MemorySendChannel[Parcel]
    ) -> None:
        """Read, and cut what comes into the pieces that the faults want."""
        with suppress(*BROKEN), put:
            while True:
                await self._wait_while_held(passage, {FaultKind.ZERO_WINDOW})
                data = bytes(await source.receive_some(SIZE))
                if not data:
                    return
                while data:
                    now = trio.current_time()
                    step = passage.next_step(len(data), now, DIRECT)
                    piece, data = passage.carry(data[: step.size], now), data[step.size :]
                    await put.send(Parcel(now + step.delay, piece, passage.ending(now)))
                    await trio.sleep(step.pause)

    async def _deliver(
        self, get: trio.MemoryReceiveChannel[Parcel], sink: trio.SocketStream, passage: Passage
    ) -> None:
        """Write each piece at its time, and the end behind the last."""
        with suppress(*BROKEN), get:
            async for parcel in get:
                await trio.sleep_until(parcel.due)
                await self._wait_while_held(passage)
                if passage not in self._lost:
                    await sink.send_all(parcel.data)
                self._suffer(passage, parcel.then)
            await self._wait_while_held(passage)
            if passage not in self._lost:
                await sink.send_eof()

    async def _wait_while_held(self, passage: Passage, kinds: set[FaultKind] | None = None) -> None:
        while (until := passage.held_until(trio.current_time(), kinds)) > trio.current_time():
            with trio.move_on_at(until):
                await self._changes.park()

    def _suffer(self, passage: Passage, kind: FaultKind | None) -> None:
        """Let a sudden fault happen, if there is one."""
        match kind:
            case None:
                pass
            case FaultKind.BLACK_HOLE:
                self._lost.add(passage)
            case FaultKind.HALF_CLOSE:
                self._lost.add(passage)
                reader = self._client if passage is self._down else self._server
                with suppress(*BROKEN):
                    reader.socket.shutdown(socket.SHUT_WR)
            case FaultKind.CUT:
                self._scope.cancel(reason="the proxy cuts the connection")
            case _:
                _reset(self._client)
                _reset(self._server)
                self._scope.cancel(reason="the proxy resets the connection")


def _reset(stream: trio.SocketStream) -> None:
    """Close a socket, if it is not closed yet, so that the peer gets a reset."""
    hard = struct.pack("ii", 1, 0)
    with suppress(OSError):
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, hard)
    stream.socket.close()


@asynccontextmanager
async def open_fault_proxy(
    host: str, port: int, *, seed: int | None = None
) -> AsyncGenerator[FaultProxy]:
    """Stand between clients and a server at `host` and `port`, for the length of a block.

    Connect to ``127.0.0.1`` and `FaultProxy.port` instead.

    Args:
        host: the server's address or name.
        port: its port.
        seed: what jitter, slices and chaos are drawn from; as that of `MemoryNetwork`.

    Raises:
        OSError: no port can be listened on.
    """
    random = source(choose_seed(seed), "faults")
    with unwrapping():
        (listener,) = await trio.open_tcp_listeners(0, host=HOST)
        async with trio.open_nursery() as nursery:
            bound = listener.socket.getsockname()[1]
            proxy = FaultProxy(nursery, (host, port), bound, random)
            await nursery.start(trio.serve_listeners, proxy.serve, [listener])
            yield proxy
            nursery.cancel_scope.cancel(reason="the proxy's block has ended")
