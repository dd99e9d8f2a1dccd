"""How a command ends: its exit code, and the exception that carries it to `main`."""

from __future__ import annotations

import enum


class Exit(enum.IntEnum):
    """An exit code; a signal adds its number to 128, as in a shell."""

    OK = 0
    USAGE = 1
    NO_CONNECTION = 2
    LOST = 3
    UNEXPECTED = 4
    INTERRUPTED = 130
    BROKEN_PIPE = 141


class CommandError(Exception):
    """An error that the user must know; it ends the command with `code`, without a traceback."""

    def __init__(self, message: str, code: int = Exit.USAGE) -> None:
        super().__init__(message)
        self.code = code


EPILOG = """\
exit codes:
  0    everything went well; a connection was closed normally
  1    the command line makes no sense, a file cannot be read, a port is taken
  2    no connection came about
  3    the connection was lost, or closed with another code than 1000, 1001 or none
  4    what came is not what was expected (--expect; explain: a rule is broken)
  130  Ctrl-C; other signals likewise: 128 and the signal's number
  141  the reader of the output went away
"""
