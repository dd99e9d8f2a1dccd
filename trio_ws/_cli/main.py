"""Find the command, run it, and turn every error into a message and an exit code.

A command is imported when it is asked for, so that ``trio-ws --help`` and
``trio-ws explain`` need nothing of ``trio-ws connect``.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn, TextIO

from .console import CHOICES, Console, wants_colour
from .exits import EPILOG, CommandError, Exit

COMMANDS = {
    "connect": "talk to a WebSocket server, by hand or through a pipe",
    "serve": "echo, chat, or run a program for each connection",
    "handshake": "open a connection, and explain each step and header",
    "explain": "take frames apart, bit by bit",
    "bench": "measure a server that echoes: rates and latencies",
    "compare": "polling, server-sent events and WebSocket, side by side",
    "demo": "see what nurseries, scopes and a supervisor do while you cut the cable",
}


GONE = (errno.EPIPE, errno.EIO)
"""How writing fails if the reader of a pipe, or a terminal, is gone."""


class Parser(argparse.ArgumentParser):
    """A parser whose complaints have our exit code."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the command line, and where to read more."""
        raise CommandError(f"{message}\ntry: {self.prog} --help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    console = _console()
    try:
        try:
            return _run(words, console)
        finally:
            console.out.flush()
    except SystemExit as done:  # --help
        return int(done.code or 0)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except OSError as error:
        if error.errno not in GONE and not isinstance(error, BrokenPipeError):
            raise
        return _leave_the_pipe(console)
    except CommandError as error:
        return _fail(console, words, str(error), error.code)


def _console() -> Console:
    open_standard()
    return Console(_writable(sys.stdout), _writable(sys.stderr))


def open_standard() -> None:
    """Open what a shell has closed (``>&-``), or a socket would get its number, and our output."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def _writable(stream: TextIO | None) -> TextIO:
    """Return a stream that escapes what its encoding lacks; a closed one is None in Python."""
    if stream is None:
        return open(os.devnull, "w", encoding="utf-8")
    stream.reconfigure(errors="backslashreplace")  # type: ignore[attr-defined]
    return stream


def _run(words: list[str], console: Console) -> int:
    parser = _parser()
    if not words or words[0].startswith("-"):
        if parser.parse_args(words).version:  # --help ends here
            console.line(f"trio-ws {_version()}, {_implementation()}")
            return Exit.OK
        raise CommandError(f"name a command: {', '.join(COMMANDS)}\ntry: {parser.prog} --help")
    if words[0] not in COMMANDS:
        raise CommandError(f"no such command: {words[0]}; there are: {', '.join(COMMANDS)}")
    command = importlib.import_module(f".{words[0]}", __package__)
    sub = Parser(
        prog=f"{parser.prog} {words[0]}",
        description=command.__doc__,
        epilog=f"{command.EXAMPLES}\n{EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sub.add_argument(
        "--colour", "--color", choices=CHOICES, default="auto", help="default: in a terminal"
    )
    command.add_arguments(sub)
    options = sub.parse_args(words[1:])
    colour = wants_colour(options.colour, console.out)
    code: int = command.run(options, Console(console.out, console.err, colour=colour))
    return code


def _parser() -> Parser:
    commands = "\n".join(f"  {name:<10} {text}" for name, text in COMMANDS.items())
    parser = Parser(
        prog="trio-ws",
        usage="trio-ws COMMAND …",
        description=f"WebSocket on the command line.\n\ncommands:\n{commands}",
        epilog=f"trio-ws COMMAND --help tells more.\n\n{EPILOG}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="show which release this is")
    return parser


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # slow to import

    try:
        return version("trio-ws")
    except PackageNotFoundError:
        return "(a checkout that is not installed)"


def _implementation() -> str:
    from .._protocol.accelerator import compiled

    return "pure Python" if compiled is None else "with its accelerator in C"


def _fail(console: Console, words: list[str], message: str, code: int) -> int:
    command = f"trio-ws {words[0]}" if words and words[0] in COMMANDS else "trio-ws"
    console.say(f"{command}: {message}")
    return code


def _leave_the_pipe(console: Console) -> int:
    """Let the interpreter flush into nothing: the reader of our output is gone."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, console.out.fileno())
    os.close(nothing)
    return Exit.BROKEN_PIPE
