"""``trio-ws handshake``: each step is shown, and so is what went wrong."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
import trio.testing
import trustme

from trio_ws import Deflate, Response, WebSocket, serve_websocket
from trio_ws._cli import handshake
from trio_ws._cli.exits import CommandError, Exit
from trio_ws._cli.handshake import View, shake_hands
from trio_ws._cli.tap import BREAKS, Tap
from trio_ws._cli.target import read_target
from trio_ws.testing import RawPeer

from .commands import Screen, parse, timeless

Script = Callable[[RawPeer], Awaitable[object]]


async def idle(ws: WebSocket) -> None:
    """Wait for the end."""
    await ws.wait_closed()


@asynccontextmanager
async def serving(**options: object) -> AsyncGenerator[str]:
    """Serve on a free port; the URL without its scheme."""
    async with trio.open_nursery() as nursery:
        serve = partial(serve_websocket, idle, "127.0.0.1", 0, **options)  # type: ignore[arg-type]
        server = await nursery.start(serve)
        yield f"127.0.0.1:{server.port}/chat"
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def scripted(script: Script) -> AsyncGenerator[str]:
    """Let a raw peer answer on a free port; the URL."""

    async def run(stream: trio.SocketStream) -> None:
        async with RawPeer(stream, client=False) as peer:
            await script(peer)

    async with trio.open_nursery() as nursery:
        (listener,) = await nursery.start(partial(trio.serve_tcp, run, 0, host="127.0.0.1"))
        yield f"ws://127.0.0.1:{listener.socket.getsockname()[1]}/"
        nursery.cancel_scope.cancel()


async def shaken(*words: str) -> tuple[int | CommandError, str]:
    """Run the command; return its exit code, or its error, and what it showed."""
    options = parse("handshake", *words)
    screen = Screen()
    view = View(screen, secrets=options.secrets)
    try:
        code = await shake_hands(read_target(options), view, options.breach)
    except CommandError as error:
        return error, timeless(screen.shown)
    return code, timeless(screen.shown)


async def test_a_good_handshake_is_explained() -> None:
    """The way, both heads with their rules, the token, what was agreed, how it closed."""
    async with serving(subprotocols=["chat"]) as place:
        code, shown = await shaken(f"ws://{place}", "--subprotocol", "chat")
    assert code == Exit.OK
    lines = shown.splitlines()
    assert lines[0] == "name … ms   127.0.0.1 is an address"
    assert lines[1] == "TCP … ms   127.0.0.1 port …"
    meaning = "a GET, in HTTP/1.1 or later, of the URL's path and query"
    assert lines[3:5] == [
        "request",
        f"  {'GET /chat HTTP/1.1'.ljust(58)} §4.1 (2)  {meaning}",
    ]
    assert "accept token" in lines
    assert f"  {'Sec-WebSocket-Protocol: chat'.ljust(58)} §4.1 (6)  the subprotocol" in shown
    assert lines[-4:] == [
        "upgrade … ms   until the answer was there",
        "open        subprotocol: chat",
        "            extensions: none",
        "closed      sent 1000 (normal closure); then received 1000 (normal closure)",
    ]
    assert "wrong" not in shown


async def test_tls_shows_its_version_and_the_certificate(tmp_path: Path) -> None:
    """Verified, it is shown whose it is; not verified, only that it was not."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", "example.com").configure_cert(context)
    async with serving(ssl_context=context) as place:
        code, shown = await shaken(f"wss://{place}", "--ca", f"{tmp_path}/ca.pem")
        assert code == Exit.OK
        assert "TLS … ms   TLSv1.3, TLS_" in shown
        assert "certificate for " in shown
        assert "example.com" in shown
        assert "issued by " in shown and ", until " in shown
        code, shown = await shaken(f"wss://{place}", "-k")
        assert (code, "certificate not verified" in shown) == (Exit.OK, True)
        error, shown = await shaken(f"wss://{place}")
        assert isinstance(error, CommandError)
        assert str(error).startswith("no TLS: ")
        assert "certificate verify failed" in str(error)
        assert error.code == Exit.NO_CONNECTION


def test_a_certificate_without_names_shows_its_subject() -> None:
    """Old ones have only that."""
    screen = Screen()
    subject = ((("organizationName", "Us"),), (("commonName", "old.example"),))
    View(screen).certificate({"subject": subject, "issuer": (), "notAfter": "then"})
    assert "for old.example, Us\n" in screen.shown


async def test_a_rejection_shows_the_answer() -> None:
    """What the server says stands in the message, escaped."""
    async with serving() as place:
        error, shown = await shaken(f"ws://{place}", "--origin", "http://evil.example")
    assert isinstance(error, CommandError)
    assert error.code == Exit.NO_CONNECTION
    assert "This origin may not connect here." in str(error)
    assert "not 101, so no WebSocket: the server does not want us" in shown
    assert "accept token" not in shown


async def test_credentials_are_hidden_unless_asked_for() -> None:
    """A handshake is often shown to others."""
    async with serving() as place:
        _, shown = await shaken(f"ws://{place}", "-H", "Authorization: Bearer hunter2")
        assert ("hunter2" in shown, "Authorization: ***" in shown) == (False, True)
        _, shown = await shaken(f"ws://{place}", "-H", "Authorization: Bearer hunter2", "--secrets")
        assert "Authorization: Bearer hunter2" in shown


async def test_an_answer_that_breaks_a_rule_is_named() -> None:
    """It is shown beside the line, and the connection is refused."""

    async def script(peer: RawPeer) -> None:
        await peer.accept("Sec-WebSocket-Protocol: other")

    async with scripted(script) as url:
        error, shown = await shaken(url)
    assert isinstance(error, CommandError)
    assert "chose a subprotocol that was not offered: 'other'" in str(error)
    assert "wrong: not one subprotocol that we offered" in shown


async def test_an_answer_that_does_not_come_is_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The request is shown; of the answer there is nothing."""

    async def script(peer: RawPeer) -> None:
        await trio.sleep_forever()

    async with scripted(script) as url:
        error, shown = await shaken(url, "--timeout", "3")
    assert isinstance(error, CommandError)
    assert "waiting for the answer to the HTTP upgrade" in str(error)
    assert ("GET / HTTP/1.1" in shown, "\nanswer\n" in shown) == (True, False)
    assert trio.current_time() == pytest.approx(3, abs=0.1)


async def test_what_is_no_http_is_shown() -> None:
    """A header that is longer than its column has its note below it."""

    async def script(peer: RawPeer) -> None:
        await peer.receive_head()
        await peer.send_bytes(b"220 mail.example ESMTP\r\n\r\n")
        await peer.send_eof()

    async with scripted(script) as url:
        error, shown = await shaken(url, "-H", f"X-Long: {'x' * 70}")
    assert isinstance(error, CommandError)
    assert "it does not speak HTTP/1.1" in str(error)
    assert "wrong: this is not HTTP" in shown
    assert f"X-Long: {'x' * 70}\n{' ' * 60} " in shown


@pytest.mark.parametrize("breach", BREAKS)
async def test_our_server_refuses_each_breach(breach: str) -> None:
    """So the exit code is that of success."""
    async with serving() as place:
        code, shown = await shaken(f"ws://{place}", "--break", breach)
    assert code == Exit.OK
    assert f"refused     as it must be: {BREAKS[breach][0]}\n" in shown
    assert " wrong: " in shown


async def test_a_server_that_takes_everything_is_found_out() -> None:
    """Whether or not our client could have lived with the answer."""

    async def script(peer: RawPeer) -> None:
        await peer.accept()
        await peer.close_politely()

    async with scripted(script) as url:
        code, shown = await shaken(url, "--break", "version")
    assert code == Exit.UNEXPECTED
    assert "accepted    although the version is 25; RFC 6455 §4.2.1 says to refuse\n" in shown

    async def wrong(peer: RawPeer) -> None:
        await peer.receive_head()
        await peer.send_bytes(b"HTTP/1.1 101 OK\r\nSec-WebSocket-Accept: x\r\n\r\n")

    async with scripted(wrong) as url:
        code, shown = await shaken(url, "--break", "key")
    assert code == Exit.UNEXPECTED
    assert "accepted    although there is no key" in shown


async def test_a_server_that_only_hangs_up_has_not_refused() -> None:
    """It should have said why."""
    async with scripted(lambda peer: peer.receive_head()) as url:
        error, _ = await shaken(url, "--break", "host")
    assert isinstance(error, CommandError)
    assert str(error) == "no answer of HTTP, although there is no Host header"


async def test_compression_is_offered_and_chosen() -> None:
    """Both heads have it, beside the rules of extensions."""
    async with serving(compression=Deflate()) as place:
        code, shown = await shaken(f"ws://{place}", "--compress")
        assert code == Exit.OK
        assert "§4.1 (11) the extensions that we can use" in shown
        assert "§4.1 (5)  the extensions that both will use" in shown
        assert "extensions: permessage-deflate" in shown
        code, shown = await shaken(f"ws://{place}")
        assert (code, "extensions: none" in shown) == (Exit.OK, True)


async def test_a_unix_socket_needs_no_name(tmp_path: Path) -> None:
    """It is the only step."""
    sock = trio.socket.socket(trio.socket.AF_UNIX)
    await sock.bind(f"{tmp_path}/ws")
    sock.listen()

    async def answer() -> None:
        stream, _ = await sock.accept()
        async with RawPeer(trio.SocketStream(stream), client=False) as peer:
            await peer.accept()
            await peer.close_politely()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        code, shown = await shaken("ws://x/", "--unix", f"{tmp_path}/ws")
    assert code == Exit.OK
    assert shown.startswith(f"Unix … ms   {tmp_path}/ws\n\nrequest\n")
    sock.close()


def tunnel(status: int) -> Script:
    """A proxy that opens a tunnel, or does not, and plays the server."""

    async def script(peer: RawPeer) -> None:
        await peer.receive_head()
        await peer.send_bytes(b"HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n" % status)
        if status == 200:
            await peer.accept()
            await peer.close_politely()

    return script


async def test_a_proxy_is_one_step() -> None:
    """The name is looked up there; the password is not shown."""
    async with scripted(tunnel(200)) as place:
        proxy = place.replace("ws://", "http://me:hunter2@")
        code, shown = await shaken("ws://unknown.example/", "--proxy", proxy)
    assert code == Exit.OK
    assert shown.startswith("proxy … ms   http://***@127.0.0.1:")
    assert " leads to unknown.example\n\nrequest\n" in shown
    assert "hunter2" not in shown


async def test_a_proxy_that_refuses_is_no_connection() -> None:
    """Its answer is told."""
    async with scripted(tunnel(403)) as place:
        proxy = place.replace("ws://", "http://me:hunter2@")
        error, shown = await shaken("ws://unknown.example/", "--proxy", proxy)
    assert isinstance(error, CommandError)
    assert error.code == Exit.NO_CONNECTION
    assert "through the proxy http://***@127.0.0.1:" in str(error)
    assert str(error).endswith("it answered 403")
    assert shown == ""


async def test_nothing_is_shown_of_a_handshake_that_has_not_begun() -> None:
    """The deadline may pass before the request is sent."""
    screen = Screen()
    View(screen).heads(Tap(trio.testing.memory_stream_pair()[0]))
    assert screen.shown == ""


# On the way


async def test_a_port_where_nothing_listens_is_named() -> None:
    """The last address that was tried tells why."""
    error, shown = await shaken("ws://127.0.0.1:1/")
    assert isinstance(error, CommandError)
    assert str(error) == "127.0.0.1 port 1: Connection refused"
    assert error.code == Exit.NO_CONNECTION
    assert "TCP … ms   127.0.0.1 port …: Connection refused" in shown


class Resolver(trio.abc.HostnameResolver):
    """Names that the test knows."""

    def __init__(self, addresses: list[str] | None) -> None:
        self._addresses = addresses

    async def getaddrinfo(self, host, port, *args, **kwargs):  # type: ignore[no-untyped-def]
        """Return the addresses; None: never."""
        if self._addresses is None:
            await trio.sleep_forever()
        return [(trio.socket.AF_INET, 1, 6, "", (a, port)) for a in self._addresses or ()]

    async def getnameinfo(self, sockaddr, flags):  # type: ignore[no-untyped-def]
        """Nobody asks."""
        raise NotImplementedError


async def test_a_name_may_have_several_addresses() -> None:
    """They are tried in turn, and each failure is shown."""
    async with serving() as place:
        port = place.partition(":")[2]
        trio.socket.set_custom_hostname_resolver(Resolver(["127.0.0.2", "127.0.0.1"]))
        code, shown = await shaken(f"ws://two.example:{port}")
    assert code == Exit.OK
    assert shown.startswith(
        "name … ms   two.example is 127.0.0.2, 127.0.0.1\n"
        "TCP … ms   127.0.0.2 port …: Connection refused\n"
        "TCP … ms   127.0.0.1 port …\n"
    )


async def test_a_name_without_an_address_is_told() -> None:
    """There is such a name, and it leads nowhere."""
    trio.socket.set_custom_hostname_resolver(Resolver([]))
    error, _ = await shaken("ws://none.example/")
    assert str(error) == "the name has no address"


async def test_a_name_that_is_not_known_is_told() -> None:
    """The system's words follow."""
    error, _ = await shaken("ws://127.0.0.1.invalid/")
    assert str(error).startswith("127.0.0.1.invalid cannot be looked up: ")


async def test_a_lookup_that_takes_too_long_is_given_up(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """One deadline lies over all steps before HTTP."""
    trio.socket.set_custom_hostname_resolver(Resolver(None))
    error, _ = await shaken("ws://slow.example/", "--timeout", "7")
    assert str(error) == "looking up slow.example: no answer for 7 s"
    assert trio.current_time() == 7


def test_it_runs_as_a_command() -> None:
    """In a run of its own, with colours if they are wanted."""
    screen = Screen(colour=True)
    with pytest.raises(CommandError, match="port 1: Connection refused"):
        handshake.run(parse("handshake", "ws://127.0.0.1:1/"), screen)
    assert "\x1b[31m127.0.0.1 port 1" in screen.shown


async def test_a_page_may_answer_plain_http() -> None:
    """That is no WebSocket, and the status is explained."""
    async with serving(on_request=lambda request: Response(404)) as place:
        error, shown = await shaken(f"ws://{place}")
    assert "status 404" in str(error)
    assert "nothing is there" in shown
