"""``trio-ws``: the command is found, and every error is a message and an exit code."""

from __future__ import annotations

import argparse
import errno
import importlib
import importlib.metadata
import io
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import NoReturn

import pytest

from trio_ws._cli import main as main_module
from trio_ws._cli.console import Console
from trio_ws._cli.exits import CommandError, Exit
from trio_ws._cli.main import COMMANDS, main
from trio_ws._protocol import accelerator


def run_as_command(monkeypatch: pytest.MonkeyPatch, run: Callable[[], int]) -> int:
    """Run a command of the test's own as ``trio-ws explain``."""
    command = SimpleNamespace(
        __doc__="A command.",
        EXAMPLES="",
        add_arguments=lambda parser: None,
        run=lambda options, console: run(),
    )
    monkeypatch.setattr(importlib, "import_module", lambda *_: command)
    return main(["explain"])


def fail(error: BaseException) -> Callable[[], NoReturn]:
    """Return a command that fails."""

    def run() -> NoReturn:
        raise error

    return run


def test_a_command_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    """Its exit code is ours."""
    assert main(["explain", "--brief", "8900"]) == Exit.OK
    assert capsys.readouterr().out.startswith("frame 1 at byte 0: ping")
    assert main(["explain", "--brief", "89"]) == Exit.UNEXPECTED


def test_the_arguments_are_those_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unless others are given."""
    monkeypatch.setattr(sys, "argv", ["trio-ws", "explain", "--colour", "always", "8900"])
    assert main() == Exit.OK
    assert "\x1b[" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "name a command: "),
        (["nonsense"], "no such command: nonsense; there are: "),
        (["--nonsense"], "unrecognized arguments: --nonsense\ntry: trio-ws --help"),
        (["explain"], "the following arguments are required: HEX|BASE64|FILE"),
        (["explain", "zz"], "trio-ws explain: 'zz' cannot be explained"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_explained(
    words: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1, a sentence, and where to read more."""
    assert main(words) == Exit.USAGE
    out, err = capsys.readouterr()
    assert complaint in err
    assert err.startswith("trio-ws")
    assert out == ""


def test_help_and_version_are_no_errors(capsys: pytest.CaptureFixture[str]) -> None:
    """They go to standard output."""
    assert main(["--help"]) == Exit.OK
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in COMMANDS)
    assert main(["explain", "--help"]) == Exit.OK
    shown = capsys.readouterr().out
    assert "examples:\n  trio-ws explain 81 85" in shown
    assert "exit codes:" in shown
    assert main(["--version"]) == Exit.OK
    assert capsys.readouterr().out.startswith("trio-ws ")


def test_a_checkout_has_no_version(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It runs all the same."""

    def unknown(name: str) -> NoReturn:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", unknown)
    assert main(["--version"]) == Exit.OK
    assert capsys.readouterr().out.startswith("trio-ws (a checkout that is not installed), ")


@pytest.mark.parametrize(
    ("compiled", "told"), [(None, "pure Python"), (object(), "with its accelerator in C")]
)
def test_the_version_tells_whether_there_is_the_accelerator(
    compiled: object, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which implementation reads the frames is told with the release."""
    monkeypatch.setattr(accelerator, "compiled", compiled)
    assert main(["--version"]) == Exit.OK
    assert capsys.readouterr().out.endswith(f", {told}\n")


def test_errors_end_with_their_codes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A message, and no traceback."""
    assert run_as_command(monkeypatch, fail(CommandError("no luck", Exit.LOST))) == Exit.LOST
    assert capsys.readouterr().err == "trio-ws explain: no luck\n"
    assert run_as_command(monkeypatch, fail(KeyboardInterrupt())) == Exit.INTERRUPTED
    assert capsys.readouterr().err == ""


def test_a_fault_of_ours_is_shown_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not foreseen needs its traceback."""
    for fault in (ZeroDivisionError, OSError):
        with pytest.raises(fault):
            run_as_command(monkeypatch, fail(fault()))


def trio_ws(*words: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    """Run ``python -m trio_ws``."""
    command = [sys.executable, "-m", "trio_ws", *words]
    return subprocess.run(command, check=False, timeout=30, **options)  # type: ignore[call-overload, no-any-return]


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    """As with other tools in a pipe; nothing is said, and the code is that of SIGPIPE."""
    reading, writing = os.pipe()
    os.close(reading)
    done = trio_ws("explain", "8900", stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (Exit.BROKEN_PIPE, b"")


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(errno.EIO, "it has hung up")])
def test_a_pipe_that_breaks_in_this_process_is_left(
    error: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written afterwards goes nowhere; a terminal that hangs up is no different."""
    reading, writing = os.pipe()
    with open(reading, "rb"), open(writing, "w", encoding="utf-8") as out:
        console = Console(out, io.StringIO())
        monkeypatch.setattr(main_module, "_console", lambda: console)
        assert run_as_command(monkeypatch, fail(error)) == Exit.BROKEN_PIPE
        out.write("x")
        out.flush()
        os.set_blocking(reading, False)
        assert os.read(reading, 1) == b""


def test_output_that_the_encoding_lacks_is_escaped() -> None:
    """A terminal of the last century is no reason to fail."""
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = trio_ws("explain", "8102c3a4 89", env=environment, capture_output=True)
    assert (done.returncode, done.stderr) == (Exit.UNEXPECTED, b"")
    assert rb'"\xe4"' in done.stdout
    assert rb"RFC 6455 \xa75.2" in done.stdout


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_what_a_shell_has_closed_is_nothing(closed: str) -> None:
    """Neither a reason to fail, nor a place for a socket."""
    line = f"{shlex.quote(sys.executable)} -m trio_ws explain --brief 8900 {closed}"
    done = subprocess.run(["sh", "-c", line], check=False, capture_output=True, timeout=30)
    assert (done.returncode, done.stderr) == (Exit.OK, b"")
    assert done.stdout.startswith(b"" if ">&-" in closed.split() else b"frame 1")


def test_numbers_that_are_free_are_taken() -> None:
    """Those of standard input, output and errors."""
    code = (
        "import os; os.close(0); from trio_ws._cli.main import open_standard; open_standard();"
        "print(os.fstat(0).st_rdev == os.stat(os.devnull).st_rdev)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=30)
    assert done.stdout == b"True\n"


def test_the_console_is_made_of_what_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python has None for what is closed."""
    opened = []
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(os, "fstat", lambda number: os.stat(os.devnull) if number else fail_stat())
    monkeypatch.setattr(os, "open", lambda *args: opened.append(args))
    console = main_module._console()
    monkeypatch.undo()
    console.line("nothing")
    console.out.close()
    assert opened == [(os.devnull, os.O_RDWR)]


def fail_stat() -> os.stat_result:
    """Be closed."""
    raise OSError(errno.EBADF, "Bad file descriptor")


def test_explain_needs_no_other_command() -> None:
    """A command is imported when it is asked for."""
    code = (
        "import sys; from trio_ws._cli.main import main; main(['explain', '8900']);"
        "print([m for m in sys.modules if m.startswith('trio_ws._cli.')], file=sys.stderr);"
        "print('asyncio' in sys.modules, 'prompt_toolkit' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, text=True, timeout=30
    )
    modules, foreign = done.stderr.splitlines()
    assert set(eval(modules)) == {
        f"trio_ws._cli.{name}"
        for name in ("codec", "console", "diagram", "exits", "explain", "main")
    }
    assert foreign == "False False"


def test_every_command_that_is_listed_is_there() -> None:
    """Each has examples, a description, arguments, and something to run."""
    for name in COMMANDS:
        command = importlib.import_module(f"trio_ws._cli.{name}")
        command.add_arguments(argparse.ArgumentParser())
        assert command.__doc__ and "trio-ws" in command.EXAMPLES
        assert callable(command.run)
