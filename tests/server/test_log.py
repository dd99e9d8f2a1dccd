"""`trio_ws._server.log`: what a server tells its operator."""

from __future__ import annotations

import logging
import ssl
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import Rejected, Request, log_handler_error, serve_websocket_listeners
from trio_ws._ending import Close, Ending, Loss
from trio_ws._handshake.server import Refusal
from trio_ws._http import Headers
from trio_ws._server.log import (
    ORIGIN_LOG_INTERVAL,
    log_answer,
    log_application_error,
    log_break,
    log_ending,
)
from trio_ws.testing import RawPeer, open_websocket_pair

from ..halls import MemoryListener, forever, serving


@pytest.fixture(autouse=True)
def everything(caplog: pytest.LogCaptureFixture) -> None:
    """See all lines."""
    caplog.set_level(logging.DEBUG, "trio_ws.server")


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[str]:
    """List what is said at this level."""
    return [record.getMessage() for record in caplog.records if record.levelno == level]


async def foreign(hall: Any, count: int) -> None:
    """Let pages of another origin try to connect."""
    for _ in range(count):
        with pytest.raises(Rejected, match="status 403"):
            async with hall.open(origin="https://evil.example"):
                pass


async def test_foreign_origins(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The first refusal is told at once with its remedy, the others once a minute (F4.9)."""
    async with serving() as hall:
        await foreign(hall, 3)
        (line,) = lines(caplog)
        assert line.endswith(
            "answered 403: The option origins= does not allow 'https://evil.example' "
            "to connect to 'testserver'."
        )
        await trio.sleep_until(ORIGIN_LOG_INTERVAL - 0.001)
        await foreign(hall, 1)
        assert len(lines(caplog)) == 1
        await trio.sleep_until(ORIGIN_LOG_INTERVAL)
        await foreign(hall, 1)
        assert "(3 more were refused since the last such line)" in lines(caplog)[1]
        await trio.sleep(ORIGIN_LOG_INTERVAL)
        await foreign(hall, 1)
        assert "more were refused" not in lines(caplog)[2]


def ending(code: int, answer: int, **facts: Any) -> Ending:
    """Make the end of a connection that was closed and answered."""
    return Ending(sent=Close(code), received=Close(answer), **facts)


@pytest.mark.parametrize(
    ("end", "told"),
    [
        (ending(1012, 1002), "Server.drain(code=1001) is understood by all"),
        (ending(1013, 1002), "takes our close for a protocol error"),
        (ending(1012, 1012), ""),
        (ending(1002, 1002), ""),
        (ending(1012, 1002, received_first=True), ""),
        (ending(1000, 1000), ""),
        (Ending(loss=Loss.EOF, age=40.25, silence=3), "; after 40.2 s, the last 3.0 s in silence"),
        (Ending(loss=Loss.EOF), "the connection was lost: "),
        (None, ""),
    ],
)
async def test_endings(
    end: Ending | None, told: str, autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    """A loss is told, and a close that the peer did not understand (F4.3); others are not."""
    async with open_websocket_pair() as (_, ws):
        log_ending(ws, end)
        assert len(lines(caplog)) == bool(told)
        assert told in caplog.text


async def test_a_peer_that_does_not_know_1012(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It shows in the log when a server is drained."""
    listener = MemoryListener()
    async with trio.open_nursery() as nursery:
        server = await nursery.start(partial(serve_websocket_listeners, forever, [listener]))
        async with RawPeer(listener.connect(), client=True) as peer:
            await peer.request()
            nursery.start_soon(partial(server.drain, spread=0, timeout=1))
            await peer.expect_close(1012)
            await peer.send_close(1002)
    assert "takes our close for a protocol error, / for None" in caplog.text


async def test_failures(caplog: pytest.LogCaptureFixture) -> None:
    """A handler's failure, and that of another function, come with their tracebacks."""
    async with open_websocket_pair() as (_, ws):
        log_handler_error(ws, ZeroDivisionError("a"))
    request = Request(method="GET", target="/a?token=hunter2", headers=Headers())
    log_application_error("server-1", KeyError("b"), request)
    log_application_error("server-1", KeyError("c"))
    assert lines(caplog, logging.ERROR) == [
        "[server] the handler failed: / for None",
        "[server-1] answering GET /a failed",
        "[server-1] answering a request failed",
    ]
    assert all(record.exc_info for record in caplog.records if record.levelno == logging.ERROR)


def test_answers(caplog: pytest.LogCaptureFixture) -> None:
    """An answer is told with its reason, without the query, cut and printable."""
    request = Request(method="GET", target="/a?token=hunter2", headers=Headers())
    refusal = Refusal(403, "No.")
    refusal.add_note("because of \x1b")
    log_answer("s", request, 200)
    log_answer("s", None, 400, Refusal(400, "Bad."))
    log_answer("s", request, 403, refusal)
    log_answer("s", Request(method="GET", target="/" + "x" * 1000, headers=Headers()), 200)
    assert lines(caplog, logging.DEBUG)[:3] == [
        "[s] GET /a: answered 200",
        "[s] what is no request: answered 400 (Bad.)",
        "[s] GET /a: answered 403 (No. because of \\x1b)",
    ]
    assert len(lines(caplog, logging.DEBUG)[3]) < 300


def test_nothing_is_made_that_nobody_reads(caplog: pytest.LogCaptureFixture) -> None:
    """Above level DEBUG answers are not even put into words."""
    caplog.set_level(logging.INFO, "trio_ws.server")
    log_answer("s", None, 200)
    assert not caplog.records


def test_breaks(caplog: pytest.LogCaptureFixture) -> None:
    """What broke off is told by its cause, with the remedy for the one that needs it."""
    broken = trio.BrokenResourceError("x")
    broken.__cause__ = OSError("reset")
    log_break("s", broken)
    no_cipher = ssl.SSLError(1, "NO_SHARED_CIPHER")
    no_cipher.reason = "NO_SHARED_CIPHER"
    log_break("s", no_cipher)
    other = ssl.SSLError(1, "other")
    other.reason = "OTHER"
    log_break("s", other)
    one, two, three = lines(caplog, logging.DEBUG)
    assert one == "[s] broke before it was open: reset"
    assert two.endswith("; has the ssl_context a certificate (load_cert_chain)?")
    assert "load_cert_chain" not in three
