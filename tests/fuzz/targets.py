"""What is fuzzed: functions of bytes that raise if something is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeAlias

from trio_ws import (
    ANY_ORIGIN,
    SAME_ORIGIN,
    Deflate,
    HandshakeError,
    Headers,
    InvalidURL,
    Limits,
    LocalProtocolError,
    Rejected,
    Request,
    Response,
)
from trio_ws import _url as parsed_url
from trio_ws._handshake.client import ClientHandshake, checked_headers, retry_after
from trio_ws._handshake.extensions import Malformed, read_extensions
from trio_ws._handshake.fast_heads import is_fit, plain_request, plain_switch
from trio_ws._handshake.h11_codec import RequestReader, ResponseReader
from trio_ws._handshake.http_head import InvalidHttp, elements, tokens
from trio_ws._handshake.opening import Opening, accept_token, check_subprotocols
from trio_ws._handshake.origins import OriginCheck
from trio_ws._handshake.server import Refusal, ServerHandshake
from trio_ws._json import decode_json, encode_json
from trio_ws._url import parse_url

from ..mutations import (
    ANSWERS,
    COMPRESSED_TO_CLIENT,
    COMPRESSED_TO_SERVER,
    REQUESTS,
    TO_CLIENT,
    TO_SERVER,
)
from ..protocol.sides import Side, read
from . import frames, routing

Target: TypeAlias = Callable[[bytes], None]

URL = parse_url("ws://testserver/chat")
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
LIMITS = Limits(max_handshake_size=2000, max_headers=20, max_reject_body=50)
DEFLATE = Deflate(threshold=0)
ORIGINS = [
    OriginCheck(SAME_ORIGIN),
    OriginCheck(ANY_ORIGIN),
    OriginCheck(["https://a.example.com", "null", re.compile(r"https?://b\..*")]),
]


# Handshakes


def server_handshake(data: bytes) -> None:
    """What a client may send: it is upgraded, or refused in words of HTTP; then it is frames."""
    handshake = ServerHandshake(limits=LIMITS, remote_address=("::1", 5))
    pieces = frames.cut(data[1:], data[0] if data else 0)
    while pieces:
        handshake.feed(pieces.pop(0))
        while (answer := _answer(handshake)) is not None:
            sent, opening = answer
            start, status = sent.split(b" ")[:2]
            assert start == b"HTTP/1.1"
            assert 101 <= int(status) < 600
            if opening is not None:
                _converse(Side(client=False), [opening.trailing, *pieces], opening)
                return
    _compare_requests(data[1:])


def _answer(handshake: ServerHandshake) -> tuple[bytes, Opening | None] | None:
    """Answer the next request as a server does, if it is there and the last was not the last."""
    if not handshake.reusable:
        return None
    try:
        asked = handshake.next_request()
        if asked is None:
            return None
        _look_at(asked)
        offers = handshake.check_upgrade()
        return handshake.accept(offers[-1] if offers else None, extensions=[DEFLATE])
    except Refusal as refusal:
        return handshake.respond(refusal.response), None


def _look_at(request: Request) -> None:
    """Do with a request what an application may do."""
    assert request.path.startswith(("/", "*"))
    assert isinstance(request.query, dict)
    assert isinstance(request.cookies, dict)
    for check in ORIGINS:
        assert check.allows(request.headers) in (True, False)


def _compare_requests(data: bytes) -> None:
    """Check that a head that is read by the fast way is read in the same way by h11."""
    head = data[: data.find(b"\r\n\r\n") + 4]
    if (plain := plain_request(head)) is not None:
        method, version, target, lines = RequestReader().read_head(head)
        assert (method, version, target, lines) == ("GET", b"1.1", plain[0], plain[1])


def client_handshake(data: bytes) -> None:
    """What a server may answer: a connection is open, or one of the documented errors says why."""
    client = ClientHandshake(URL, subprotocols=["a", "b"], extensions=[DEFLATE], limits=LIMITS)
    key = client.request.headers["Sec-WebSocket-Key"]
    answer = data[1:].replace(b"<accept>", accept_token(key).encode())
    _compare_answers(answer)
    pieces = [*frames.cut(answer, data[0] if data else 0), b""]
    try:
        while (opening := client.feed(pieces.pop(0))) is None:
            assert pieces, "after the end of the stream there is an outcome"
    except HandshakeError as error:
        _look_at_failure(error)
        return
    assert opening.subprotocol in (None, "a", "b")
    _converse(Side(client=True), [opening.trailing, *pieces], opening)


def _look_at_failure(error: HandshakeError) -> None:
    """Do with a failed handshake what an application may do."""
    assert error.request is not None
    assert str(error).isprintable()
    if isinstance(error, Rejected):
        assert 200 <= error.response.status < 1000
        assert len(error.response.body) <= LIMITS.max_reject_body


def _compare_answers(data: bytes) -> None:
    head = data[: data.find(b"\r\n\r\n") + 4]
    if (plain := plain_switch(head)) is not None:
        status, _, lines = ResponseReader().read_head(head)
        assert (status, lines) == (101, plain[0])


def _converse(side: Side, pieces: Sequence[bytes], opening: Opening) -> None:
    """Let frames arrive at what a handshake has opened."""
    codecs = [each.codec for each in opening.extensions]
    protocol = side.protocol(codecs=codecs, max_message_size=70_000, max_fragments=8)
    for piece in pieces:
        for event in read(protocol, piece):
            frames.check_event(event)
    frames.frames_of(protocol, side.client)
    frames.check_end(protocol, side.client)


# Text


def urls(data: bytes) -> None:
    """What may be taken for a URL: it is one, or `InvalidURL` says why not, on one line."""
    text = data.decode("utf-8", "surrogateescape")
    try:
        url = parse_url(text)
    except InvalidURL as error:
        why = str(error)
    else:
        _look_at_url(url)
        return
    assert why.isprintable()


def _look_at_url(url: parsed_url.URL) -> None:
    assert 1 <= url.port <= 65535
    assert (url.target + url.host + url.host_header).isascii()
    assert url.target.startswith(("/", "?"))
    assert not set(url.target) & set(" \r\n\t#")
    head = ClientHandshake(url, subprotocols=[], extensions=[], limits=Limits()).request_bytes()
    assert plain_request(head) is not None, "a URL made a request that is not plain"


def headers(data: bytes) -> None:
    """Values of headers, from a peer or from an application: accepted, or refused as documented."""
    text = data.decode("latin-1")
    name, _, value = text.partition(":")
    with suppress(ValueError):
        Response(200, [(name, value)])
    with suppress(LocalProtocolError, ValueError):
        ClientHandshake(URL, headers=checked_headers([(name, value)])).request_bytes()
    with suppress(Malformed):
        for element in read_extensions(text.split("\n")):
            assert read_extensions([str(element)]) == [element]
            for made in (DEFLATE.accept_offer(element.parameters),):
                assert made is None or made.codec is not None
            DEFLATE.accept_answer(element.parameters)
    with suppress(LocalProtocolError, ValueError):
        check_subprotocols(text.split(","))
    values = text.split("\n")
    assert all(isinstance(each, str) for each in (*elements(values), *tokens(values)))
    taken = Headers([("Origin", value), ("Host", "testserver"), ("Cookie", text)])
    for check in ORIGINS:
        check.allows(taken)
    seconds = retry_after(Headers([("Retry-After", value), ("Date", name)]))
    assert seconds is None or seconds >= 0
    _look_at(Request(method="GET", target=f"/{value}", headers=taken))


def heads(data: bytes) -> None:
    """Heads of HTTP: what the fast way reads, h11 reads as well, and in the same way."""
    head = data.replace(b"\n", b"\r\n") + b"\r\n\r\n"
    head = head[: head.find(b"\r\n\r\n") + 4]
    if not is_fit(head):
        return
    for plain, reader in ((plain_request, RequestReader), (plain_switch, ResponseReader)):
        found = plain(head)
        try:
            lines = reader().read_head(head)[-1]
        except InvalidHttp:
            lines = None
        assert found is None or found[-2] == lines


def json(data: bytes) -> None:
    """What may be taken for JSON: it is, and comes out again, or is a `ValueError`."""
    try:
        value = decode_json(data)
    except ValueError:
        return
    with suppress(ValueError):  # 1e999 is JSON, and an infinity, which is not sent
        assert decode_json(encode_json(value)) == value


# All of them


@dataclass(frozen=True, slots=True)
class Fuzzed:
    """A target.

    Attributes:
        play: the function.
        share: which part of all inputs it gets, in thousandths.
        seeds: what is good, and worth changing.
    """

    play: Target
    share: int
    seeds: Sequence[bytes]


def _after(choices: bytes, seeds: Sequence[bytes]) -> list[bytes]:
    return [choices[i % len(choices)].to_bytes(1, "big") + seed for i, seed in enumerate(seeds)]


GOOD_URLS = [
    *("ws://a", "wss://user:pass@[::1%25lo]:80/path?q#", "ws://münchen.example:8080/ä?ü=%C3%A4"),
    *("WS://a.b.c.:65536", "ws://xn--mnchen-3ya/", "ws://1.2.3.4/", "http://a/", "ws://a@b@c:0/"),
]
GOOD_HEADERS = [
    'Sec-WebSocket-Extensions:permessage-deflate; server_max_window_bits=10; x="a\\"b"',
    "Origin:https://a.example.com:443",
    "Wed, 21 Oct 2015 07:28:00 GMT:Wed, 21 Oct 2015 07:30:00 GMT",
    'Cookie:a=b; c="d"; e',
    "Retry-After:120",
    "permessage-deflate; client_max_window_bits, x-a; b\n, c",
]
GOOD_JSON = [
    '{"a": [1, 2.5, null, true, "\\ud83d\\ude00"]}',
    "NaN",
    "[[[[[]]]]]",
    '"\\ud800"',
    "1e999",
]
GOOD_PATHS = [
    b"",
    b"chat/",
    b"rooms/a%20b/7",
    b"rooms/a/info",
    b"files/a/b/c?d=e",
    b"-12",
    b"%2e%2e/",
]
GOOD_CREDENTIALS = [b"Basic YTpi", b"basic  w6Q6w6Q=", b"Bearer x", b"Basic Og==", b"Basic YTpiOmM"]
CHOICES = bytes([0, 3, 9, 66, 131, 134])

TARGETS: dict[str, Fuzzed] = {
    "server_handshake": Fuzzed(server_handshake, 90, _after(CHOICES, REQUESTS)),
    "client_handshake": Fuzzed(client_handshake, 90, _after(CHOICES, ANSWERS)),
    "heads": Fuzzed(heads, 200, [each.split(b"\r\n\r\n")[0] for each in [*REQUESTS, *ANSWERS]]),
    "frames_to_client": Fuzzed(frames.frames_to_client, 40, _after(CHOICES, TO_CLIENT[:7])),
    "frames_to_server": Fuzzed(frames.frames_to_server, 40, _after(CHOICES, TO_SERVER[:7])),
    "compressed_to_client": Fuzzed(
        frames.compressed_to_client, 30, _after(CHOICES, COMPRESSED_TO_CLIENT)
    ),
    "compressed_to_server": Fuzzed(
        frames.compressed_to_server, 30, _after(CHOICES, COMPRESSED_TO_SERVER)
    ),
    "urls": Fuzzed(urls, 150, [each.encode() for each in GOOD_URLS]),
    "headers": Fuzzed(headers, 150, [each.encode() for each in GOOD_HEADERS]),
    "routes": Fuzzed(routing.routes, 70, _after(bytes([0, 255]), GOOD_PATHS)),
    "credentials": Fuzzed(routing.credentials, 30, GOOD_CREDENTIALS),
    "json": Fuzzed(json, 80, [each.encode() for each in GOOD_JSON]),
}
