"""The command line: from `lines` to `console`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "a line of the input has a bound",
        "_cli/lines.py",
        "        if len(self._rest) > MAX_LINE:",
        "        if False:",
        ("cli/test_lines.py::test_a_line_without_an_end_is_bounded",),
    ),
    Guard(
        "a reader that went away is told",
        "_cli/lines.py",
        (
            "        except trio.BrokenResourceError as error:\n"
            "            raise BrokenPipeError from error"
        ),
        ("        except trio.BrokenResourceError:\n            return"),
        ("cli/test_lines.py::test_a_reader_that_went_away_is_a_broken_pipe",),
    ),
    Guard(
        "a file to explain has a bound",
        "_cli/explain.py",
        "    if len(data) > MAX_FILE:",
        "    if False:",
        ("cli/test_explain.py::test_a_large_file_is_refused",),
    ),
    Guard(
        "the handshake that is shown has a deadline",
        "_cli/handshake.py",
        ("    with trio.move_on_after(seconds):\n        tap"),
        ("    with trio.CancelScope():\n        tap"),
        ("cli/test_handshake.py::test_a_lookup_that_takes_too_long_is_given_up",),
        hangs=True,
    ),
    Guard(
        "a chat's member that is too slow has to leave",
        "_cli/handlers.py",
        "        if len(self._queue) < QUEUE:",
        "        if True:",
        ("cli/test_handlers.py::test_a_member_that_is_too_slow_has_to_leave",),
        hangs=True,
    ),
    Guard(
        "a chat's room is forgotten with its last member",
        "_cli/handlers.py",
        "                    del self._rooms[ws.request.path]\n",
        "                    pass\n",
        ("cli/test_handlers.py::test_members_of_a_room_hear_each_other",),
    ),
    Guard(
        "a member's name is shown escaped",
        "_cli/handlers.py",
        "        return escape(given.strip()[:MAX_NAME]) or",
        "        return given.strip()[:MAX_NAME] or",
        ("cli/test_handlers.py::test_members_of_a_room_hear_each_other",),
    ),
    Guard(
        "deep JSON on the command line is refused",
        "_cli/codec.py",
        (
            "    except RecursionError:\n"
            '        raise ValueError("it is nested too deeply") from None'
        ),
        (
            "    except FloatingPointError:\n"
            '        raise ValueError("it is nested too deeply") from None'
        ),
        ("cli/test_codec.py::test_a_line_that_cannot_be_sent_is_refused",),
    ),
    Guard(
        "NaN on the command line is refused",
        "_cli/codec.py",
        "        return json.loads(text, parse_constant=_refuse)",
        "        return json.loads(text)",
        ("cli/test_codec.py::test_a_line_that_cannot_be_sent_is_refused",),
    ),
    Guard(
        "a signal ends a command by its number",
        "_cli/running.py",
        "    return 128 + caught[0] if caught else code",
        "    return code",
        ("cli/test_running.py::test_a_signal_cancels_the_command",),
    ),
    Guard(
        "a group of errors is explained",
        "_cli/running.py",
        ("    if isinstance(error, BaseExceptionGroup):\n        for part"),
        ("    if False:\n        for part"),
        ("cli/test_running.py::test_an_error_becomes_a_message_and_a_code",),
    ),
    Guard(
        "NO_COLOR is obeyed",
        "_cli/console.py",
        ' and not environ.get("NO_COLOR")',
        "",
        ("cli/test_console.py::test_colours_are_for_terminals_unless_asked_for",),
    ),
]
