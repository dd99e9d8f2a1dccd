"""A prompt with history and editing, by prompt_toolkit, in a thread beside Trio.

prompt_toolkit runs on asyncio, so each line is asked for in a thread with a loop of its own::

    Trio task ──asks──▶ thread: PromptSession.prompt ──line──▶ Trio task
        └── cancelled ──▶ the loop: app.exit           the thread puts the terminal in order

A cancelled question is ended from outside, and waited for:
a terminal that is left in raw mode would be of no use to its user.
Ctrl-C is a key in raw mode; it becomes the signal that it is elsewhere.
Everything that is written meanwhile goes above the prompt.
"""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

import trio
from prompt_toolkit import PromptSession
from prompt_toolkit.application import create_app_session
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.key_binding.key_processor import KeyPressEvent
from prompt_toolkit.output import Output
from prompt_toolkit.patch_stdout import patch_stdout

from .console import Console

if sys.platform != "win32":  # pragma: no branch
    import termios

POLL = 0.02
"""Seconds between attempts to end a question that may not have begun yet."""

GIVE_UP = 2.0
"""Seconds that a question may take to end."""


@contextmanager
def open_prompt(
    history: str | None = None,
    *,
    colour: bool = False,
    source: Input | None = None,
    screen: Output | None = None,
) -> Iterator[tuple[Prompt, Console]]:
    """Open a prompt for the length of a block, and a place to write above it.

    Args:
        history: a file that keeps the lines; None: they are kept until the end.
        colour: whether what is written is coloured.
        source: where keys come from; None: the terminal.
        screen: where the prompt goes to; None: the terminal.

    Raises:
        OSError: the history cannot be written.
    """
    if history:
        open(history, "ab").close()  # fail now if it cannot be written
    with create_app_session(input=source, output=screen) as app:
        kept = FileHistory(history) if history else InMemoryHistory()
        session: PromptSession[str] = PromptSession("> ", history=kept, key_bindings=_bindings())
        with keys_kept(app.input.fileno()), patch_stdout(raw=True):
            yield Prompt(session), Console(sys.stdout, sys.stderr, colour=colour)


@contextmanager
def keys_kept(fd: int) -> Iterator[None]:
    """Keep the keys that are pressed between two questions for the next.

    Otherwise the terminal would edit them, and take a Ctrl-D for itself.
    Ctrl-C stays a signal there, since nothing reads keys then.
    """
    if sys.platform == "win32" or not os.isatty(fd):
        yield
        return
    before = termios.tcgetattr(fd)
    kept = list(before)
    kept[0] &= ~termios.ICRNL
    kept[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)
    termios.tcsetattr(fd, termios.TCSANOW, kept)
    try:
        yield
    finally:
        with suppress(termios.error):  # it has hung up
            termios.tcsetattr(fd, termios.TCSANOW, before)


class Prompt(AsyncIterator[bytes]):
    """A source of the lines that are typed at a prompt."""

    def __init__(self, session: PromptSession[str]) -> None:
        self._session = session

    async def __anext__(self) -> bytes:
        """Return the next line; Ctrl-D ends the iteration."""
        line = await self._ask()
        if line is None:
            raise StopAsyncIteration
        return line.encode("utf-8", "surrogatepass")

    async def _ask(self) -> str | None:
        """Ask for a line; None: there are no more."""
        await trio.lowlevel.checkpoint_if_cancelled()  # later there is a thread to wait for
        finished = trio.Event()
        token = trio.lowlevel.current_trio_token()

        def ask() -> str:
            try:
                return self._session.prompt()
            finally:
                token.run_sync_soon(finished.set)

        try:
            return await trio.to_thread.run_sync(ask, abandon_on_cancel=True)
        except EOFError:
            return None
        except KeyboardInterrupt:
            await _end_by(signal.SIGINT)
        except trio.Cancelled:
            await self._end(finished)  # noqa: ASYNC102 - shielded there, for a bounded time
            raise
        except Exception as error:
            if error.args[:1] != (errno.EIO,):
                raise
            await _end_by(signal.SIGHUP)  # the terminal has hung up; its signal may be late

    async def _end(self, finished: trio.Event) -> None:
        """End the question, so that the thread puts the terminal in order."""
        with trio.move_on_after(GIVE_UP, shield=True):
            await trio.lowlevel.checkpoint()
            while not finished.is_set():
                app = self._session.app
                if app.is_running and app.loop is not None:
                    app.loop.call_soon_threadsafe(self._leave)
                with trio.move_on_after(POLL):
                    await finished.wait()

    def _leave(self) -> None:
        app = self._session.app
        if app.is_running and app.future is not None and not app.future.done():
            app.exit(exception=EOFError())


async def _end_by(number: int) -> NoReturn:
    """Let the command end as by this signal, whose receiver cancels us."""
    signal.raise_signal(number)
    await trio.sleep_forever()


def _bindings() -> KeyBindings:
    """Return our keys: Alt-Enter begins a new line of the same message."""
    bindings = KeyBindings()

    @bindings.add("escape", "enter")
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text("\n")

    return bindings
