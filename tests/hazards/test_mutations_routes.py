"""Mutated paths and credentials, without any I/O (HAZARDS D6): where they lead, and to whom.

Whatever path arrives, it leads to a handler or a page, or is refused with 400, 404 or 405;
and where it leads it is spelt in one way only: its parameters put into the pattern are the path.
`test_mutations` does the rest of a request, and all that follows.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Coroutine
from random import Random
from typing import Any
from urllib.parse import unquote

import pytest

from trio_ws import Limits, Request, Response, Router, WebSocket
from trio_ws._handshake.server import Refusal, ServerHandshake
from trio_ws._server.auth import read_credentials
from trio_ws._server.router import selector_for
from trio_ws._server.selection import Selected

from ..mutations import AUTHORIZATIONS, PATH_SPICE, ROUTED, TARGETS, chunks, mutated, play
from .test_mutations import few_or_many

LIMITS = Limits(max_handshake_size=4000, max_headers=20)
TWO_READINGS = re.compile(r"//|\\|/\.\.?(?:/|$)|[\x00-\x1f\x7f-\x9f]|[\ud800-\udfff]")


async def handler(ws: WebSocket) -> None:
    """Stand for a handler."""


def show(request: Request) -> Response:
    """Be a page that says what led to it."""
    check_spelling(request)
    return Response.from_json([request.route, dict(request.path_params)])


def make_router() -> Router:
    """Return a router with handlers and pages at all kinds of patterns."""
    router = Router()
    for pattern in ("/", "/chat/", "/{room}", "/rooms/{room}/{seat:int}", "/files/{rest:path}"):
        router.websocket(pattern)(handler)
    for pattern in ("/", "/health", "/rooms/{room}/info", "/pages/{rest:path}", "/{number:int}"):
        router.get(pattern)(show)
    return router


SELECTOR = selector_for(make_router())


def check_spelling(request: Request) -> None:
    """A path has one reading: decoded once, it is its pattern with the parameters put in."""
    path = unquote(request.path, errors="strict")
    assert not TWO_READINGS.search(path)
    parameters = dict(request.path_params)
    assert request.route is not None
    filled = re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: f"{parameters[found[1]]}", request.route)
    assert filled == path
    for name, value in parameters.items():
        assert isinstance(value, int) is (name in ("seat", "number"))
        assert value not in ("", ".", "..")
        assert name == "rest" or "/" not in f"{value}"


@few_or_many
def test_d6_routes(count: int) -> None:
    """Whatever path is asked for, it is refused or leads to one place, spelt in one way."""
    outcomes = play(routed, count)
    assert outcomes.keys() >= {"handler", "page", "400", "404", "405"}
    assert min(outcomes[each] for each in ("handler", "page", "400", "404")) > count / 40


def routed(chance: Random) -> str:
    """Ask for a mutated path; return what came of it."""
    target = mutated(chance, chance.choice(TARGETS), PATH_SPICE)
    if chance.random() < 0.9:  # the rest is for the parser of heads
        target = b"/" + re.sub(rb"^/|[^!-~]|#", encoded, target)
    handshake = ServerHandshake(limits=LIMITS)
    for piece in chunks(chance, chance.choice(ROUTED) % target):
        handshake.feed(piece)
    try:
        request = handshake.next_request()
        if request is None:
            return "unfinished"
        selection = SELECTOR.select(request)
        if isinstance(selection, Selected):
            check_spelling(selection.request)
            return "handler"
        response = at_once(selection)
    except Refusal as refusal:
        response = refusal.response
    assert handshake.respond(response)
    return "page" if response.status == 200 else str(response.status)


def encoded(found: re.Match[bytes]) -> bytes:
    """Spell what may not stand in a target as it may; a slash at the start is put there again."""
    return b"" if found[0] == b"/" else b"%%%02x" % found[0][0]


def at_once(selection: Any) -> Response:
    """Return the answer of a page that waits for nothing."""
    assert isinstance(selection, Coroutine)
    with pytest.raises(StopIteration) as stopped:
        selection.send(None)
    response = stopped.value.value
    assert isinstance(response, Response)
    return response


@few_or_many
def test_d6_credentials(count: int) -> None:
    """Whatever stands in Authorization, it is read as a name and a password, or not at all."""
    outcomes = play(authorized, count)
    assert outcomes.keys() == {"read", "unread", "refused"}
    assert min(outcomes["read"], outcomes["unread"]) > count / 20


def authorized(chance: Random) -> str:
    """Send mutated credentials; return whether they were read."""
    lines = mutated(chance, chance.choice(AUTHORIZATIONS), PATH_SPICE)
    if chance.random() < 0.9:
        lines = re.sub(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\r(?!\n)|(?<!\r)\n", b"", lines)
    handshake = ServerHandshake(limits=LIMITS)
    handshake.feed(b"GET / HTTP/1.1\r\nHost: a\r\n" + lines + b"\r\n\r\n")
    try:
        request = handshake.next_request()
    except Refusal:
        return "refused"
    found = read_credentials(request.headers) if request is not None else None
    if request is None or found is None:
        return "unread"
    name, password = found
    assert ":" not in name
    assert not re.search(r"[\x00-\x1f\x7f-\x9f]", name + password)
    (value,) = request.headers.get_all("Authorization")
    scheme, _, token = value.partition(" ")
    assert scheme.lower() == "basic"
    assert token.strip(" ") == base64.b64encode(f"{name}:{password}".encode()).decode()
    return "read"
