"""One connection between a peer and us, in either role, and how it ended on both sides.

`converse` takes the role we play and what to do on the open connection;
so a scenario is written once and runs inside ``async with open_websocket`` as well as in a handler.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal

import trio
import trustme

from trio_ws import (
    Ending,
    Request,
    Response,
    WebSocket,
    open_websocket,
    serve_websocket,
    serve_websocket_listeners,
)

from .harness import Peer
from .wire import TappedListener, Wire

Role = Literal["client", "server"]

TARGET = "/conversation?of=two&with=a%20space"

LIFETIME = 45.0
"""How many seconds a conversation may take, quiet ones included."""

PAGE = Path(__file__).with_name("page.html")


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What both sides are given before they meet: options of our door, and of the peer's words."""

    ours: Mapping[str, Any] = field(default_factory=dict)
    ours_as_client: Mapping[str, Any] = field(default_factory=dict)
    theirs: Mapping[str, Any] = field(default_factory=dict)
    tls: bool = False


@dataclass(frozen=True)
class Talk:
    """An open connection, while somebody talks over it."""

    ws: WebSocket
    peer: Peer
    role: Role
    opened: dict[str, Any]
    leave: Callable[[], None]
    """Cancel the scope outside the connection's."""


@dataclass(frozen=True)
class Ended:
    """A connection that is over: what we say of it, what the peer says, what left our block."""

    role: Role
    ending: Ending
    seen_by_peer: dict[str, Any]
    left: BaseException | None


Body = Callable[[Talk], Awaitable[None]]


class Papers:
    """An authority and a certificate of 127.0.0.1, in files for the peer and in contexts for us."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert("127.0.0.1")
        self.server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate.configure_cert(self.server)
        self.client = ssl.create_default_context()
        authority.configure_trust(self.client)
        authority.cert_pem.write_to_path(folder / "authority.pem")
        certificate.private_key_pem.write_to_path(folder / "key.pem")
        for blob in certificate.cert_chain_pems:
            blob.write_to_path(folder / "chain.pem", append=True)
        self.files = {name: str(folder / f"{name}.pem") for name in ("authority", "key", "chain")}


async def converse(role: Role, peer: Peer, papers: Papers, setup: Setup, body: Body) -> Ended:
    """Hold one connection with `peer`, we being the `role`; a failed assertion comes out."""
    hold = _as_client if role == "client" else _as_server
    return await hold(peer, papers, setup, body)


def _their_options(papers: Papers, setup: Setup) -> dict[str, Any]:
    return {**setup.theirs, "tls": papers.files} if setup.tls else {**setup.theirs}


async def _as_client(peer: Peer, papers: Papers, setup: Setup, body: Body) -> Ended:
    port = await peer.listen(**_their_options(papers, setup))
    url = f"{'wss' if setup.tls else 'ws'}://127.0.0.1:{port}{TARGET}"
    options: dict[str, Any] = {**setup.ours, **setup.ours_as_client}
    if setup.tls:
        options["ssl_context"] = papers.client
    held: WebSocket | None = None
    left: Exception | None = None
    try:
        with trio.fail_after(LIFETIME), trio.CancelScope() as outside:
            async with open_websocket(url, **options) as held:
                opened = await peer.saw("open")
                await body(Talk(held, peer, "client", opened, outside.cancel))
    except Exception as error:  # what leaves the block is what we are here to see
        left = error
    if held is None or held.ending is None:
        raise left or AssertionError("the connection is open after its block")
    if isinstance(left, AssertionError):
        raise left
    return Ended("client", held.ending, await peer.saw("close"), left)


def serve_page(request: Request) -> Response | None:
    """Serve the page that makes a browser a peer, beside the WebSocket, as `on_request`."""
    if request.path != "/page":
        return None
    return Response(200, {"Content-Type": "text/html; charset=utf-8"}, PAGE.read_bytes())


async def _as_server(peer: Peer, papers: Papers, setup: Setup, body: Body) -> Ended:
    ending, left = await serve_one(peer, papers, setup, body)
    if isinstance(left, AssertionError):
        raise left
    return Ended("server", ending, await peer.saw("close"), left)


class Host:
    """A server that takes one connection, leads `body` on it, and remembers how that ended."""

    def __init__(self, peer: Peer, body: Body) -> None:
        self.peer = peer
        self.body = body
        self.outside = trio.CancelScope()
        self.opened: dict[str, Any] = {}
        self.go = trio.Event()
        self.over = trio.Event()
        self.held: WebSocket | None = None
        self.left: BaseException | None = None

    async def handle(self, ws: WebSocket) -> None:
        """The handler."""
        self.held = ws
        try:
            await self.go.wait()
            await self.body(Talk(ws, self.peer, "server", self.opened, self.outside.cancel))
        finally:
            self.over.set()

    def note_failure(self, ws: WebSocket, failure: BaseException) -> None:
        """What left the handler, if that was a failure."""
        self.left = failure

    async def serve(
        self, listeners: Any, options: Mapping[str, Any], *, task_status: trio.TaskStatus[Any]
    ) -> None:
        """Serve until cancelled."""
        with self.outside:
            await serve_websocket_listeners(
                self.handle,
                listeners,
                on_request=serve_page,
                on_handler_error=self.note_failure,
                task_status=task_status,
                **options,
            )

    async def meet(self, url: str, theirs: Mapping[str, Any]) -> Ending:
        """Let the peer connect, and wait for the end."""
        await self.peer.connect(url, **theirs)
        self.opened |= await self.peer.saw("open")
        self.go.set()
        await self.over.wait()
        assert self.held is not None
        return await self.held.wait_closed()


async def serve_one(
    peer: Peer, papers: Papers, setup: Setup, body: Body, wire: Wire | None = None
) -> tuple[Ending, BaseException | None]:
    """Serve one connection of the peer: how it ended, and what the handler failed with.

    With a `wire` every byte of it is written down there.
    """
    host = Host(peer, body)
    listener, port = await _listen(papers if setup.tls else None, wire)
    url = f"{'wss' if setup.tls else 'ws'}://127.0.0.1:{port}{TARGET}"
    with trio.fail_after(LIFETIME):
        async with trio.open_nursery() as nursery:
            await nursery.start(host.serve, [listener], setup.ours)
            ending = await host.meet(url, _their_options(papers, setup))
            nursery.cancel_scope.cancel()
    return ending, host.left


async def _listen(papers: Papers | None, wire: Wire | None) -> tuple[Any, int]:
    """A listener on a free port of 127.0.0.1, with TLS and a tap as asked."""
    (tcp,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = tcp.socket.getsockname()[1]
    if wire is not None:
        return TappedListener(tcp, wire), port
    if papers is not None:
        return trio.SSLListener(tcp, papers.server, https_compatible=True), port
    return tcp, port


async def be_refused(peer: Peer, refusal: Mapping[str, Any]) -> None:
    """Knock at a peer that answers every upgrade with `refusal`; what comes is raised."""
    port = await peer.listen(reject=refusal)
    async with open_websocket(f"ws://127.0.0.1:{port}{TARGET}"):
        raise AssertionError("the peer let us in")


async def refuse(peer: Peer, response: Response | None, **theirs: object) -> dict[str, Any]:
    """Answer the peer's upgrade with `response`, if there is one, and return its report."""

    async def handler(ws: WebSocket) -> None:
        raise AssertionError("we let the peer in")

    async with trio.open_nursery() as nursery:
        serve = partial(serve_websocket, handler, "127.0.0.1", 0, on_request=lambda _: response)
        server = await nursery.start(serve)
        await peer.connect(f"ws://127.0.0.1:{server.port}{TARGET}", **theirs)
        report = await peer.saw("rejected")
        nursery.cancel_scope.cancel()
    return report
