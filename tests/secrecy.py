"""A secret that the tests plant, and a watch over every message of the library.

Tests that need a password, a token, a cookie or a ticket take `SECRET` for it;
`tests/test_house.py` sees to that.  Servers and clients that tests share carry it, too.
So it goes through the library in thousands of tests that are about something else.

While the tests run, the watch looks at what the library says:

* every call of a logger ``trio_ws.*``, whether its level is shown or not;
* every exception of the library when it is made, and its notes and causes when a test catches it
  (``pytest.raises``), as any other exception that a test catches;
* from Python 3.12 on, every exception that leaves a function of the library for code outside;
* every warning.

A test during which one of them shows the secret, plain or in Base64, fails,
whatever else it is about.  What programs print, and what other processes say, is not looked at.
"""

from __future__ import annotations

import base64
import contextlib
import logging
import re
import sys
import traceback
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

import trio_ws
from trio_ws import WebSocketError
from trio_ws.testing import RawPeer

SECRET = "hunter2"
"""The word that no message may show."""

USERINFO = f"me:{SECRET}@"
QUERY = f"?token={SECRET}"
SECRET_HEADERS = {"Authorization": f"Bearer {SECRET}", "Cookie": f"session={SECRET}"}

LIBRARY = str(Path(trio_ws.__file__).parent)
INSIDE = (LIBRARY, contextlib.__file__)
"""Where code stands that is no user's: a context manager of ours has a frame of `contextlib`."""


def _forms(word: str) -> list[str]:
    """Return how a word looks, plain and in Base64, whatever stands before and behind it."""
    forms = [re.escape(word)]
    for shift in range(3):
        bits = 8 * (shift + len(word))
        text = base64.b64encode(bytes(shift) + word.encode()).decode()
        forms.append(re.escape(text[-(-8 * shift // 6) : bits // 6]))
    return forms


_SHOWN = re.compile("|".join(_forms(SECRET)))


def messages_of(error: BaseException | None) -> list[str]:
    """List what an error says, with its causes, its contexts, and the members of a group."""
    said: list[str] = []
    seen: set[int] = set()
    ahead = [error]
    while ahead:
        error = ahead.pop()
        if error is None or id(error) in seen:
            continue
        seen.add(id(error))
        said += [str(error), repr(error), *traceback.format_exception_only(error)]
        ahead += [error.__cause__, error.__context__]
        if isinstance(error, BaseExceptionGroup):
            ahead += error.exceptions
    return said


class Watch:
    """Looks at messages, and keeps those that show the secret."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def look(self, where: str, *texts: str) -> None:
        """Keep those of the texts that show the secret."""
        self.shown += [f"{where}: {text}" for text in texts if _SHOWN.search(text)]

    def complain(self) -> None:
        """Fail the test if a message showed the secret."""
        if self.shown:
            told, self.shown = "\n".join(dict.fromkeys(self.shown)), []
            pytest.fail(f"a message shows the secret that was planted\n{told}", pytrace=False)

    @contextmanager
    def catching(self) -> Generator[list[str]]:
        """Let what is shown in the block fail no test; give it to the block instead."""
        before, self.shown = self.shown, []
        try:
            yield self.shown
        finally:
            self.shown = before


watch = Watch()


class WatchedLogger(logging.Logger):
    """A logger of which every call is looked at, shown or not."""

    def log(self, level: int, msg: object, *args: object, **options: Any) -> None:
        """Look, and log."""
        watch.look(f"log {self.name}", str(msg) % args if args else str(msg))
        watch.look(f"log {self.name}", *messages_of(options.get("exc_info")))
        super().log(level, msg, *args, **options | {"stacklevel": options["stacklevel"] + 1})


def begin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watch until the patches are undone."""
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("trio_ws.") and type(logger) is logging.Logger:
            monkeypatch.setattr(logger, "__class__", WatchedLogger)
    monkeypatch.setattr(WebSocketError, "__init__", _made, raising=False)
    for catcher in (pytest.RaisesExc, pytest.RaisesGroup):
        monkeypatch.setattr(catcher, "__exit__", _caught(catcher.__exit__))
    if sys.version_info >= (3, 12):
        _watch_frames()


def let_peers_carry_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each upgrade that a `RawPeer` requests have the secret in its query and its headers."""
    monkeypatch.setattr(RawPeer, "request", _carrying(RawPeer.request))


def _carrying(request: Callable[..., Awaitable[bytes]]) -> Callable[..., Awaitable[bytes]]:
    """Return `RawPeer.request`, with the secret in the query and in the headers."""
    lines = [f"{name}: {value}" for name, value in SECRET_HEADERS.items()]

    async def send_request(
        peer: RawPeer, target: str = "/", *extra_lines: str, **options: str
    ) -> bytes:
        target += "" if "?" in target else QUERY
        return await request(peer, target, *lines, *extra_lines, **options)

    return send_request


def _made(self: WebSocketError, *args: object) -> None:
    super(WebSocketError, self).__init__(*args)
    watch.look(type(self).__name__, *map(str, args))


def _caught(leave: Callable[..., bool]) -> Callable[..., bool]:
    """Return the exit of ``pytest.raises`` with a look at what it catches."""

    def look_and_leave(self: object, kind: object, error: BaseException | None, *rest: Any) -> bool:
        watch.look(getattr(kind, "__name__", ""), *messages_of(error))
        return leave(self, kind, error, *rest)

    return look_and_leave


if sys.version_info >= (3, 12):

    def _watch_frames() -> None:
        """Look at every exception that leaves the library."""
        monitoring, tool = sys.monitoring, 4
        monitoring.use_tool_id(tool, "secrecy")
        monitoring.register_callback(tool, monitoring.events.PY_UNWIND, _left)
        monitoring.set_events(tool, monitoring.events.PY_UNWIND)

    def _left(code: CodeType, offset: int, error: BaseException) -> None:
        if not code.co_filename.startswith(LIBRARY):
            return
        caller = sys._getframe(1).f_back
        if caller is None or not caller.f_code.co_filename.startswith(INSIDE):
            with suppress(Exception):  # one whose __str__ fails
                watch.look(type(error).__name__, str(error), *getattr(error, "__notes__", ()))
