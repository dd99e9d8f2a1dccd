"""`trio_ws._supervision.retry_rules`: the table is walked, all of it."""

from __future__ import annotations

import socket
import ssl

import pytest

from trio_ws._ending import Close, Ending, Loss
from trio_ws._errors import (
    HandshakeError,
    HandshakeTimeout,
    InvalidHandshake,
    ProxyError,
    Rejected,
    TLSError,
    UnsupportedVersion,
    closed,
)
from trio_ws._http import Response
from trio_ws._supervision.retry_rules import (
    CLOSE_CODES,
    ERRORS,
    HTTP_STATUSES,
    LOSSES,
    PROXY_STATUSES,
    Remedy,
    classify,
    classify_ending,
    look_up,
)


def numbers(*parts: int | range) -> set[int]:
    return {n for part in parts for n in (part if isinstance(part, range) else [part])}


def which(rules: object, remedy: Remedy, among: range) -> set[int]:
    table = next(each for each in (HTTP_STATUSES, PROXY_STATUSES, CLOSE_CODES) if each is rules)
    return {number for number in among if look_up(table, number) is remedy}


def test_statuses() -> None:
    """Of all statuses, timeouts, overload and the server's trouble are worth another try."""
    every = range(100, 600)
    retried = numbers(408, 425, 429, *range(500, 600)) - {501, 505}
    assert which(HTTP_STATUSES, Remedy.WAIT, every) == retried
    assert which(HTTP_STATUSES, Remedy.REFRESH, every) == {401, 403}
    assert which(HTTP_STATUSES, Remedy.NONE, every) == set(every) - retried - {401, 403}


def test_statuses_of_proxies() -> None:
    """A proxy's 407 is like a server's 401; what it forbids stays forbidden."""
    every = range(100, 600)
    assert which(PROXY_STATUSES, Remedy.WAIT, every) == which(HTTP_STATUSES, Remedy.WAIT, every)
    assert which(PROXY_STATUSES, Remedy.REFRESH, every) == {407}
    for status, remedy in {407: Remedy.REFRESH, 403: Remedy.NONE, 503: Remedy.WAIT}.items():
        assert classify(ProxyError("x", response=Response(status))) is remedy


def test_close_codes() -> None:
    """Of all close codes, those that tell of the other side's passing trouble are."""
    every = range(5000)
    retried = numbers(1001, 1005, 1006, 1011, 1014, range(3000, 3500), range(4000, 4500))
    assert which(CLOSE_CODES, Remedy.WAIT, every) == retried
    assert which(CLOSE_CODES, Remedy.DONE, every) == {1000}
    assert which(CLOSE_CODES, Remedy.RESTART, every) == {1012}
    assert which(CLOSE_CODES, Remedy.ELSEWHERE, every) == {1013}
    rest = set(every) - retried - {1000, 1012, 1013}
    assert which(CLOSE_CODES, Remedy.NONE, every) == rest


@pytest.mark.parametrize("rules", [HTTP_STATUSES, PROXY_STATUSES, CLOSE_CODES])
def test_every_rule_decides(rules: tuple[tuple[int, int, Remedy, str], ...]) -> None:
    """No rule is hidden behind those before it, and each says why."""
    seen: set[int] = set()
    for first, last, _, why in rules:
        assert set(range(first, last + 1)) - seen
        assert why
        seen |= set(range(first, last + 1))


@pytest.mark.parametrize(("loss", "remedy"), LOSSES.items())
def test_losses(loss: Loss, remedy: Remedy) -> None:
    """A lost connection is tried again, unless the peer broke the protocol."""
    ending = Ending(loss=loss, sent=Close(1011))
    assert classify(closed(ending)) is remedy
    assert (remedy is Remedy.NONE) == (loss in (Loss.VIOLATION, Loss.TOO_BIG))


def test_no_loss_is_forgotten() -> None:
    """Every way to lose a connection is in the table, but for our own close."""
    assert set(Loss) - set(LOSSES) == {Loss.UNANSWERED}


@pytest.mark.parametrize(
    ("ending", "remedy"),
    [
        (Ending(received=Close(1008), sent=Close(1008), received_first=True), Remedy.NONE),
        (Ending(received=Close(1000), sent=Close(1000), received_first=True), Remedy.DONE),
        (Ending(received=Close(1005), sent=Close(1005), received_first=True), Remedy.WAIT),
        (Ending(sent=Close(1008), received=Close(1000)), Remedy.NONE),
        (Ending(sent=Close(1001), received=Close(1000)), Remedy.WAIT),
        (Ending(sent=Close(1000), loss=Loss.UNANSWERED), Remedy.DONE),
        (Ending(sent=Close(1009), loss=Loss.UNANSWERED), Remedy.NONE),
    ],
)
def test_who_closed(ending: Ending, remedy: Remedy) -> None:
    """The code of whoever closed first decides."""
    assert classify_ending(ending) is remedy


@pytest.mark.parametrize(("kind", "remedy", "why"), ERRORS)
def test_errors(kind: type[HandshakeError], remedy: Remedy, why: str) -> None:
    """Without a status the class of the error decides."""
    assert classify(kind("x")) is remedy
    assert why


def test_rejections() -> None:
    """A rejection is judged by its status, also one that is an invalid handshake besides."""
    assert classify(Rejected(Response(503))) is Remedy.WAIT
    assert classify(Rejected(Response(401))) is Remedy.REFRESH
    assert classify(Rejected(Response(404))) is Remedy.NONE
    assert classify(UnsupportedVersion(Response(426), supported=("7",))) is Remedy.NONE
    assert classify(Rejected(Response(999))) is Remedy.NONE


def caused(error: HandshakeError, cause: BaseException) -> HandshakeError:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        caused(HandshakeError("x", transient=True), ConnectionRefusedError()),
        caused(HandshakeError("x", transient=True), OSError(113, "No route to host")),
        HandshakeTimeout("x"),
        HandshakeError("the stream ended within the handshake", transient=True),
        TLSError("the stream ended within TLS", transient=True),
    ],
)
def test_transient(error: HandshakeError) -> None:
    """What the network does passes; so does what says so itself."""
    assert classify(error) is Remedy.WAIT


@pytest.mark.parametrize(
    "error",
    [
        caused(TLSError("x", transient=False), ssl.SSLCertVerificationError()),
        InvalidHandshake("x", transient=False),
        HandshakeError("x", transient=False),
    ],
)
def test_fatal(error: HandshakeError) -> None:
    """Certificates and servers of another kind do not change by waiting."""
    assert classify(error) is Remedy.NONE


def test_names() -> None:
    """An unknown name is a misspelt one, unless it was known before."""
    unknown = caused(HandshakeError("x"), socket.gaierror(socket.EAI_NONAME, "unknown"))
    assert classify(unknown, host_is_known=False) is Remedy.NONE
    assert classify(unknown, host_is_known=True) is Remedy.WAIT
    no_server = caused(HandshakeError("x", transient=True), socket.gaierror())
    assert classify(no_server, host_is_known=False) is Remedy.WAIT
