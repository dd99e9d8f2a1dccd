"""Serve WebSocket: echo what comes, chat in rooms, or run a program for each connection.

A chat has a room for each path, and names: ws://127.0.0.1:8765/tea?name=Ada
With --exec each message is a line of the program's input, and each line of its output a message.
Only pages of the same host may connect, and everything that is no page; see --origin.
"""

from __future__ import annotations

import argparse
import errno
import os
import shlex
import shutil
import ssl
import stat
from functools import partial
from typing import Any

import trio

from trio_ws import (
    ANY_ORIGIN,
    SAME_ORIGIN,
    Deflate,
    Heartbeat,
    Limits,
    Server,
    WebSocket,
    serve_websocket,
    serve_websocket_listeners,
)

from .console import Console, escape
from .exits import CommandError, Exit
from .handlers import Chat, Handler, Logged, Program, echo
from .running import iter_leaves, run_async
from .target import positive, seconds

EXAMPLES = """\
examples:
  trio-ws serve
  trio-ws serve chat --host 0.0.0.0 --port 9000 --tls cert.pem key.pem
  trio-ws serve --exec 'bc -l'
  trio-ws serve --unix /run/echo.sock
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("what", nargs="?", choices=("echo", "chat"), default="echo")
    parser.add_argument("--exec", metavar="COMMAND", dest="program", help="run this for each")
    place = parser.add_argument_group("where")
    place.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1")
    place.add_argument("--port", type=port, default=8765, help="0: a free one; default: 8765")
    place.add_argument("--unix", metavar="PATH", help="listen on a Unix socket")
    place.add_argument("--tls", nargs="+", metavar=("CERT", "KEY"), help="files, for wss://")
    who = parser.add_argument_group("for whom")
    who.add_argument(
        "--origin", action="append", default=[], help="pages of it may connect, too, or: any"
    )
    who.add_argument("--compress", action="store_true", help="if the client offers it (RFC 7692)")
    who.add_argument("--subprotocol", action="append", default=[], metavar="NAME")
    who.add_argument("--max-connections", type=positive, metavar="N")
    who.add_argument("--max-size", type=positive, metavar="MIB", default=1, help="of a message")
    who.add_argument(
        "--ping", type=seconds, metavar="SECONDS", help="of silence before a ping; default: 20"
    )
    parser.add_argument("--quiet", action="store_true", help="do not tell who comes and goes")


def port(text: str) -> int:
    """Read a port; argparse says what is wrong with it."""
    if not (text.isdecimal() and text.isascii() and len(text) < 6 and int(text) < 65536):
        raise argparse.ArgumentTypeError(f"'{escape(text)}' is no port from 0 to 65535")
    return int(text)


def run(options: argparse.Namespace, console: Console) -> int:
    """Serve until a signal ends it."""
    handler = make_handler(options, console)
    return run_async(partial(serve, options, handler, server_options(options, console), console))


def make_handler(options: argparse.Namespace, console: Console) -> Handler:
    """Make what is done with a connection.

    Raises:
        CommandError: there is no such program.
    """
    handler: Handler = Chat() if options.what == "chat" else echo
    if options.program is not None:
        handler = Program(find_program(options.program), console.say)
    return handler if options.quiet else Logged(handler, console)


def find_program(command: str) -> list[str]:
    """Split a command, and look for the program; no shell reads it.

    Raises:
        CommandError: it is none, or nowhere.
    """
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise CommandError(f"'{escape(command)}' is no command: {str(error).lower()}") from None
    if not words or shutil.which(words[0]) is None:
        raise CommandError(f"there is no program '{escape(words[0] if words else command)}'")
    return words


def server_options(options: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Return the options of `serve_websocket`."""

    def failed(ws: WebSocket, error: BaseException) -> None:
        for leaf in iter_leaves(error):
            console.say(f"{escape(ws.request.path)}: {type(leaf).__name__}: {escape(str(leaf))}")

    return {
        "ssl_context": server_context(options.tls),
        "subprotocols": options.subprotocol,
        "compression": Deflate() if options.compress else None,
        "origins": ANY_ORIGIN if "any" in options.origin else [SAME_ORIGIN, *options.origin],
        "heartbeat": Heartbeat(interval=options.ping or Heartbeat().interval),
        "limits": Limits(max_message_size=options.max_size * 1024 * 1024),
        "max_connections": options.max_connections,
        "on_handler_error": failed,
    }


def server_context(files: list[str] | None) -> ssl.SSLContext | None:
    """Make the context for TLS of a certificate, and of its key if that is in another file.

    Raises:
        CommandError: they cannot be read.
    """
    if not files:
        return None
    if len(files) > 2:
        raise CommandError("--tls takes a certificate and its key")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(*files)
    except OSError as error:  # an ssl.SSLError is one
        raise CommandError(f"{escape(' or '.join(files))}: {error.strerror or error}") from error
    return context


async def serve(
    options: argparse.Namespace,
    handler: Handler,
    settings: dict[str, Any],
    console: Console,
    *,
    task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED,
) -> int:
    """Serve until cancelled; return if the server ends by itself.

    Raises:
        CommandError: the place is taken, or cannot be listened on.
    """
    what = options.program or options.what
    async with trio.open_nursery() as nursery:
        if options.unix is not None:
            await nursery.start(partial(_serve_unix, options.unix, handler, settings))
            address = f"unix:{escape(options.unix)}"
        else:
            address = await _serve_tcp(nursery, options, handler, settings)
        console.line(f"serving {escape(what)} on {address}; Ctrl-C ends")
        console.out.flush()
        task_status.started(address)
    return Exit.OK


async def _serve_tcp(
    nursery: trio.Nursery, options: argparse.Namespace, handler: Handler, settings: dict[str, Any]
) -> str:
    listen = partial(serve_websocket, handler, options.host, options.port, **settings)
    try:
        server: Server = await nursery.start(listen)
    except (OSError, ValueError) as error:
        raise cannot_listen(f"{escape(options.host)} port {options.port}", error) from error
    host = f"[{options.host}]" if ":" in options.host else options.host
    return f"{'wss' if options.tls else 'ws'}://{escape(host)}:{server.port}/"


async def _serve_unix(
    path: str, handler: Handler, settings: dict[str, Any], *, task_status: trio.TaskStatus[Server]
) -> None:
    try:
        listener = await listen_unix(path)
    except OSError as error:
        raise cannot_listen(escape(path), error) from error
    try:
        await serve_websocket_listeners(handler, [listener], task_status=task_status, **settings)
    finally:
        remove_socket(path)


def cannot_listen(where: str, error: BaseException) -> CommandError:
    """Return the error that says why nothing can be served there."""
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return CommandError(f"{where} is taken; choose another")
    why = error.strerror if isinstance(error, OSError) else None
    return CommandError(f"cannot listen on {where}: {escape(why or str(error))}")


async def listen_unix(path: str) -> trio.SocketListener:
    """Listen on a Unix socket; one that was left behind is replaced.

    Raises:
        OSError: something else is there, or another program listens.
    """
    if await _was_left_behind(path):
        remove_socket(path)
    sock = trio.socket.socket(trio.socket.AF_UNIX)
    try:
        await sock.bind(path)
        sock.listen()
    except BaseException:
        sock.close()
        raise
    return trio.SocketListener(sock)


async def _was_left_behind(path: str) -> bool:
    try:
        stream = await trio.open_unix_socket(path)
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    await stream.aclose()
    return False


def remove_socket(path: str) -> None:
    """Remove a Unix socket, and nothing else."""
    try:
        if stat.S_ISSOCK(os.stat(path).st_mode):
            os.unlink(path)
    except OSError:
        return
