"""Each header stands beside its rule, and what breaks a rule is refused by the library."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest
import trio
import trio.testing

from trio_ws import HandshakeError, WebSocket, open_websocket_on, serve_websocket_on
from trio_ws._cli.rules import (
    Head,
    Note,
    Offer,
    Step,
    accept_steps,
    request_notes,
    response_notes,
)

# RFC 6455 §1.2 and §1.3 have these.
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
REQUEST = [
    "GET /chat HTTP/1.1",
    "Host: server.example.com",
    "Upgrade: websocket",
    "Connection: keep-alive, Upgrade",
    f"Sec-WebSocket-Key: {KEY}",
    "Origin: http://example.com",
    "Sec-WebSocket-Protocol: chat, superchat",
    "Sec-WebSocket-Version: 13",
]
ANSWER = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    f"Sec-WebSocket-Accept: {ACCEPT}",
    "Sec-WebSocket-Protocol: chat",
]


def head(lines: Iterable[str]) -> Head:
    """Split lines as they come from the wire."""
    return Head.split("\r\n".join([*lines, "", ""]).encode("latin-1"))


def changed(lines: list[str], name: str, *new: str) -> list[str]:
    """Return the lines with others in the place of the one that begins so, or at the end."""
    kept = [line for line in lines if not line.startswith(name)]
    place = next((n for n, line in enumerate(lines) if line.startswith(name)), len(lines))
    return [*kept[:place], *new, *kept[place:]]


def notes_of_answer(lines: list[str], offer: Offer) -> list[Note]:
    """Return the notes of an answer."""
    return list(response_notes(head(lines), offer))


def test_the_handshake_of_the_rfc_keeps_all_rules() -> None:
    """Each line of a request that matters has the rule that asks for it."""
    notes = list(request_notes(head(REQUEST)))
    assert [note.section for note in notes] == [
        f"§4.1 ({rule})" for rule in (2, 4, 5, 6, 7, 8, 10, 9)
    ]
    answer = notes_of_answer(ANSWER, Offer.of(head(REQUEST)))
    assert [note.section for note in answer] == [f"§4.1 ({rule})" for rule in (1, 2, 3, 4, 6)]
    assert not any(note.broken for note in [*notes, *answer])
    assert [note.line for note in answer] == ANSWER


def test_the_accept_token_is_computed_step_by_step() -> None:
    """RFC 6455 §1.3 has these values."""
    assert accept_steps(KEY) == [
        Step("key", KEY),
        Step("and the GUID", f"{KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"),
        Step("SHA-1", "b3 7a 4f 2c c0 62 4f 16 90 f6 46 06 cf 38 59 45 b2 be c4 ea"),
        Step("base64", ACCEPT),
    ]


def test_secrets_are_hidden_unless_asked_for() -> None:
    """A handshake that is shown to others must not give them away."""
    lines = [*REQUEST, "Authorization: Basic eDp5", "Cookie: a=b", "X-Other: c"]
    hidden = {note.line: note.section for note in request_notes(head(lines))}
    assert hidden["Authorization: ***"] == hidden["Cookie: ***"] == "§4.1 (12)"
    assert hidden["X-Other: c"] == ""
    shown = [note.line for note in request_notes(head(lines), secrets=True)]
    assert {"Authorization: Basic eDp5", "Cookie: a=b"} < set(shown)
    offer = Offer(KEY)
    answer = head([*ANSWER[:4], "Set-Cookie: a=b"])
    assert [note.line for note in response_notes(answer, offer)][-1] == "Set-Cookie: ***"
    assert [n.line for n in response_notes(answer, offer, secrets=True)][-1] == "Set-Cookie: a=b"


BROKEN_REQUESTS = {
    "another method": changed(REQUEST, "GET", "POST /chat HTTP/1.1"),
    "HTTP/1.0": changed(REQUEST, "GET", "GET /chat HTTP/1.0"),
    "no host": changed(REQUEST, "Host"),
    "an empty host": changed(REQUEST, "Host", "Host:"),
    "no upgrade": changed(REQUEST, "Upgrade"),
    "another upgrade": changed(REQUEST, "Upgrade", "Upgrade: h2c"),
    "no connection": changed(REQUEST, "Connection"),
    "another connection": changed(REQUEST, "Connection", "Connection: close"),
    "no key": changed(REQUEST, "Sec-WebSocket-Key"),
    "a short key": changed(REQUEST, "Sec-WebSocket-Key", "Sec-WebSocket-Key: AAAA"),
    "no base64": changed(REQUEST, "Sec-WebSocket-Key", "Sec-WebSocket-Key: ***"),
    "no ASCII": changed(REQUEST, "Sec-WebSocket-Key", "Sec-WebSocket-Key: é"),
    "no version": changed(REQUEST, "Sec-WebSocket-Version"),
    "another version": changed(REQUEST, "Sec-WebSocket-Version", "Sec-WebSocket-Version: 25"),
}


@pytest.mark.parametrize("what", BROKEN_REQUESTS)
async def test_a_request_that_breaks_a_rule_is_named_and_refused(what: str) -> None:
    """The notes name one line; our own server answers anything but 101."""
    lines = changed(BROKEN_REQUESTS[what], "Origin")
    broken = [note for note in request_notes(head(lines)) if note.broken]
    assert len(broken) == 1
    assert await answer_of_our_server(lines) != "101"


async def test_the_request_of_the_rfc_is_accepted() -> None:
    """So it is the broken rule that is refused above."""
    assert await answer_of_our_server(changed(REQUEST, "Origin")) == "101"


async def answer_of_our_server(lines: list[str]) -> str:
    """Return the status that our server answers with."""

    async def handler(ws: WebSocket) -> None:
        """Return, which closes."""

    client, server = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_websocket_on, handler, server)
        await client.send_all("\r\n".join([*lines, "", ""]).encode("latin-1"))
        status = head([(await client.receive_some()).decode("latin-1")]).status
        nursery.cancel_scope.cancel()
    return status


BROKEN_ANSWERS = {
    "no HTTP": ["hello"],
    "HTTP/1.0": changed(ANSWER, "HTTP/1.1", "HTTP/1.0 101 Switching Protocols"),
    "no upgrade": changed(ANSWER, "Upgrade"),
    "another upgrade": changed(ANSWER, "Upgrade", "Upgrade: h2c"),
    "no connection": changed(ANSWER, "Connection"),
    "another connection": changed(ANSWER, "Connection", "Connection: close"),
    "no token": changed(ANSWER, "Sec-WebSocket-Accept"),
    "another token": changed(ANSWER, "Sec-WebSocket-Accept", f"Sec-WebSocket-Accept: {KEY}"),
    "an extension": [*ANSWER, "Sec-WebSocket-Extensions: permessage-deflate"],
    "another subprotocol": changed(
        ANSWER, "Sec-WebSocket-Protocol", "Sec-WebSocket-Protocol: other"
    ),
}


@pytest.mark.parametrize("what", [*BROKEN_ANSWERS, "none"])
async def test_an_answer_that_breaks_a_rule_is_named_and_refused(what: str) -> None:
    """The notes name it, and the library's client refuses the connection."""
    lines = BROKEN_ANSWERS.get(what, ANSWER)
    client, server = trio.testing.memory_stream_pair()
    offers: list[Offer] = []
    broken: list[Note] = []

    async def answer() -> None:
        request = Head.split(bytes(await server.receive_some()))
        offers.append(Offer.of(request))
        token = accept_steps(offers[0].key)[-1].value
        fresh = [line.replace(ACCEPT, token) for line in lines]
        broken.extend(note for note in response_notes(head(fresh), offers[0]) if note.broken)
        await server.send_all("\r\n".join([*fresh, "", ""]).encode())
        await server.send_eof()

    opened = False
    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        try:
            url = "ws://server.example.com/chat"
            async with open_websocket_on(client, url, subprotocols=["chat", "superchat"]):
                opened = True
        except HandshakeError:
            pass
    assert opened == (what == "none")
    assert len(broken) == (what != "none")


def test_an_extension_that_was_offered_may_be_chosen() -> None:
    """With parameters, which are its own business."""
    asked = [*REQUEST, "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-y"]
    chosen = [*ANSWER, "Sec-WebSocket-Extensions: Permessage-Deflate; server_max_window_bits=10"]
    notes = notes_of_answer(chosen, Offer.of(head(asked)))
    assert notes[-1].meaning == "the extensions that both will use"
    assert not any(note.broken for note in notes)


@pytest.mark.parametrize(
    ("lines", "meaning"),
    [
        (["HTTP/1.1 426 Upgrade Required", "Sec-WebSocket-Version: 13"], "the versions that"),
        (["HTTP/1.1 401 Unauthorized", "WWW-Authenticate: Basic"], "how to prove who we are"),
        (["HTTP/1.1 418 Teapot", "X: y"], "the server does not switch"),
        (["HTTP/2.0 503 Busy", "Retry-After: 5"], "when to try again"),
    ],
)
def test_a_refusal_is_no_broken_rule(lines: list[str], meaning: str) -> None:
    """A server may refuse; what its headers say is told."""
    notes = notes_of_answer(lines, Offer(KEY))
    assert not any(note.broken for note in notes)
    assert any(meaning in note.meaning for note in notes)
    assert re.match("not 101, so no WebSocket: ", notes[0].meaning)


def test_a_head_may_be_malformed() -> None:
    """It is shown all the same, and has no status."""
    found = head(["nonsense", "no colon", "Name : value"])
    assert found.lines == (("no colon", ""), ("Name ", "value"))
    assert found.status == ""
    assert Offer.of(found).key == ""
