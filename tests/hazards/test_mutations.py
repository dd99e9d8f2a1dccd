"""Mutated handshakes and frames, a million of them (HAZARDS D6), without any I/O.

Whatever arrives: either it is accepted or one of the documented errors comes of it (P10).
Nothing else may be raised, by what arrives nor by what an application then does.
`test_mutations_sockets` does the same over TCP.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from random import Random

import pytest
from wsproto.utilities import generate_accept_token

from trio_ws import (
    Deflate,
    HandshakeError,
    Headers,
    Limits,
    Loss,
    ProxyError,
    Rejected,
    Request,
    Response,
    TooManyRedirects,
    WebSocketError,
)
from trio_ws._errors import closed
from trio_ws._handshake.client import ClientHandshake
from trio_ws._handshake.extensions import NegotiatedExtension, agree
from trio_ws._handshake.opening import Opening
from trio_ws._handshake.origins import SAME_ORIGIN, OriginCheck
from trio_ws._handshake.proxy_connect import ProxyHandshake
from trio_ws._handshake.redirects import NotFollowed, Trail
from trio_ws._handshake.server import Refusal, ServerHandshake
from trio_ws._http import received_response
from trio_ws._protocol.assembler import Chunk
from trio_ws._protocol.events import Pong
from trio_ws._protocol.protocol import ProtocolEvent, WebSocketProtocol
from trio_ws._protocol.states import State
from trio_ws._proxy_url import parse_proxy
from trio_ws._url import parse_url

from ..mutations import (
    ANSWERS,
    COMPRESSED_TO_CLIENT,
    COMPRESSED_TO_SERVER,
    LOCATION_SPICE,
    LOCATIONS,
    REQUESTS,
    TO_CLIENT,
    TO_SERVER,
    TUNNELS,
    chunks,
    mutated,
    play,
)
from ..protocol.sides import Side, read
from ..protocol.ways import every_way, going

URL = parse_url("ws://testserver/chat")
PROXY = parse_proxy("http://me:hunter2@p.example:3128")
LIMITS = Limits(max_handshake_size=2000, max_headers=20, max_reject_body=50)
SAME = OriginCheck(SAME_ORIGIN)
DEFLATE = Deflate(threshold=0)


def few_or(many: int) -> pytest.MarkDecorator:
    """Run a test with few mutations, and with many where that is asked for."""
    slowly = pytest.param(many, marks=[pytest.mark.slow, pytest.mark.timeout(600)])
    return pytest.mark.parametrize("count", [1000, slowly], ids=["few", "many"])


few_or_many = few_or(250_000)
few_or_many_each_way = few_or(85_000)


@few_or_many
def test_d6_requests(count: int) -> None:
    """Whatever is sent to a server is upgraded or refused in words of HTTP; then it is frames."""
    outcomes = play(request, count)
    assert outcomes["101"] > count / 20
    assert outcomes.keys() >= {"400", "405", "426", "431", "unfinished"}


def request(chance: Random) -> str:
    """Let a client that asks for an upgrade send mutated bytes; return how it was answered last."""
    handshake = ServerHandshake(limits=LIMITS, remote_address=("::1", 5))
    pieces = chunks(chance, mutated(chance, chance.choice(REQUESTS)))
    outcome = "unfinished"
    while pieces:
        handshake.feed(pieces.pop(0))
        while given := answer(handshake):
            sent, opening = given
            start, status = sent.split(b" ")[:2]
            assert start == b"HTTP/1.1"
            outcome = status.decode()
            if opening is not None:
                converse(chance, Side(client=False), [opening.trailing, *pieces], opening)
                return "101"
    return outcome


def answer(handshake: ServerHandshake) -> tuple[bytes, Opening | None] | None:
    """Answer the next request as a server does, if it is there and the last was not the last."""
    if not handshake.reusable:
        return None
    try:
        asked = handshake.next_request()
        if asked is None:
            return None
        assert asked.path.startswith(("/", "*"))
        assert isinstance(asked.query, dict)
        offers = handshake.check_upgrade()
        SAME.allows(asked.headers)
        return handshake.accept(offers[-1] if offers else None, extensions=[DEFLATE])
    except Refusal as refusal:
        return handshake.respond(refusal.response), None


@few_or_many
def test_d6_answers(count: int) -> None:
    """Whatever is answered to a client opens a connection or is one of the documented errors."""
    outcomes = play(answered, count)
    assert outcomes["Opening"] > count / 20
    assert outcomes.keys() == {
        *("Opening", "Rejected", "UnsupportedVersion", "InvalidHandshake", "HandshakeError")
    }


def answered(chance: Random) -> str:
    """Let a server answer mutated bytes; return what came of it."""
    client = ClientHandshake(URL, subprotocols=["a", "b"], extensions=[DEFLATE], limits=LIMITS)
    accept = generate_accept_token(client.request.headers["Sec-WebSocket-Key"].encode())
    good = chance.choice(ANSWERS).replace(b"<accept>", accept)
    pieces = [*chunks(chance, mutated(chance, good)), b""]
    try:
        while (opening := client.feed(pieces.pop(0))) is None:
            assert pieces, "after the end of the stream there is an outcome"
    except HandshakeError as error:
        check_error(error)
        return type(error).__name__
    assert opening.subprotocol in (None, "a", "b")
    converse(chance, Side(client=True), [opening.trailing, *pieces], opening)
    return "Opening"


@few_or_many
def test_d6_tunnels(count: int) -> None:
    """Whatever a proxy answers is a tunnel, or an error that names it and tells no secret."""
    outcomes = play(tunnelled, count)
    assert outcomes["tunnel"] > count / 20
    assert outcomes.keys() >= {"tunnel", "407", "403", "503", "no answer"}


def tunnelled(chance: Random) -> str:
    """Let a proxy answer mutated bytes; return what came of it."""
    asking = ProxyHandshake(PROXY, "h.example:443", limits=LIMITS)
    pieces = [*chunks(chance, mutated(chance, chance.choice(TUNNELS))), b""]
    try:
        while not asking.feed(pieces.pop(0)):
            assert pieces, "after the end of the stream there is an outcome"
    except ProxyError as error:
        check_words(error)
        return check_refusal(error.response)
    return "tunnel"


def check_words(error: Exception) -> None:
    """What an error says can be shown."""
    assert str(error).isprintable()
    assert "hunter2" not in str(error)


def check_refusal(response: Response | None) -> str:
    """Return the status of a proxy's answer; its body is within the limit."""
    if response is None:
        return "no answer"
    assert len(response.body) <= LIMITS.max_reject_body
    return str(response.status)


@few_or_many
def test_d6_redirects(count: int) -> None:
    """Whatever a redirect names is a place that may be gone to, or a reason not to go there."""
    outcomes = play(redirected, count)
    del outcomes["circle"]  # by chance, and seldom
    assert min(outcomes.values()) > count / 200
    assert outcomes.keys() == {"not followed", "same origin", "another origin"}


def redirected(chance: Random) -> str:
    """Let a server redirect to a mutated place; return what came of it."""
    base = chance.choice([URL, parse_url("wss://me:pw@testserver/a/b?c=hunter2")])
    location = mutated(chance, chance.choice(LOCATIONS), LOCATION_SPICE).decode("latin-1")
    trail = Trail(base, limit=3)
    given = Headers({"Cookie": "a=b", "X": "y"})
    try:
        trail.follow(received_response(302, Headers({"Location": location})), None)
    except NotFollowed as why:
        check_words(why)
        return "not followed"
    except TooManyRedirects as error:
        check_words(error)
        return "circle"
    url = trail.url
    assert url.tls or not base.tls
    assert (
        url == parse_url(f"ws{'s' * url.tls}://{url.host_header}{url.target}") or url.authorization
    )
    ClientHandshake(url, headers=trail.headers(given, of_a_function=False)).request_bytes()
    if url.origin == base.origin:
        assert url.authorization == base.authorization
        return "same origin"
    assert url.authorization is None
    assert trail.headers(given, of_a_function=False) == {"X": "y"}
    return "another origin"


def check_error(error: HandshakeError) -> None:
    """What a user may do with an error works."""
    assert error.request is not None
    assert str(error).isprintable()
    if isinstance(error, Rejected):
        assert 200 <= error.response.status < 1000
        assert len(error.response.body) <= LIMITS.max_reject_body


@few_or_many_each_way
@every_way
@pytest.mark.parametrize("client", [True, False], ids=["client", "server"])
def test_d6_frames(client: bool, way: str, count: int) -> None:
    """Whatever frames arrive they are messages, or the connection ends with a code that fits."""

    def frames(chance: Random) -> str:
        side = Side(client, chance.random() < 0.8, way)
        data = mutated(chance, chance.choice(TO_CLIENT if client else TO_SERVER))
        return converse(chance, side, chunks(chance, data))

    with going(way):
        outcomes = play(frames, count)
    assert outcomes.keys() == {"unended", "closed", "1002", "1007", "1009"}
    assert min(outcomes.values()) > count / 200


@few_or_many_each_way
@every_way
@pytest.mark.parametrize("client", [True, False], ids=["client", "server"])
def test_d6_compressed_frames(client: bool, way: str, count: int) -> None:
    """So it is with a peer that compresses, or says so."""

    def frames(chance: Random) -> str:
        side = Side(client, chance.random() < 0.8, way)
        said = COMPRESSED_TO_CLIENT if client else COMPRESSED_TO_SERVER
        data = mutated(chance, chance.choice(said))
        opening = settled(agree([DEFLATE])[0 if client else 1])
        return converse(chance, side, chunks(chance, data), opening)

    with going(way):
        outcomes = play(frames, count)
    assert outcomes.keys() == {"unended", "closed", "1002", "1007", "1009"}


def settled(extensions: tuple[NegotiatedExtension, ...]) -> Opening:
    """Return what a handshake would settle that agreed on extensions."""
    request = Request(method="GET", target="/", headers=Headers())
    return Opening(request=request, response=Response(101), extensions=extensions)


def converse(
    chance: Random, side: Side, pieces: list[bytes], opening: Opening | None = None
) -> str:
    """Let frames arrive while the application does this and that; return how it ended."""
    codecs = [each.codec for each in opening.extensions] if opening is not None else []
    session = side.protocol(codecs=codecs, max_message_size=70_000, max_fragments=8)
    acts = chance.random() < 0.3
    for piece in pieces:
        for happening in read(session, piece):
            check_happening(happening)
        if acts:
            with suppress(WebSocketError):
                chance.choice(ACTS)(session)
    outcome = ending_of(session)
    while session.has_pending_input:
        session.feed(b"")
    session.lose(Loss.EOF)
    assert session.ending is not None
    assert str(closed(session.ending)).isprintable()
    side.said(session)  # whole frames, and nothing else
    return outcome


ACTS: list[Callable[[WebSocketProtocol], object]] = [
    lambda session: session.send("a"),
    lambda session: session.send(b"a", finished=False),
    lambda session: session.ping(b"a"),
    lambda session: session.stream(),
    lambda session: session.close(4000, "bye"),
]


def check_happening(happening: ProtocolEvent) -> None:
    """What an application is given is what it may expect."""
    if isinstance(happening, Chunk | Pong):
        return
    assert isinstance(happening, str | bytes)
    if isinstance(happening, str):
        happening.encode()  # has no half of a pair of surrogates


def ending_of(session: WebSocketProtocol) -> str:
    """How a session ended by what arrived, if it did."""
    ending = session.ending
    assert (ending is None) == (session.state is not State.ENDED)
    if ending is None:
        return "unended"
    if ending.loss in (Loss.VIOLATION, Loss.TOO_BIG):
        assert ending.sent is not None
        return str(ending.sent.code)
    assert ending.clean or ending.loss is Loss.UNANSWERED
    return "closed"
