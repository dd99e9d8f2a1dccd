"""Open a connection, and explain each step: name lookup, TCP, TLS, and both HTTP heads.

Each header stands beside the rule that it answers to (RFC 6455 §4);
the accept token is computed step by step; what is wrong is named.
With --break the request breaks a rule on purpose, and the server must refuse it.
Credentials and cookies are hidden unless asked for.
"""

from __future__ import annotations

import argparse
import os
import socket
import ssl
from collections.abc import Iterable

import trio

from trio_ws import HandshakeError, open_websocket_on

from .console import Console, escape
from .exits import CommandError, Exit
from .rules import Note, Offer, accept_steps, request_notes, response_notes
from .running import iter_leaves, run_async
from .tap import BREAKS, Tap
from .target import Target, connect_unix, read_target
from .target import add_arguments as add_target

EXAMPLES = """\
examples:
  trio-ws handshake wss://example.com/feed
  trio-ws handshake ws://127.0.0.1:8765/ --subprotocol chat --origin http://example.com
  trio-ws handshake ws://127.0.0.1:8765/ --break version
"""

WIDTH = 58
"""A longer line of a head has its note below it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_target(parser)
    parser.add_argument(
        "--break", choices=BREAKS, dest="breach", help="break this rule, which a server must see"
    )
    parser.add_argument("--secrets", action="store_true", help="show credentials and cookies")


def run(options: argparse.Namespace, console: Console) -> int:
    """Open a connection and explain it."""
    target = read_target(options)
    view = View(console, secrets=options.secrets)
    return run_async(lambda: shake_hands(target, view, options.breach))


async def shake_hands(target: Target, view: View, breach: str | None) -> int:
    """Go through all steps under one deadline.

    Raises:
        CommandError: no connection came about; what is known of it has been shown.
    """
    seconds = target.options["timeouts"].connect
    reach = Reach(target, view)
    with trio.move_on_after(seconds):
        tap = Tap(await reach.stream(), BREAKS[breach][1] if breach else None)
    if not reach.there:
        raise CommandError(f"{reach.stage}: no answer for {seconds:g} s", Exit.NO_CONNECTION)
    return await _upgrade(target, view, tap, breach)


async def _upgrade(target: Target, view: View, tap: Tap, breach: str | None) -> int:
    """Let the library do the handshake on the tap, and show what passed."""
    # TLS is there already, so to the library the scheme is ws; the Host header is the same.
    url = "ws" + target.url.partition(target.parts.scheme)[2]
    options = {**target.options, "ssl_context": None, "proxy": None}
    try:
        async with open_websocket_on(tap, url, **options) as ws:
            view.heads(tap)
            view.opened(ws.subprotocol, ws.response.headers.get_all("Sec-WebSocket-Extensions"))
    except HandshakeError as error:
        view.heads(tap)
        return _refused(target, view, tap, error, breach)
    view.fact("closed", str(ws.ending))
    return Exit.OK if breach is None else view.too_kind(breach)


def _refused(
    target: Target, view: View, tap: Tap, error: HandshakeError, breach: str | None
) -> int:
    if breach is None:
        why = escape(str(error)).replace("ws://", f"{target.parts.scheme}://")
        raise CommandError(why, Exit.NO_CONNECTION) from error
    _, answer = tap.heads
    if answer is None or not answer.status:
        raise CommandError(
            f"no answer of HTTP, although {BREAKS[breach][0]}", Exit.NO_CONNECTION
        ) from error
    if answer.status == "101":
        return view.too_kind(breach)
    view.fact("refused", f"as it must be: {BREAKS[breach][0]}")
    return Exit.OK


class Reach:
    """A way to the server, up to where HTTP begins.

    Attributes:
        stage: what it waits for.
        there: whether it has arrived.
    """

    def __init__(self, target: Target, view: View) -> None:
        self._target = target
        self._view = view
        self.stage = ""
        self.there = False

    async def stream(self) -> trio.abc.Stream:
        """Connect, with TLS if the URL says so.

        Raises:
            CommandError: a step failed.
        """
        try:
            stream = await self._connect()
        except HandshakeError as error:
            raise CommandError(escape(str(error)), Exit.NO_CONNECTION) from error
        if self._target.tls:
            try:
                stream = await self._secure(stream)
            except BaseException:
                await trio.aclose_forcefully(stream)
                raise
        self.there = True
        return stream

    async def _connect(self) -> trio.abc.Stream:
        if (path := self._target.unix) is not None:
            self.stage, began = escape(path), trio.current_time()
            stream = await connect_unix(path)
            self._view.step("Unix", escape(path), began)
            return stream
        dialler = self._target.dialler()
        if (proxy := await dialler.choose_proxy()) is not None:
            self.stage, began = f"the proxy {proxy}", trio.current_time()
            tunnel = await dialler.dial()
            self._view.step("proxy", f"{proxy} leads to {escape(self._target.host)}", began)
            return tunnel
        return await self._dial(await self._look_up())

    async def _look_up(self) -> list[str]:
        host, port = self._target.host, self._target.port
        self.stage, began = f"looking up {escape(host)}", trio.current_time()
        try:
            found = await trio.socket.getaddrinfo(host, port, type=trio.socket.SOCK_STREAM)
        except OSError as error:
            raise _failed(f"{escape(host)} cannot be looked up", error) from error
        addresses = list(dict.fromkeys(str(address[0]) for *_, address in found))
        found_as = "is an address" if addresses == [host] else f"is {', '.join(addresses)}"
        self._view.step("name", f"{escape(host)} {found_as}", began)
        return addresses

    async def _dial(self, addresses: Iterable[str]) -> trio.abc.Stream:
        """Try one address after another."""
        port = self._target.port
        failure: CommandError | None = None
        for address in addresses:
            self.stage, began = f"{address} port {port}", trio.current_time()
            try:
                stream = await trio.open_tcp_stream(address, port)
            except OSError as error:
                failure = _failed(f"{address} port {port}", error.__cause__ or error)
                self._view.step("TCP", str(failure), began, wrong=True)
            else:
                self._view.step("TCP", f"{address} port {port}", began)
                return stream
        raise failure or CommandError("the name has no address", Exit.NO_CONNECTION)

    async def _secure(self, stream: trio.abc.Stream) -> trio.abc.Stream:
        self.stage, began = "TLS", trio.current_time()
        context = self._target.options["ssl_context"] or ssl.create_default_context()
        secure = trio.SSLStream(
            stream, context, server_hostname=self._target.host, https_compatible=True
        )
        try:
            await secure.do_handshake()
        except trio.BrokenResourceError as error:
            raise _failed("no TLS", error.__cause__ or error) from error
        cipher = secure.cipher()
        self._view.step("TLS", f"{secure.version()}, {cipher[0] if cipher else ''}", began)
        self._view.certificate(secure.getpeercert())
        return secure


def _failed(what: str, error: BaseException) -> CommandError:
    return CommandError(f"{what}: {escape(_why(next(iter_leaves(error))))}", Exit.NO_CONNECTION)


def _why(error: BaseException) -> str:
    """Return the system's words; Trio puts the address before them, which stands there already."""
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError | socket.gaierror):
        return os.strerror(error.errno) if error.errno else str(error)
    return str(error)


class View:
    """A view of a handshake, written step by step."""

    def __init__(self, console: Console, *, secrets: bool = False) -> None:
        self._console = console
        self._secrets = secrets

    def step(self, name: str, text: str, began: float, *, wrong: bool = False) -> None:
        """Show a step and how long it took."""
        took = f"{(trio.current_time() - began) * 1000:8.1f} ms"
        shown = self._console.paint(text, "red") if wrong else text
        self._console.line(f"{name.ljust(12)}{took}   {shown}")

    def fact(self, name: str, text: str) -> None:
        """Show what is known besides."""
        self._console.line(f"{name.ljust(12)}{text}")

    def certificate(self, found: dict[str, object] | None) -> None:
        """Show whose certificate it is; without verification it is not read."""
        if not found:
            self.fact("certificate", "not verified")
            return
        self.fact("certificate", f"for {', '.join(_names(found))}")
        self.fact("", f"issued by {_dn(found.get('issuer', ()))}, until {found.get('notAfter')}")

    def heads(self, tap: Tap) -> None:
        """Show both heads, each line with its rule, and the accept token between them."""
        request, answer = tap.heads
        if request is None:
            return
        self._head("request", request_notes(request, secrets=self._secrets))
        offer = Offer.of(request)
        if answer is not None:
            if offer.key and answer.status == "101":
                self._accept(offer.key)
            self._head("answer", response_notes(answer, offer, secrets=self._secrets))
            self._console.line()
        if tap.answered_at is not None:
            took = (tap.answered_at - tap.sent_at) * 1000
            self.fact("upgrade", f"{took:8.1f} ms   until the answer was there")

    def _head(self, name: str, notes: Iterable[Note]) -> None:
        paint = self._console.paint
        self._console.line(f"\n{paint(name, 'bold')}")
        for note in notes:
            line = escape(note.line) or "(missing)"
            place = line.ljust(WIDTH) if len(line) <= WIDTH else f"{line}\n{' ' * (WIDTH + 2)}"
            meaning = paint(f"wrong: {note.meaning}", "red") if note.broken else note.meaning
            text = f"  {place} {paint(note.section.ljust(9), 'cyan')} {meaning}"
            self._console.line(text.rstrip())

    def _accept(self, key: str) -> None:
        self._console.line(f"\n{self._console.paint('accept token', 'bold')}")
        for step in accept_steps(key):
            self._console.line(f"  {step.name.ljust(13)} {escape(step.value)}")

    def opened(self, subprotocol: str | None, extensions: list[str]) -> None:
        """Show what both sides agreed on."""
        self.fact("open", f"subprotocol: {subprotocol or 'none'}")
        self.fact("", f"extensions: {escape(', '.join(extensions)) or 'none'}")

    def too_kind(self, breach: str) -> int:
        """Show that the server took what it must refuse."""
        text = f"although {BREAKS[breach][0]}; RFC 6455 §4.2.1 says to refuse"
        self.fact("accepted", self._console.paint(text, "red"))
        return Exit.UNEXPECTED


def _names(found: dict[str, object]) -> list[str]:
    names = found.get("subjectAltName", ())
    assert isinstance(names, tuple)
    return [escape(str(value)) for _, value in names] or [_dn(found.get("subject", ()))]


def _dn(name: object) -> str:
    """Return a distinguished name, its last part first."""
    assert isinstance(name, tuple)
    return ", ".join(escape(str(value)) for part in reversed(name) for _, value in part)
