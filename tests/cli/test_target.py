"""The options that clients share become options of `open_websocket`."""

from __future__ import annotations

import argparse
import math
import ssl
from pathlib import Path

import pytest
import trio
import trustme

from trio_ws import (
    HandshakeError,
    Heartbeat,
    Timeouts,
    WebSocket,
    serve_websocket_listeners,
)
from trio_ws._cli.exits import CommandError
from trio_ws._cli.target import Target, add_arguments, connect_unix, positive, read_target


def target(*words: str) -> Target:
    """Read a target from a command line."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_arguments(parser)
    return read_target(parser.parse_args(words), heartbeat=Heartbeat(interval=5))


def test_the_request_is_what_was_asked_for() -> None:
    """Headers, subprotocols, origin, user agent; how long to wait."""
    found = target(
        *("ws://x/", "-H", "A: 1", "--header", "B:2:3", "--subprotocol", "chat"),
        *("--origin", "http://page", "--user-agent", "me", "--timeout", "2.5"),
    )
    options = found.options
    assert options["headers"] == [("A", "1"), ("B", "2:3")]
    assert (options["subprotocols"], options["origin"]) == (["chat"], "http://page")
    assert (options["user_agent"], options["timeouts"]) == ("me", Timeouts(connect=2.5))
    assert options["heartbeat"] == Heartbeat(interval=5)
    assert options["ssl_context"] is None


@pytest.mark.parametrize(
    ("words", "proxy"),
    [
        ([], True),
        (["--proxy", "none"], None),
        (["--proxy", "socks5h://p"], "socks5h://p"),
    ],
)
def test_a_proxy_is_that_of_the_environment_unless_one_is_given(
    words: list[str], proxy: object
) -> None:
    """None can be had, too."""
    assert target("ws://x/", *words).options["proxy"] == proxy


async def test_who_is_asked_for_a_way() -> None:
    """What explains a handshake has to know who is on the way."""
    dialler = target("ws://x/", "--proxy", "socks5h://p").dialler()
    assert str(await dialler.choose_proxy()) == "socks5h://p:1080"


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("ws://host/x", ("host", 80, False)),
        ("wss://host/x", ("host", 443, True)),
        ("WSS://host:99/x", ("host", 99, True)),
        ("ws://[::1]:8/x", ("::1", 8, False)),
    ],
)
def test_a_url_has_a_host_a_port_and_perhaps_tls(url: str, parts: tuple[str, int, bool]) -> None:
    """The port is given, or that of the scheme."""
    found = target(url)
    assert (found.host, found.port, found.tls) == parts


@pytest.mark.parametrize("text", ["0", "-1", "nan", "x", "86401"])
def test_a_duration_is_a_number_of_seconds(text: str) -> None:
    """Up to a day, as the library has it."""
    with pytest.raises(argparse.ArgumentError, match="is no number of seconds up to a day"):
        target("ws://x/", "--timeout", text)
    assert not math.isnan(target("ws://x/", "--timeout", "86400").options["timeouts"].connect)


@pytest.mark.parametrize("text", ["0", "-1", "x", "1.5", "1000000000", "٣", ""])
def test_a_number_counts_from_one(text: str) -> None:
    """In digits, and not without end."""
    with pytest.raises(argparse.ArgumentTypeError, match="is no number from 1 to 999999999"):
        positive(text)
    assert positive("999999999") == 999_999_999


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["http://x/"], "its scheme is 'http'"),
        (["nonsense"], "it must look like ws://host/path"),
        (["ws://x/", "-H", "no colon"], "looks like 'Name: value', not 'no colon'"),
        (["ws://x/", "-H", "Host: y"], "Host"),
        (["ws://x/", "--subprotocol", "a b"], "subprotocol"),
        (["ws://x/", "-k"], "an ssl_context is for wss://"),
        (["ws://x/", "--proxy", "ftp://me:hunter2@p"], "cannot be a proxy: its scheme is 'ftp'"),
        (["ws://x/", "--proxy", "http://p", "--unix", "/s"], "no proxy leads to the Unix socket"),
        (["wss://x/", "--key", "k"], "--key goes with --cert"),
        (["wss://x/", "--ca", "/nowhere"], "/nowhere: No such file"),
        (["wss://x/", "--cert", "/nowhere"], "/nowhere: No such file"),
    ],
)
def test_what_cannot_work_is_refused_at_once(words: list[str], message: str) -> None:
    """Before anything is opened."""
    with pytest.raises(CommandError, match=message):
        target(*words)


def test_tls_is_made_of_files(tmp_path: Path) -> None:
    """Certificates to trust, one of our own; or no verification at all."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    leaf = authority.issue_cert("client")
    leaf.private_key_and_cert_chain_pem.write_to_path(tmp_path / "client.pem")
    words = ("wss://x/", "--ca", f"{tmp_path}/ca.pem", "--cert", f"{tmp_path}/client.pem")
    context = target(*words).options["ssl_context"]
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) >= 1
    context = target("wss://x/", "-k").options["ssl_context"]
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    """OpenSSL's own words alone would not tell which."""
    (tmp_path / "text").write_text("not PEM")
    with pytest.raises(CommandError, match="text: "):
        target("wss://x/", "--ca", f"{tmp_path}/text")


async def test_a_unix_socket_is_connected_to_instead(tmp_path: Path, nursery: trio.Nursery) -> None:
    """The URL still fills in the request."""
    seen = []

    async def handler(ws: WebSocket) -> None:
        seen.append((ws.request.headers["Host"], ws.request.target))
        await ws.send("hello")

    sock = trio.socket.socket(trio.socket.AF_UNIX)
    await sock.bind(f"{tmp_path}/ws")
    sock.listen()
    await nursery.start(serve_websocket_listeners, handler, [trio.SocketListener(sock)])
    async with target("ws://host/path", "--unix", f"{tmp_path}/ws").open() as ws:
        assert await ws.receive() == "hello"
    assert seen == [("host", "/path")]
    nursery.cancel_scope.cancel()


async def test_a_unix_socket_that_is_not_there_is_no_connection() -> None:
    """As with any other server that does not answer."""
    with pytest.raises(HandshakeError, match="no connection to /nowhere: No such file") as caught:
        await connect_unix("/nowhere")
    assert caught.value.transient


async def test_a_plain_target_is_opened_as_the_library_does() -> None:
    """Nothing listens on the port of nothing."""
    with pytest.raises(HandshakeError, match=r"no connection to ws://127\.0\.0\.1:1/"):
        async with target("ws://127.0.0.1:1/").open():
            raise AssertionError
