"""Logging that cannot fail: a filter or a handler that raises ends no connection.

A line of the log is written between two steps that belong together, often enough.
What a user's filter raises there must not take the place of the second step.
"""

from __future__ import annotations

import logging
from typing import final


@final
class Log:
    """A logger of the standard library whose methods never raise."""

    __slots__ = ("_logger",)

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def shows(self, level: int) -> bool:
        """Return True if lines of this level are written at all."""
        return self._logger.isEnabledFor(level)

    def debug(self, message: str, *args: object) -> None:
        """Log what is of interest to those who look for a fault."""
        if self.shows(logging.DEBUG):
            self._write(logging.DEBUG, message, args)

    def info(self, message: str, *args: object) -> None:
        """Log what is worth to be known."""
        self._write(logging.INFO, message, args)

    def warning(self, message: str, *args: object) -> None:
        """Log what should not have happened, and may pass."""
        self._write(logging.WARNING, message, args)

    def error(self, message: str, *args: object, error: BaseException | None = None) -> None:
        """Log what went wrong, with the traceback of `error`."""
        self._write(logging.ERROR, message, args, error)

    def _write(
        self, level: int, message: str, args: tuple[object, ...], error: BaseException | None = None
    ) -> None:
        try:
            self._logger.log(level, message, *args, exc_info=error, stacklevel=3)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: ASYNC103 - a user's filter may raise anything
            return  # noqa: ASYNC104
