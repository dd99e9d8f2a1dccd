"""Signals end a command politely, and errors become a message and an exit code."""

from __future__ import annotations

import os
import signal
import ssl

import pytest
import trio
import trio.testing

from trio_ws import (
    Close,
    ConnectionClosed,
    Ending,
    HandshakeError,
    InvalidURL,
    LocalProtocolError,
    SupervisorGaveUp,
)
from trio_ws._cli.exits import CommandError, Exit
from trio_ws._cli.running import explained, run_async, until_signal


def test_a_command_is_run_in_trio() -> None:
    """Its exit code is ours."""

    async def command() -> int:
        await trio.lowlevel.checkpoint()
        return 4

    assert run_async(command) == 4


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
async def test_a_signal_cancels_the_command(number: int, code: int) -> None:
    """What it holds open is closed on the way out; the code is that of a shell."""
    closed = []

    async def command() -> int:
        try:
            os.kill(os.getpid(), number)
            await trio.sleep_forever()
        finally:
            closed.append(True)
        return 0

    assert await until_signal(command) == code
    assert closed == [True]


async def test_a_second_signal_does_not_cut_the_goodbye_short() -> None:
    """Nor does it change the exit code."""
    closed = []

    async def command() -> int:
        try:
            os.kill(os.getpid(), signal.SIGHUP)
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                os.kill(os.getpid(), signal.SIGINT)
                await trio.testing.wait_all_tasks_blocked()
            closed.append(True)
        return 0

    assert await until_signal(command) == 129
    assert closed == [True]


async def test_signals_are_left_alone_afterwards() -> None:
    """The handlers are those of before."""

    async def command() -> int:
        return 0

    before = signal.getsignal(signal.SIGTERM)
    assert await until_signal(command) == 0
    assert signal.getsignal(signal.SIGTERM) == before


ENDING = Ending(received=Close(1011), sent=Close(1011), received_first=True)


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (InvalidURL("no URL"), Exit.USAGE, "no URL"),
        (LocalProtocolError("no header"), Exit.USAGE, "no header"),
        (HandshakeError("no luck \x1b"), Exit.NO_CONNECTION, r"no luck \x1b"),
        (SupervisorGaveUp("gave up"), Exit.NO_CONNECTION, "gave up"),
        (ConnectionClosed(ENDING), Exit.LOST, "received 1011"),
        (FileNotFoundError(2, "no such file"), Exit.USAGE, "no such file"),
        (ssl.SSLError("bad"), Exit.USAGE, "bad"),
        (CommandError("mine", 4), 4, "mine"),
    ],
)
def test_an_error_becomes_a_message_and_a_code(error: Exception, code: int, message: str) -> None:
    """Alone, or within groups of nurseries."""
    for given in (error, ExceptionGroup("", [ExceptionGroup("", [error])])):
        found = explained(given)
        assert isinstance(found, CommandError)
        assert message in str(found)
        assert found.code == code


def test_of_several_errors_that_of_the_command_counts() -> None:
    """A broken pipe, too, is more than what it led to."""
    group = ExceptionGroup("", [HandshakeError("x"), BrokenPipeError()])
    assert isinstance(explained(group), BrokenPipeError)


def test_a_fault_of_ours_stays_what_it_is() -> None:
    """Its traceback is needed."""
    fault = ZeroDivisionError()
    assert explained(fault) is fault


def test_an_error_leaves_the_run_explained() -> None:
    """With the original one chained."""

    async def command() -> int:
        raise HandshakeError("nothing there")

    with pytest.raises(CommandError, match="nothing there") as caught:
        run_async(command)
    assert caught.value.code == Exit.NO_CONNECTION
