"""``trio-ws serve``: where, for whom, and what happens if it cannot."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path

import pytest
import trio
import trustme

from trio_ws import (
    CloseCode,
    Limits,
    Rejected,
    open_websocket,
    open_websocket_on,
)
from trio_ws._cli import serve as serve_module
from trio_ws._cli.exits import CommandError, Exit
from trio_ws._cli.handlers import Chat, Logged, Program, echo
from trio_ws._cli.serve import (
    cannot_listen,
    find_program,
    listen_unix,
    make_handler,
    remove_socket,
    run,
    serve,
    server_context,
    server_options,
)
from trio_ws._cli.target import read_target

from .commands import Screen, parse
from .terminals import BOUND, in_pipe, on_terminal


@asynccontextmanager
async def serving(*words: str) -> AsyncGenerator[tuple[str, Screen]]:
    """Serve in this process; the address that was told, and the screen."""
    screen, options = Screen(), parse("serve", *words)
    async with trio.open_nursery() as nursery:
        handler, settings = make_handler(options, screen), server_options(options, screen)
        address = await nursery.start(serve, options, handler, settings, screen)
        yield address, screen
        nursery.cancel_scope.cancel()


async def test_an_echo_is_served_unless_something_else_is_said() -> None:
    """The address is told, and who comes."""
    async with serving("--port", "0") as (url, screen), open_websocket(url) as ws:
        await ws.send("hello")
        assert await ws.receive() == "hello"
    assert screen.shown.startswith("serving echo on ws://127.0.0.1:")
    assert screen.shown.endswith("; Ctrl-C ends\n")
    assert "opened /" in screen.said


async def test_nothing_is_told_of_guests_if_it_is_to_be_quiet() -> None:
    """A chat among friends."""
    quiet = serving("chat", "--port", "0", "--quiet")
    async with quiet as (url, screen), open_websocket(f"{url}?name=Ada") as ws:
        assert await ws.receive() == "* Ada has come; here: 1"
    assert screen.said == ""


async def test_tls_is_made_of_a_certificate_and_its_key(tmp_path: Path) -> None:
    """In two files, or in one."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    leaf = authority.issue_cert("127.0.0.1")
    leaf.private_key_pem.write_to_path(tmp_path / "key.pem")
    leaf.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    leaf.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    files = (f"{tmp_path}/cert.pem", f"{tmp_path}/key.pem")
    assert server_context([f"{tmp_path}/both.pem"]) is not None
    async with serving("--port", "0", "--tls", *files) as (url, _):
        assert url.startswith("wss://127.0.0.1:")
        target = read_target(parse("handshake", url, "--ca", f"{tmp_path}/ca.pem"))
        async with target.open() as ws:
            await ws.send("hello")
            assert await ws.receive() == "hello"


async def test_a_unix_socket_is_served_and_removed(tmp_path: Path) -> None:
    """One that was left behind is replaced; one that is in use is not."""
    path = f"{tmp_path}/echo.sock"
    async with serving("--unix", path) as (address, _):
        assert address == f"unix:{path}"
    left = socket.socket(socket.AF_UNIX)
    left.bind(path)
    left.close()
    async with serving("--unix", path) as (address, screen):
        assert address == f"unix:{path}"
        async with open_websocket_on(await trio.open_unix_socket(path), "ws://x/") as ws:
            await ws.send("hello")
            assert await ws.receive() == "hello"
        with pytest.raises(OSError, match="in use"):
            await listen_unix(path)
        assert await trio.Path(path).exists()
    assert not await trio.Path(path).exists()
    assert "a client opened /" in screen.said


async def test_an_address_of_ipv6_has_brackets() -> None:
    """As in any URL."""
    async with serving("--host", "::1", "--port", "0") as (url, _):
        assert url.startswith("ws://[::1]:")


async def test_pages_of_other_hosts_are_refused_unless_named() -> None:
    """`any` admits all."""
    page = "http://page.example"
    for words, admitted in [((), False), (("--origin", page), True), (("--origin", "any"), True)]:
        async with serving("--port", "0", *words) as (url, _):
            expected = nullcontext() if admitted else pytest.raises(Rejected, match="403")
            with expected:
                async with open_websocket(url, origin=page):
                    assert admitted


async def test_limits_are_those_that_were_asked_for() -> None:
    """The size of messages, the number of connections."""
    words = ("--port", "0", "--max-size", "2", "--max-connections", "1", "--ping", "5")
    limits = Limits(max_message_size=1 << 21)
    async with serving(*words) as (url, _), open_websocket(url, limits=limits) as ws:
        await ws.send("x" * (1 << 21))
        assert len(await ws.receive()) == 1 << 21
        with pytest.raises(Rejected, match="503"):
            async with open_websocket(url):
                raise AssertionError


async def test_messages_are_compressed_if_both_want_it() -> None:
    """Said on the command lines of both."""
    async with serving("--port", "0", "--compress") as (url, _):
        target = read_target(parse("connect", url, "--compress"))
        async with target.open() as ws:
            assert "permessage-deflate" in ws.response.headers["Sec-WebSocket-Extensions"]
            await ws.send("x" * 10_000)
            assert await ws.receive() == "x" * 10_000
            assert ws.statistics().bytes_received < 1000
        async with open_websocket(url) as ws:
            assert "Sec-WebSocket-Extensions" not in ws.response.headers


async def test_a_program_that_fails_to_start_is_told(tmp_path: Path) -> None:
    """The client is told 1011, and the server goes on."""
    program = tmp_path / "program"
    program.write_text("#!/nowhere\n")
    program.chmod(0o755)
    broken = serving("--exec", str(program), "--port", "0")
    async with broken as (url, screen), open_websocket(url) as ws:
        assert (await ws.wait_closed()).code == CloseCode.INTERNAL_ERROR
    assert "/: " in screen.said
    assert "No such file or directory" in screen.said


@pytest.mark.parametrize(
    ("words", "kind"),
    [([], Logged), (["--quiet", "chat"], Chat), (["--quiet", "--exec", "true x"], Program)],
)
def test_what_is_served_is_what_was_asked_for(words: list[str], kind: type) -> None:
    """With or without news."""
    assert isinstance(make_handler(parse("serve", *words), Screen()), kind)
    assert make_handler(parse("serve", "--quiet"), Screen()) is echo


# What cannot be


async def test_a_port_that_is_taken_is_told() -> None:
    """By name, and with what to do."""
    async with serving("--port", "0") as (url, _):
        taken = url.rpartition(":")[2].strip("/")
        options, screen = parse("serve", "--port", taken), Screen()
        told = pytest.RaisesExc(CommandError, match=f"port {taken} is taken; choose another")
        with pytest.RaisesGroup(told):
            await serve(options, echo, server_options(options, screen), screen)


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (OSError(13, "Permission denied"), "cannot listen on x: Permission denied"),
        (ValueError("no such \x1b"), r"cannot listen on x: no such \x1b"),
        (OSError("bad"), "cannot listen on x: bad"),
    ],
)
def test_a_place_where_nothing_can_be_served_is_told(error: Exception, why: str) -> None:
    """With the system's words."""
    assert str(cannot_listen("x", error)) == why


def test_it_fails_as_a_command_does(tmp_path: Path) -> None:
    """A file stands where the socket should be, and stays."""
    path = tmp_path / "file"
    path.write_text("precious")
    with pytest.raises(CommandError, match="is taken"):
        run(parse("serve", "--unix", str(path)), Screen())
    remove_socket(str(path))
    assert path.read_text() == "precious"
    remove_socket(f"{tmp_path}/nothing")


@pytest.mark.parametrize(
    ("files", "why"),
    [
        (["/nowhere"], "/nowhere: No such file or directory"),
        (["/nowhere", "/either"], "/nowhere or /either: No such file"),
        (["a", "b", "c"], "--tls takes a certificate and its key"),
    ],
)
def test_tls_that_cannot_be_is_told(files: list[str], why: str) -> None:
    """By the names of the files."""
    with pytest.raises(CommandError, match=why):
        server_context(files)
    assert server_context(None) is None


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("'half", "''half' is no command: no closing quotation"),
        ("", "there is no program ''"),
        ("nowhere-to-be-found x", "there is no program 'nowhere-to-be-found'"),
    ],
)
def test_a_program_that_is_not_there_is_told_at_once(command: str, why: str) -> None:
    """Before anything listens."""
    with pytest.raises(CommandError, match=why):
        find_program(command)
    assert find_program("sh -c 'echo hello'") == ["sh", "-c", "echo hello"]


@pytest.mark.parametrize("text", ["-1", "65536", "http", "٣", ""])
def test_a_port_is_a_number(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """0 is one: any that is free."""
    with pytest.raises(SystemExit):
        parse("serve", f"--port={text}")
    assert "is no port from 0 to 65535" in capsys.readouterr().err
    assert parse("serve", "--port", "0") != argparse.Namespace()


async def test_a_server_that_ends_by_itself_ends_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """None does so far; then it went well."""

    class Drained:
        port = 1

    async def over(*_: object, task_status: trio.TaskStatus[Drained], **__: object) -> None:
        await trio.lowlevel.checkpoint()
        task_status.started(Drained())

    monkeypatch.setattr(serve_module, "serve_websocket", over)
    assert await serve(parse("serve"), echo, {}, Screen()) == Exit.OK


# In processes of its own


async def test_ctrl_c_says_goodbye_to_all() -> None:
    """At a terminal; the clients see 1001, and the terminal is in order."""
    async with on_terminal("serve", "--port", "0") as terminal:
        await terminal.see("; Ctrl-C ends")
        url = terminal.screen.partition(" on ")[2].partition(";")[0]
        async with open_websocket(url) as ws:
            await terminal.see("opened /")
            await terminal.type("\x03")
            with trio.fail_after(BOUND):
                assert (await ws.wait_closed()).code == CloseCode.GOING_AWAY
        assert await terminal.end() == Exit.INTERRUPTED
        assert "Traceback" not in terminal.screen


async def test_a_polite_kill_is_a_goodbye() -> None:
    """And programs that it runs are terminated."""
    program = f"{sys.executable} -uc 'import os, time; print(os.getpid()); time.sleep(1000)'"
    async with in_pipe("serve", "--port", "0", "--exec", program) as server:
        line = b""
        while b"\n" not in line:
            line += await server.stdout.receive_some()
        url = line.decode().rpartition(" on ")[2].partition(";")[0]
        async with open_websocket(url) as ws:
            pid = int(await ws.receive())
            server.process.send_signal(signal.SIGTERM)
            with trio.fail_after(BOUND):
                assert (await ws.wait_closed()).code == CloseCode.GOING_AWAY
        code, said = await server.end()
    assert code == 128 + signal.SIGTERM
    assert "Traceback" not in said
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
