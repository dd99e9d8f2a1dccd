"""`trio_ws._client.attempt`: headers by a function, redirects, one deadline over it all."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import (
    HandshakeError,
    HandshakeTimeout,
    LocalProtocolError,
    Rejected,
    Timeouts,
    TLSError,
    TooManyRedirects,
)
from trio_ws._client import dialling
from trio_ws._client.connect import open_websocket, open_websocket_on
from trio_ws._handshake.redirects import STATUSES

from .places import Heads, noting, redirect, scripted, tunnel
from .servers import (
    Script,
    Spy,
    accept_and_close,
    echo_once,
    memory,
    raw,
    server_context,
    silence,
    trusting,
)

A, B = ("a.example", 80), ("b.example", 80)

# The headers


def given(headers: Any) -> Callable[[], Any]:
    """A function that returns headers."""
    return lambda: headers


async def from_afar() -> dict[str, str]:
    """Fetch a token."""
    await trio.sleep(3)
    return {"Authorization": "Bearer hunter2"}


@pytest.mark.parametrize(
    "headers", [from_afar, given({"Authorization": "Bearer hunter2"}), partial(from_afar)]
)
async def test_headers_of_a_function(headers: Any, autojump_clock: object) -> None:
    """A function, async or not, is asked for the headers of each attempt."""
    heads = Heads()
    async with (
        scripted({A: noting(heads)}),
        open_websocket("ws://a.example", headers=headers) as ws,
    ):
        assert ws.request.headers["Authorization"] == "Bearer hunter2"
    assert "Authorization: Bearer hunter2" in heads.lines


async def test_once_for_each_attempt(autojump_clock: object) -> None:
    """It is asked once, whatever redirects there are, and anew for another attempt."""
    asked: list[float] = []

    def headers() -> dict[str, str]:
        asked.append(trio.current_time())
        return {"X-Number": str(len(asked))}

    places = {A: redirect("/there")}
    async with scripted(places):
        for number in (1, 2):
            with pytest.raises(TooManyRedirects) as caught:
                async with open_websocket("ws://a.example/", headers=headers):
                    pass
            assert caught.value.request is not None
            assert caught.value.request.headers["X-Number"] == str(number)
    assert len(asked) == 2


@pytest.mark.parametrize(
    ("headers", "error", "why"),
    [
        (given("X: 1"), TypeError, "headers must be a mapping"),
        (given({"X": 1}), TypeError, "headers must be a mapping"),
        (given(None), TypeError, "headers must be a mapping"),
        (given({"Host": "x"}), LocalProtocolError, "the header Host"),
        (given({"X": "a\r\nb"}), LocalProtocolError, "the header X has control"),
    ],
)
async def test_bad_headers_of_a_function(
    headers: Any, error: type[Exception], why: str, autojump_clock: object
) -> None:
    """What it returns is checked like headers that are given; nothing is connected to."""
    async with scripted({A: accept_and_close}) as network:
        with pytest.raises(error, match=why):
            async with open_websocket("ws://a.example", headers=headers):
                pass
    assert network.connected == []


async def test_bad_headers_and_a_stream(autojump_clock: object) -> None:
    """A stream that was given is closed, whatever the function returned."""
    for headers in ({"Host": "x"}, {"X": 1}):
        async with memory(silence) as stream:
            spy = Spy(stream)
            with pytest.raises((LocalProtocolError, TypeError)):
                async with open_websocket_on(spy, "ws://h", headers=given(headers)):
                    pass
            assert spy.closed


async def test_a_function_that_fails(autojump_clock: object) -> None:
    """Its own mistakes leave as they are; what the network does to it may pass."""

    def raising(error: Exception) -> Callable[[], dict[str, str]]:
        def function() -> dict[str, str]:
            raise error

        return function

    mistake = KeyError("token")
    with pytest.raises(KeyError) as caught:
        async with open_websocket("ws://a.example", headers=raising(mistake)):
            pass
    assert caught.value is mistake
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "refused")
    with pytest.raises(HandshakeError, match=r"the headers function failed: .*refused") as failed:
        async with open_websocket("ws://a.example", headers=raising(refused)):
            pass
    assert failed.value.transient is True


async def test_a_function_that_takes_long(autojump_clock: object) -> None:
    """It counts against the deadline; a stream that was given is closed."""
    async with memory(silence) as stream:
        spy = Spy(stream)
        with pytest.raises(
            HandshakeTimeout, match=r"within 2 s: still .* the headers function"
        ) as e:
            async with open_websocket_on(
                spy, "ws://h", headers=from_afar, timeouts=Timeouts(connect=2)
            ):
                pass
        assert trio.current_time() == 2
        assert spy.closed
    assert e.value.transient is True


async def test_a_function_is_cancelled(autojump_clock: object) -> None:
    """A cancellation lands in it as anywhere."""
    with trio.move_on_after(1) as scope:
        async with open_websocket("ws://h", headers=from_afar):
            raise AssertionError
    assert scope.cancelled_caught


# Redirects that are followed


@pytest.mark.parametrize("status", sorted(STATUSES))
async def test_followed(status: int, autojump_clock: object) -> None:
    """A redirect is followed at once, without its body; the last request is the connection's."""
    heads = Heads()
    moved = redirect("http://b.example/there?x=1", status, "Content-Length: 1000")
    async with scripted({A: moved, B: noting(heads, echo_once)}) as network:
        async with open_websocket("ws://a.example/here", subprotocols=["chat"]) as ws:
            assert ws.request.target == "/there?x=1"
            assert ws.request.headers["Host"] == "b.example"
            await ws.send("hello")
            assert await ws.receive() == "hello"
        assert network.streams[0].closed
    assert heads.lines[0] == "GET /there?x=1 HTTP/1.1"
    assert "Sec-WebSocket-Protocol: chat" in heads.lines
    assert network.connected == [A, B]
    assert trio.current_time() == 0


async def test_relative(autojump_clock: object) -> None:
    """A relative target is on the same server, which is connected to anew."""
    steps = iter([redirect("../there"), redirect("?x"), accept_and_close])

    async def script(peer: Any) -> None:
        await next(steps)(peer)

    async with (
        scripted({A: script}) as network,
        open_websocket("ws://me:hunter2@a.example/x/y", headers={"Cookie": "a=b"}) as ws,
    ):
        assert ws.request.target == "/there?x"
        assert ws.request.headers["Authorization"].startswith("Basic ")
        assert ws.request.headers["Cookie"] == "a=b"
    assert network.connected == [A] * 3


async def test_nothing_secret_goes_elsewhere(autojump_clock: object) -> None:
    """Another origin gets no credentials, however they were given; other headers it gets."""
    headers = [
        ("Authorization", "Bearer hunter2"),
        ("Cookie", "a=hunter2"),
        ("Proxy-Authorization", "Basic hunter2"),
        ("X-Client", "me"),
    ]
    for option in (headers, given(headers)):
        heads = Heads()
        async with (
            scripted({A: redirect("//b.example/"), B: noting(heads)}),
            open_websocket("ws://me:hunter2@a.example/?hunter2", headers=option) as ws,
        ):
            assert ("X-Client" in ws.request.headers) == (option is headers)
        assert "hunter2" not in heads.seen[0]
        assert "Authorization" not in heads.seen[0]


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("/b", r"@a.example/b \(redirected from ws://\*\*\*@a.example/\) rejected .* status 401"),
        (
            "//b.example/",
            r"b.example/ \(redirected from .*@a.example/, whose credentials it does not get",
        ),
    ],
)
async def test_refused_after_a_redirect(
    autojump_clock: object, location: str, message: str
) -> None:
    """The refusal says where the request came from, and that its credentials stayed there."""
    scripts = iter([redirect(location), redirect(None, 401)])

    async def script(peer: Any) -> None:
        await next(scripts)(peer)

    async with scripted({A: script, B: script}):
        with pytest.raises(Rejected, match=message):
            async with open_websocket("ws://me:hunter2@a.example/"):
                pass


async def test_to_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    """From ws it may go to wss."""

    async def context() -> Any:
        await trio.lowlevel.checkpoint()
        return trusting()

    monkeypatch.setattr(dialling, "default_context", context)

    async def secure(peer: Any) -> None:
        stream = trio.SSLStream(peer.stream, server_context("b.example"), server_side=True)
        peer.stream = stream
        await accept_and_close(peer)

    async with (
        scripted({A: redirect("https://b.example/"), ("b.example", 443): secure}),
        open_websocket("ws://a.example/") as ws,
    ):
        assert ws.tls is not None


def secured(script: Script, name: str) -> Script:
    """A server over TLS."""

    async def secure(peer: Any) -> None:
        peer.stream = trio.SSLStream(peer.stream, server_context(name), server_side=True)
        await script(peer)

    return secure


async def test_a_context_is_for_one_origin() -> None:
    """Another origin does not get the certificate that may be in the ``ssl_context``."""
    places = {
        ("a.example", 443): secured(redirect("/there"), "a.example"),
        ("b.example", 443): secured(accept_and_close, "b.example"),
    }
    async with scripted(places):
        with pytest.raises(TooManyRedirects):  # the same origin was asked again
            async with open_websocket("wss://a.example/", ssl_context=trusting()):
                pass
    places["a.example", 443] = secured(redirect("wss://b.example/"), "a.example")
    async with scripted(places):
        with pytest.raises(
            TLSError, match=r"ssl_context that was given is for wss://a.example/ on"
        ):
            async with open_websocket("wss://a.example/", ssl_context=trusting()):
                pass


async def test_connect_to_is_for_the_url_given(autojump_clock: object) -> None:
    """A redirect leads away from ``connect_to``, also to the same host."""
    there = ("10.0.0.1", 8080)
    async with (
        scripted({there: redirect("/there"), A: accept_and_close}) as network,
        open_websocket("ws://a.example/", connect_to=there) as ws,
    ):
        assert ws.request.target == "/there"
    assert network.connected == [there, A]


async def test_through_a_proxy(autojump_clock: object) -> None:
    """Each of the URLs is reached through the proxy."""
    heads = Heads()
    scripts = iter([redirect("ws://b.example/"), accept_and_close])

    async def script(peer: Any) -> None:
        await tunnel(next(scripts), heads)(peer)

    proxy = ("proxy.example", 3128)
    async with (
        scripted({proxy: script}) as network,
        open_websocket("ws://a.example/", proxy="http://me:hunter2@proxy.example:3128"),
    ):
        pass
    assert network.connected == [proxy] * 2
    assert [head.split()[1] for head in heads.seen] == ["a.example:80", "b.example:80"]


# Redirects that are not


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("ftp://b.example/", "its scheme is 'ftp'"),
        ("", "its Location is empty"),
        ("http://me:hunter2@b.example/", "credentials in a Location"),
        ("http://b.example/?token=hunter2#part", "fragment"),
        ("http://b\xfccher.example/", "the character"),
        ("http://" + "b" * 8000, "longer than 253"),
    ],
)
async def test_not_followed(location: str, why: str, autojump_clock: object) -> None:
    """A target that is none of a WebSocket is a rejection, which says why, and no secrets."""
    async with scripted({A: redirect(location, 302, "Retry-After: 5")}) as network:
        with pytest.raises(Rejected, match=r"status 302; .*it is not followed: ") as caught:
            async with open_websocket("ws://a.example/"):
                pass
        assert network.all_closed
    error = caught.value
    assert why in str(error)
    assert "hunter2" not in str(error)
    assert len(str(error)) < 1000
    assert error.response.status == 302
    assert error.retry_after == 5
    assert error.request is not None
    assert network.connected == [A]


async def test_never_away_from_tls() -> None:
    """From wss it never goes to ws; the rejection says so."""
    script = secured(redirect("http://b.example/"), "a.example")
    async with scripted({("a.example", 443): script}) as network:
        with pytest.raises(Rejected, match="from wss it never goes to ws"):
            async with open_websocket("wss://a.example/", ssl_context=trusting()):
                pass
    assert network.connected == [("a.example", 443)]


async def test_two_locations(autojump_clock: object) -> None:
    """Of two targets none is chosen."""
    async with scripted({A: redirect("/x", 302, "Location: /y")}):
        with pytest.raises(Rejected, match="more than one Location"):
            async with open_websocket("ws://a.example/"):
                pass


async def test_no_redirects_wanted(autojump_clock: object) -> None:
    """With 0 a redirect is a rejection like others, and its body is read."""
    answer = b"HTTP/1.1 302 x\r\nLocation: ws://b.example/\r\nContent-Length: 4\r\n\r\nover"
    async with scripted({A: raw(answer)}):
        with pytest.raises(Rejected) as caught:
            async with open_websocket("ws://a.example/", max_redirects=0):
                pass
    assert caught.value.response.body == b"over"
    assert "not followed" not in str(caught.value)


async def test_a_stream_of_ones_own(autojump_clock: object) -> None:
    """A stream leads to one place: its redirects are rejections."""
    async with memory(raw(b"HTTP/1.1 302 x\r\nLocation: /there\r\n\r\n")) as stream:
        with pytest.raises(Rejected, match=r"it points to /there$"):
            async with open_websocket_on(stream, "ws://h"):
                pass


@pytest.mark.parametrize("status", [300, 304, 305])
async def test_other_statuses(status: int, autojump_clock: object) -> None:
    """Other statuses with a Location are rejections."""
    async with scripted({A: raw(b"HTTP/1.1 %d x\r\nLocation: /x\r\n\r\n" % status)}):
        with pytest.raises(Rejected, match=f"status {status}"):
            async with open_websocket("ws://a.example/"):
                pass


async def test_circle(autojump_clock: object) -> None:
    """A circle is noticed when it closes."""
    async with scripted(
        {A: redirect("ws://b.example/"), B: redirect("ws://a.example/")}
    ) as network:
        with pytest.raises(TooManyRedirects, match="circle") as caught:
            async with open_websocket("ws://a.example/"):
                pass
        assert network.all_closed
    assert caught.value.chain == ("ws://a.example/", "ws://b.example/", "ws://a.example/")
    assert network.connected == [A, B]


@pytest.mark.parametrize(("option", "most"), [({}, 10), ({"max_redirects": 3}, 3)])
async def test_too_many(option: Any, most: int, autojump_clock: object) -> None:
    """A server that redirects for ever is left after as many as may be."""
    count = 0

    async def script(peer: Any) -> None:
        nonlocal count
        count += 1
        await redirect(f"/{count}")(peer)

    async with scripted({A: script}) as network:
        with pytest.raises(TooManyRedirects, match=f"more than {most} redirects") as caught:
            async with open_websocket("ws://a.example/", **option):
                pass
        assert network.all_closed
    assert len(network.connected) == most + 1
    assert len(caught.value.chain) == most + 2


async def test_failure_after_a_redirect(autojump_clock: object) -> None:
    """What goes wrong there, names the URL there."""
    async with scripted({A: redirect("ws://c.example/")}):
        with pytest.raises(HandshakeError, match=r"to ws://c.example/: .*no such name"):
            async with open_websocket("ws://a.example/"):
                pass


# Time, and the log


async def test_one_deadline(autojump_clock: object) -> None:
    """Redirects do not begin the time anew; the message tells where it began."""
    count = 0

    async def slow(peer: Any) -> None:
        nonlocal count
        count += 1
        await trio.sleep(4)
        await redirect(f"/{count}")(peer)

    async with scripted({A: slow}) as network:
        with pytest.raises(
            HandshakeTimeout,
            match=r"to ws://a.example/2 within 10 s: .* upgrade, redirected from ws://a.example/x$",
        ):
            async with open_websocket("ws://a.example/x"):
                pass
        assert trio.current_time() == 10
        assert network.all_closed


# The log


async def test_log(autojump_clock: object, caplog: pytest.LogCaptureFixture) -> None:
    """The log tells of connecting and of failing, and keeps secrets."""
    caplog.set_level(logging.DEBUG, "trio_ws.client")
    async with memory(raw(b"HTTP/1.1 403 x\r\n\r\n\x1b[2J")) as stream:
        with pytest.raises(Rejected):
            async with open_websocket_on(stream, "ws://me:hunter2@h/path?token=hunter2"):
                pass
    async with (
        memory(accept_and_close) as stream,
        open_websocket_on(stream, "ws://me:hunter2@h/path?token=hunter2"),
    ):
        pass
    lines = [record.getMessage() for record in caplog.records]
    assert lines[0].endswith("] connecting to ws://***@h/path?***")
    assert "failed: ws://***@h/path?*** rejected the WebSocket with status 403" in lines[1]
    assert any(line.endswith("open, subprotocol None") for line in lines)
    for line in lines:
        assert line.startswith("[client-")
        assert line.isprintable()
        assert "hunter2" not in line


async def test_log_of_redirects(autojump_clock: object, caplog: pytest.LogCaptureFixture) -> None:
    """The log tells of each redirect, without its secrets."""
    caplog.set_level(logging.DEBUG, "trio_ws.client")
    async with (
        scripted({A: redirect("ws://b.example/?token=hunter2"), B: accept_and_close}),
        open_websocket("ws://me:hunter2@a.example/?token=hunter2"),
    ):
        pass
    lines = [record.getMessage() for record in caplog.records]
    assert lines[1].endswith("] redirected from ws://***@a.example/?*** to ws://b.example/?***")
    assert "hunter2" not in "".join(lines)
