"""A prompt in a thread beside Trio: keys become lines, and it can be ended from outside."""

from __future__ import annotations

import errno
import io
import os
import pty
import signal
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
import trio
import trio.testing
from prompt_toolkit import PromptSession
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import DummyOutput
from prompt_toolkit.output.vt100 import Vt100_Output

from trio_ws._cli import prompt as prompt_module
from trio_ws._cli.prompt import Prompt, keys_kept, open_prompt
from trio_ws._cli.running import until_signal


@pytest.fixture
def keys() -> Iterator[PipeInput]:
    """Keys that the test presses."""
    with create_pipe_input() as source:
        yield source


@contextmanager
def prompt(keys: PipeInput, history: Path | None = None) -> Iterator[Prompt]:
    """Open a prompt that reads those keys."""
    place = str(history) if history else None
    with open_prompt(place, source=keys, screen=DummyOutput()) as (asked, _):
        yield asked


async def test_lines_are_typed_until_ctrl_d(keys: PipeInput) -> None:
    """With editing: what was deleted is not sent; Alt-Enter begins a new line of a message."""
    keys.send_text("hellp\x7fo\rone\x1b\rtwo\rgrüße\r\x04")
    with prompt(keys) as asked:
        assert [line async for line in asked] == [b"hello", b"one\ntwo", "grüße".encode()]


async def test_earlier_lines_are_kept(keys: PipeInput, tmp_path: Path) -> None:
    """Those of this conversation, and with a file those of earlier ones."""
    keys.send_text("first\rsecond\r\x04")
    with prompt(keys) as asked:
        assert [line async for line in asked] == [b"first", b"second"]
        assert asked._session.history.get_strings() == ["first", "second"]
    keys.send_text("third\r\x04")
    with prompt(keys, tmp_path / "history") as asked:
        assert [line async for line in asked] == [b"third"]
    with prompt(keys, tmp_path / "history") as asked:
        assert list(asked._session.history.load_history_strings()) == ["third"]


async def test_a_cancelled_question_is_ended(keys: PipeInput) -> None:
    """The thread is gone before the cancellation goes on, so the terminal is in order."""
    with prompt(keys) as asked, trio.move_on_after(0.05) as scope:
        await anext(asked)
    assert scope.cancelled_caught
    assert not asked._session.app.is_running
    keys.send_text("still there\r")
    assert await anext(asked) == b"still there"


async def test_a_question_that_has_not_begun_is_ended_too(keys: PipeInput) -> None:
    """Its thread may be on its way still."""
    with prompt(keys) as asked, trio.move_on_after(0):
        await anext(asked)
    assert not asked._session.app.is_running


async def test_to_end_a_question_is_tried_again(
    keys: PipeInput, nursery: trio.Nursery, autojump_clock: trio.testing.MockClock
) -> None:
    """Its thread may need a moment to come so far that it can be ended."""
    finished = trio.Event()

    async def begin_and_end() -> None:
        await trio.sleep(0.1)
        finished.set()

    nursery.start_soon(begin_and_end)
    with prompt(keys) as asked:
        await asked._end(finished)
    assert trio.current_time() == 0.1


async def test_a_question_that_does_not_end_is_left(
    keys: PipeInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command ends all the same, soon."""
    monkeypatch.setattr(prompt_module, "GIVE_UP", 0.05)
    monkeypatch.setattr(Prompt, "_leave", lambda self: None)
    with prompt(keys) as asked, trio.move_on_after(0.05) as scope:
        await anext(asked)
    assert scope.cancelled_caught
    keys.send_text("\r")
    with trio.fail_after(5):
        await trio.lowlevel.checkpoint()
        while asked._session.app.is_running:  # noqa: ASYNC110 - another thread's business
            await trio.lowlevel.checkpoint()


async def test_ctrl_c_is_the_signal(keys: PipeInput) -> None:
    """In raw mode it is only a key, so it is sent on."""

    async def command() -> int:
        keys.send_text("half a line\x03")
        with prompt(keys) as asked:
            await anext(asked)
        raise AssertionError

    assert await until_signal(command) == 128 + signal.SIGINT


@pytest.mark.parametrize("kind", [OSError, termios.error])
async def test_a_terminal_that_hangs_up_is_the_signal(
    keys: PipeInput, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading from it may fail before the system's own signal arrives."""

    def hang_up(*_: object, **__: object) -> NoReturn:
        raise kind(errno.EIO, "Input/output error")

    monkeypatch.setattr(PromptSession, "prompt", hang_up)

    async def command() -> int:
        with prompt(keys) as asked:
            await anext(asked)
        raise AssertionError

    assert await until_signal(command) == 128 + signal.SIGHUP


async def test_another_failure_is_an_error(
    keys: PipeInput, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is raised where the line was awaited."""

    def fail(*_: object, **__: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(PromptSession, "prompt", fail)
    with prompt(keys) as asked, pytest.raises(OSError, match="No space left"):
        await anext(asked)


def test_a_history_that_cannot_be_written_is_refused(keys: PipeInput, tmp_path: Path) -> None:
    """Before anything is asked."""
    with pytest.raises(IsADirectoryError), prompt(keys, tmp_path):
        raise AssertionError


def test_an_answer_that_came_in_time_stands(keys: PipeInput) -> None:
    """To end a question that has been answered does nothing."""
    with prompt(keys) as asked:
        asked._leave()


def test_what_is_written_goes_above_the_prompt(keys: PipeInput) -> None:
    """For the length of a block, whatever writes it."""
    out = io.StringIO()
    screen = Vt100_Output(out, lambda: Size(24, 80), term="dumb")
    with open_prompt(colour=True, source=keys, screen=screen) as (_, console):
        assert console.colour
        console.line("result")
        console.say("news")
    assert "result\n" in out.getvalue().replace("\r", "")
    assert "news\n" in out.getvalue().replace("\r", "")


def test_keys_between_questions_are_kept() -> None:
    """A Ctrl-D is a key then, a return a return, and Ctrl-C still a signal."""
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    with keys_kept(slave):
        os.write(master, b"a\x04\r")
        assert os.read(slave, 10) == b"a\x04\r"
        assert termios.tcgetattr(slave)[3] & termios.ISIG
    assert termios.tcgetattr(slave) == before
    with keys_kept(slave):
        os.close(master)
    os.close(slave)
