"""A peer that follows a script to the letter, and shows where the other side left it.

A `RawPeer` sends and receives; a `ScriptedPeer` compares.
Each frame that arrives must be the one that the script expects next, in order.
If it is another, the script fails with a `ScriptMismatch`, which shows both,
and all that was said before::

    the script of ws://api.example/ expected
      - Text '{"subscribe": 1}'
      + Text '{"subscribe": 2}'
                            ^
    after
      <- GET / HTTP/1.1
      -> 101 Switching Protocols

A script plays either role.  It waits no longer than `timeout` for what it expects.
"""

from __future__ import annotations

import difflib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import TypeAlias, TypeVar, final

import trio

from .._validation import check_count
from ._frames import Scripted, describe, frame_of
from ._heads import Head, read_head
from ._peer import CLOSE, Frame, RawPeer
from ._stream import MemoryStream

TIMEOUT = 60.0
"""So many seconds a script waits for what it expects, unless told otherwise."""

HeaderLines: TypeAlias = Iterable[tuple[str, str]]
Found = TypeVar("Found")


@final
class ScriptMismatch(AssertionError):
    """The other side did not do what the script says.

    Attributes:
        expected: the line that stands for what was expected.
        got: the line that stands for what came.
    """

    def __init__(self, name: str, expected: str, got: str, history: list[str]) -> None:
        self.expected, self.got = expected, got
        lines = [f"the script of {name} expected", *_difference(expected, got)]
        if history:
            lines += ["after", *(f"  {line}" for line in history)]
        super().__init__("\n".join(lines))


def _difference(expected: str, got: str) -> list[str]:
    """Return two lines, and a third that points at where they differ, if they are similar."""
    found = [line.rstrip() for line in difflib.ndiff([expected], [got])]
    marks = [line.replace("?", " ", 1) for line in found if line.startswith("?")]
    lines = [line for line in found if not line.startswith("?")]
    return [f"  {line}" for line in [*lines, *marks[-1:]]]


@final
class ScriptedPeer(trio.abc.AsyncResource):
    """One end of a connection, played by a script.

    Every method that expects something raises `ScriptMismatch` if something else comes.

    Args:
        stream: any Trio stream; it is closed with the peer.
        client: the role; a client masks what it sends.
        name: what the peer is called in messages.
        timeout: seconds to wait for what is expected.
    """

    def __init__(
        self,
        stream: trio.abc.Stream,
        *,
        client: bool,
        name: str = "this peer",
        timeout: float = TIMEOUT,
    ) -> None:
        self.name = name
        self.history: list[str] = []
        self._raw = RawPeer(stream, client=client)
        self._timeout = timeout

    @property
    def raw(self) -> RawPeer:
        """Return the peer beneath, which sends anything and compares nothing."""
        return self._raw

    @property
    def unread(self) -> bytes:
        """Return the bytes that have arrived, and that the script has not looked at."""
        stream = self._raw.stream
        return self._raw.unread + (stream.unread if isinstance(stream, MemoryStream) else b"")

    # The opening handshake, as a server

    async def accept(self, *, subprotocol: str | None = None, headers: HeaderLines = ()) -> Head:
        """Expect an upgrade, and accept it; return the head of the request."""
        request = await self._expect_request()
        chosen = [] if subprotocol is None else [("Sec-WebSocket-Protocol", subprotocol)]
        await self._raw.send_acceptance(request.raw, *_lines([*chosen, *headers]))
        self.history.append("-> 101 Switching Protocols")
        return request

    async def reject(
        self,
        status: int,
        *,
        retry_after: int | str | None = None,
        headers: HeaderLines = (),
        body: str = "",
    ) -> Head:
        """Expect an upgrade, and answer with another status; return the head of the request.

        Raises:
            TypeError, ValueError: the status is no number from 200 to 999.
        """
        reason = _reason(status)
        request = await self._expect_request()
        wait = [] if retry_after is None else [("Retry-After", str(retry_after))]
        length = ("Content-Length", str(len(body.encode())))
        lines = [f"HTTP/1.1 {status} {reason}", *_lines([*wait, *headers, length])]
        await self._raw.send_bytes(("\r\n".join([*lines, "", ""]) + body).encode())
        self.history.append(f"-> {status} {reason}")
        return request

    async def _expect_request(self) -> Head:
        head = read_head(await self._waited("an upgrade", self._raw.receive_head))
        if not head.is_upgrade:
            raise self._mismatch("an upgrade", head.first_line)
        self.history.append(f"<- {head.first_line}")
        return head

    # The opening handshake, as a client

    async def request(
        self,
        target: str = "/",
        *,
        status: int = 101,
        subprotocols: Iterable[str] = (),
        headers: HeaderLines = (),
        host: str = "testserver",
    ) -> Head:
        """Ask for an upgrade, and expect an answer with this status; return its head."""
        offers = ", ".join(subprotocols)
        offered = [("Sec-WebSocket-Protocol", offers)] if offers else []
        lines = _lines([*offered, *headers])
        self.history.append(f"-> GET {target} HTTP/1.1")
        answer = await self._waited(
            f"the status {status}", lambda: self._raw.request(target, *lines, host=host)
        )
        head = read_head(answer)
        if head.status != status:
            raise self._mismatch(f"the status {status}", f"the status {head.status}")
        self.history.append(f"<- {head.first_line.partition(' ')[2]}")
        return head

    # Frames

    async def send(self, *frames: Scripted) -> None:
        """Send these frames."""
        for frame in map(frame_of, frames):
            await self._raw.send_frame(frame.opcode, frame.payload, fin=frame.fin, rsv=frame.rsv)
            self.history.append(f"-> {describe(frame)}")

    async def expect(self, *frames: Scripted) -> None:
        """Expect these frames, and nothing between them."""
        for frame in map(frame_of, frames):
            await self._expect(describe(frame), partial(_same, frame))

    async def expect_close(self, code: int | None = 1000, reason: str | None = None) -> None:
        """Expect a Close with this code (None: empty), and this reason if one is given."""
        body = b"" if code is None else code.to_bytes(2, "big") + (reason or "").encode()
        size = None if reason is not None or code is None else 2
        await self._expect(
            describe(Frame(CLOSE, body)),
            lambda got: got.opcode == CLOSE and got.payload[:size] == body,
        )

    async def send_close(self, code: int | None = 1000, reason: str = "") -> None:
        """Send a Close, empty if `code` is None."""
        body = b"" if code is None else code.to_bytes(2, "big") + reason.encode()
        await self.send(Frame(CLOSE, body))

    async def expect_end(self) -> None:
        """Expect the end of the stream, with nothing before it."""
        frame = await self._waited("the end of the stream", self._frame_or_end)
        if frame is not None:
            raise self._mismatch("the end of the stream", describe(frame))
        self.history.append("<- the end of the stream")

    async def expect_silence(self, seconds: float) -> None:
        """Expect that nothing arrives for so many seconds."""
        with trio.move_on_after(seconds):
            frame = await self._frame_or_end()
            got = "the end of the stream" if frame is None else describe(frame)
            raise self._mismatch(f"nothing for {seconds:g} s", got)

    async def _expect(self, expected: str, fits: Callable[[Frame], bool]) -> None:
        frame = await self._waited(expected, self._raw.receive_frame)
        if not fits(frame):
            raise self._mismatch(expected, describe(frame))
        self.history.append(f"<- {describe(frame)}")

    async def _frame_or_end(self) -> Frame | None:
        try:
            return await self._raw.receive_frame()
        except EOFError:
            return None

    async def _waited(self, expected: str, receive: Callable[[], Awaitable[Found]]) -> Found:
        with trio.move_on_after(self._timeout):
            try:
                return await receive()
            except EOFError as error:
                raise self._mismatch(expected, "the end of the stream") from error
            except trio.BrokenResourceError as error:
                raise self._mismatch(expected, f"a broken connection: {error}") from error
        raise self._mismatch(expected, f"nothing for {self._timeout:g} s")

    def _mismatch(self, expected: str, got: str) -> ScriptMismatch:
        return ScriptMismatch(self.name, expected, got, self.history)

    # Leaving

    async def aclose(self) -> None:
        """End the stream, saying nothing more."""
        await self._raw.aclose()

    async def reset(self) -> None:
        """Break the connection with a reset; over memory only."""
        self._memory_stream("reset").connection.reset()
        await self._raw.aclose()

    async def vanish(self) -> None:
        """Be gone without a trace: no byte and no end arrives any more; over memory only."""
        self._memory_stream("vanish").connection.vanish()
        await trio.lowlevel.checkpoint()

    def _memory_stream(self, what: str) -> MemoryStream:
        if isinstance(self._raw.stream, MemoryStream):
            return self._raw.stream
        raise TypeError(f"{what}() needs a connection of a MemoryNetwork; use aclose() here")


@asynccontextmanager
async def playing(peer: ScriptedPeer) -> AsyncGenerator[ScriptedPeer]:
    """Close the peer at the end of the block."""
    try:
        yield peer
    finally:
        with trio.CancelScope(shield=True):
            await peer.aclose()


def _same(expected: Frame, got: Frame) -> bool:
    """Return True if two frames are alike in everything but their masks."""
    return replace(expected, masked=got.masked) == got


def _reason(status: int) -> str:
    """Return what HTTP calls a status; nothing if it has no name."""
    check_count("status", status)
    if not 200 <= status <= 999:
        raise ValueError(f"status must be a final one, of three digits, as 503 is; got {status}")
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _lines(headers: HeaderLines) -> list[str]:
    return [f"{name}: {value}" for name, value in headers]
