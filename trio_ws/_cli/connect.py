"""Talk to a WebSocket server, by hand or through a pipe.

In a terminal each line that is typed is sent, and each message is shown.
In a pipe each line of the input is a message, and each message a line of the output;
after the end of the input it waits for answers: until none has come for half a second,
or for as many as --expect says.
What is shown of a message is escaped; --raw shows it as it came.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager

import trio

from trio_ws import Heartbeat, Limits

from .codec import CODECS
from .console import Console
from .conversation import AtTerminal, InPipe
from .lines import Outlet, open_lines, open_writer
from .running import run_async
from .target import Target, positive, read_target, seconds
from .target import add_arguments as add_target

EXAMPLES = """\
examples:
  trio-ws connect wss://example.com/feed
  trio-ws connect ws://127.0.0.1:8765/ --json --timestamps
  trio-ws connect ws://127.0.0.1:8765/ --send ping --expect 1
  seq 1000 | trio-ws connect ws://127.0.0.1:8765/ --expect 1000 > echoed
  trio-ws connect wss://example.com/feed --reconnect --wait inf < /dev/null | grep trade
in a terminal:
  Ctrl-D closes, Alt-Enter begins a new line of a message, and a line may be a command:
  /ping   /close [CODE [REASON]]   /help   //text sends /text
"""

MAX_MESSAGE = 64
"""MiB of a message that is received, unless another limit is given."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_target(parser)
    talk = parser.add_argument_group("the conversation")
    talk.add_argument(
        "--send", action="append", metavar="MESSAGE", help="send this, and read no input"
    )
    talk.add_argument("--expect", type=positive, metavar="N", help="end after N messages")
    talk.add_argument(
        "--wait", type=silence, metavar="SECONDS", help="of silence after the input; default: 0.5"
    )
    talk.add_argument("--reconnect", action="store_true", help="when the connection is lost")
    talk.add_argument(
        "--ping", type=seconds, metavar="SECONDS", help="of silence before a ping; default: 20"
    )
    talk.add_argument("--max-size", type=positive, metavar="MIB", default=MAX_MESSAGE)
    form = parser.add_argument_group("messages")
    which = form.add_mutually_exclusive_group()
    for name in CODECS:
        which.add_argument(f"--{name}", action="store_const", const=name, dest="form")
    form.add_argument("--raw", action="store_true", help="show messages as they came")
    form.add_argument("--timestamps", action="store_true", help="show when they came")
    form.add_argument("--history", metavar="FILE", help="keep what is typed")
    parser.set_defaults(form="text")


def silence(text: str) -> float:
    """Read a duration that may be 0 or inf."""
    return math.inf if text in ("inf", "forever") else 0.0 if text == "0" else seconds(text)


def run(options: argparse.Namespace, console: Console) -> int:
    """Connect and talk."""
    size = options.max_size * 1024 * 1024
    interval = options.ping or Heartbeat().interval
    target = read_target(
        options,
        heartbeat=Heartbeat(interval=interval),
        limits=Limits(max_message_size=size),
    )
    return run_async(lambda: converse(target, options, console))


async def converse(
    target: Target,
    options: argparse.Namespace,
    console: Console,
    *,
    stdin: int = 0,
    stdout: int = 1,
) -> int:
    """Talk in a terminal if there is one and nothing else is given; return the exit code."""
    if options.send is None and os.isatty(stdin) and os.isatty(stdout):
        with open_terminal(options.history, console, stdin) as (typed, above):
            return await AtTerminal(target, options, typed, above).run()
    with open_lines(stdin) as lines, open_writer(stdout) as write:
        given = lines if options.send is None else Given(options.send)
        # The outlet outlives the connection: what came before a loss is shown, too.
        outlet = Outlet(write)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outlet.run)
            code = await InPipe(target, options, given, console, outlet).run()
            await outlet.flush()
            nursery.cancel_scope.cancel(reason="all is written")
    return code


@contextmanager
def open_terminal(
    history: str | None, console: Console, stdin: int
) -> Iterator[tuple[AsyncIterator[bytes], Console]]:
    """Give the lines that are typed and a place to write; prompt_toolkit makes both better."""
    try:
        from .prompt import open_prompt
    except ImportError:
        console.say("(for editing and history: pip install 'trio-ws[cli]')")
        with open_lines(stdin) as lines:
            yield lines, console
    else:
        with open_prompt(history, colour=console.colour) as ends:
            yield ends


class Given(AsyncIterator[bytes]):
    """A source of the messages of ``--send``."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = iter(texts)

    async def __anext__(self) -> bytes:
        """Return the next."""
        await trio.lowlevel.checkpoint()
        for text in self._texts:
            return os.fsencode(text)
        raise StopAsyncIteration
