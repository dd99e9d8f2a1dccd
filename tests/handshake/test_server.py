"""`trio_ws._handshake.server`: requests we may get, and what we say to them."""

from __future__ import annotations

import base64
from typing import Any

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection

from trio_ws._errors import LocalProtocolError
from trio_ws._handshake.opening import Opening
from trio_ws._handshake.server import MAX_SKIPPED_BODY, Refusal, ServerHandshake, asks_to_upgrade
from trio_ws._http import Headers, Request, Response, received_response
from trio_ws._policies import Limits
from trio_ws._tls_info import TLSInfo

from ..cpu import cpu_seconds
from ..toys import IDENTITY, Toy

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="


def server(data: bytes = b"", **limits: int) -> ServerHandshake:
    handshake = ServerHandshake(limits=Limits(**limits), remote_address=("::1", 5))
    handshake.feed(data)
    return handshake


def upgrade(*extra: bytes, **replaced: bytes) -> bytes:
    """A correct upgrade, with lines added; `replaced` are other lines, or ``b""`` for none."""
    lines = {
        "start": b"GET /chat?room=1 HTTP/1.1",
        "host": b"Host: example.com",
        "upgrade": b"Upgrade: websocket",
        "connection": b"Connection: Upgrade",
        "key": b"Sec-WebSocket-Key: " + KEY,
        "version": b"Sec-WebSocket-Version: 13",
    }
    lines.update(replaced)
    return b"\r\n".join([line for line in [*lines.values(), *extra] if line]) + b"\r\n\r\n"


def plain(method: bytes = b"GET", *lines: bytes, version: bytes = b"1.1") -> bytes:
    start = method + b" /health HTTP/" + version
    return b"\r\n".join([start, b"Host: a", *lines, b"", b""])


def refusal(data: bytes, **limits: int) -> Response:
    """The answer to a request that is refused, checked to be a sendable and closing one."""
    handshake = server(data, **limits)
    with pytest.raises(Refusal) as caught:
        if handshake.next_request():
            handshake.check_upgrade()
    response = caught.value.response
    assert response.headers["Content-Type"].startswith("text/plain")
    assert response.body.isascii()
    sent = handshake.respond(response)
    method = data.split(maxsplit=1)[0]
    body = b"" if method == b"HEAD" else response.body
    assert parse(sent, method if method == b"HEAD" else b"GET")[:2] == (response.status, body)
    return response


def parse(sent: bytes, method: bytes) -> tuple[int, bytes, bool]:
    """Status, body, and whether the connection stays open, as a client reads them."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target=b"/", headers=[(b"Host", b"a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(sent)
    head = client.next_event()
    assert isinstance(head, h11.Response)
    body = b""
    while isinstance(event := client.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert client.trailing_data[0] == b""
    return head.status_code, body, client.their_state is h11.DONE


def test_accept() -> None:
    """The example of RFC 6455 §1.3 is accepted with the token that it gives."""
    handshake = server(upgrade() + b"\x81\x80abcd")
    request = handshake.next_request()
    assert request is not None
    assert (request.method, request.target) == ("GET", "/chat?room=1")
    assert request.headers["host"] == "example.com"
    assert request.remote_address == ("::1", 5)
    assert handshake.check_upgrade() == []
    data, opening = handshake.accept()
    assert data.startswith(b"HTTP/1.1 101 Switching Protocols\r\n")
    assert opening.response.headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert opening.response.status == 101
    assert opening.request is request
    assert opening.subprotocol is None
    assert opening.extensions == ()
    assert opening.trailing == b"\x81\x80abcd"
    assert opening.plain


def test_accept_with_headers() -> None:
    """Headers of the application come last in the 101, as they were given."""
    handshake = server(upgrade())
    handshake.next_request()
    handshake.check_upgrade()
    given = [("Set-Cookie", "a=1"), ("set-cookie", "b=ü"), ("X-Empty", "")]
    data, opening = handshake.accept(headers=given)
    end = "\r\nSet-Cookie: a=1\r\nset-cookie: b=ü\r\nX-Empty: \r\n\r\n"
    assert data.endswith(end.encode("latin-1"))
    assert opening.response.headers.get_all("Set-Cookie") == ["a=1", "b=ü"]
    assert not opening.plain


def test_tls_is_told() -> None:
    """A request says what TLS has established on its connection."""
    tls = TLSInfo(version="TLSv1.3", cipher="AES")
    handshake = ServerHandshake(limits=Limits(), tls=tls)
    handshake.feed(plain())
    request = handshake.next_request()
    assert request is not None
    assert request.tls is tls


@pytest.mark.parametrize(
    ("method", "headers", "asks"),
    [
        ("GET", {"Upgrade": "websocket"}, True),
        ("GET", {"upgrade": "h2c,\tWebSocket"}, True),
        ("GET", [("Upgrade", "h2c"), ("Upgrade", "websocket")], True),
        ("GET", {"Upgrade": "websocket/13"}, False),
        ("GET", {"Upgrade": "h2c"}, False),
        ("GET", {"Connection": "Upgrade"}, False),
        ("POST", {"Upgrade": "websocket"}, False),
        ("HEAD", {"Upgrade": "websocket"}, False),
    ],
)
def test_asks_to_upgrade(method: str, headers: Any, asks: bool) -> None:
    """A GET with the token in its Upgrade header asks for a WebSocket, properly or not."""
    request = Request(method=method, target="/", headers=Headers(headers))
    assert asks_to_upgrade(request) is asks


def accepted_by_wsproto(request: Request, offers: list[str], chosen: str | None) -> bytes:
    """The 101 that wsproto writes: it has to accept whatever we accept.

    It is given no more than what makes up the handshake, in one line each:
    it would decode the real Host as IDNA, and looks at the last of several lines only.
    """
    lines = [
        (b"Host", b"any"),
        (b"Upgrade", b"websocket"),
        (b"Connection", b"Upgrade"),
        (b"Sec-WebSocket-Version", request.headers["Sec-WebSocket-Version"].encode()),
        (b"Sec-WebSocket-Key", request.headers["Sec-WebSocket-Key"].encode()),
    ]
    if offers:
        lines.append((b"Sec-WebSocket-Protocol", ", ".join(offers).encode()))
    judge = WSConnection(ConnectionType.SERVER)
    judge.initiate_upgrade_connection(lines, b"/")
    return judge.send(AcceptConnection(subprotocol=chosen))


NAMES = st.lists(st.from_regex(r"[!#-'*+.^_`|~0-9A-Za-z-]+", fullmatch=True), unique=True)


@given(st.binary(min_size=16, max_size=16), NAMES, st.sampled_from([b"", b"X: \xff"]), st.data())
def test_as_wsproto_answers(
    nonce: bytes, names: list[str], other: bytes, data: st.DataObject
) -> None:
    """The 101 is, byte for byte, the one that wsproto writes, whoever read the request."""
    key = b"Sec-WebSocket-Key: " + base64.b64encode(nonce)
    offer = b"Sec-WebSocket-Protocol: " + ",".join(names).encode() if names else b""
    handshake = server(upgrade(offer, other, key=key))
    request = handshake.next_request()
    assert request is not None
    assert handshake.check_upgrade() == names
    chosen = data.draw(st.sampled_from([None, *names]))
    answer, opening = handshake.accept(chosen)
    assert answer == accepted_by_wsproto(request, names, chosen)
    head = h11.Connection(h11.CLIENT)
    head.send(h11.Request(method="GET", target="/", headers=[("Host", "a"), ("Upgrade", "x")]))
    head.receive_data(answer)
    event = head.next_event()
    assert isinstance(event, h11.InformationalResponse)
    assert [
        (name.encode(), value.encode()) for name, value in opening.response.headers.multi_items()
    ] == event.headers.raw_items()


def test_subprotocols() -> None:
    """Subprotocols are offered over several lines; the chosen one is answered."""
    handshake = server(upgrade(b"Sec-WebSocket-Protocol: a, b", b"Sec-WebSocket-Protocol: ,c,"))
    assert handshake.next_request()
    assert handshake.check_upgrade() == ["a", "b", "c"]
    with pytest.raises(LocalProtocolError, match="did not offer"):
        handshake.accept("d")
    data, opening = handshake.accept("c")
    assert b"\r\nSec-WebSocket-Protocol: c\r\n" in data
    assert opening.subprotocol == "c"


@pytest.mark.parametrize(
    "data",
    [
        upgrade(upgrade=b"Upgrade: WebSocket", connection=b"connection: keep-alive, UPGRADE"),
        upgrade(upgrade=b"Upgrade: h2c\r\nUpgrade: websocket"),
        upgrade(upgrade=b"Upgrade: websocket, h2c"),
        upgrade(b"Connection: keep-alive"),
        upgrade(connection=b"Connection: x\r\nConnection: Upgrade\r\nConnection: y"),
        upgrade(start=b"GET http://EXAMPLE.com/chat?room=1 HTTP/1.1"),
        upgrade(host=b"Host: [::1]:8765"),
        upgrade(host=b"Host: " + b"a" * 300),
        upgrade(host=b"Host: a..b"),
        upgrade(start=b"GET /chat?room=1 HTTP/1.2"),
        upgrade(b"Content-Length: 0"),
        upgrade(b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=abc"),
        upgrade(b"Sec-WebSocket-Protocol:"),
        upgrade(b"X: \xff\x1b"),
        b"\r\n\r\n" + upgrade(),
        upgrade().replace(b"\r\n", b"\n"),
    ],
)
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_tolerance(data: bytes, size: int) -> None:
    """What RFC 6455 and HTTP allow is accepted, in any chunking."""
    handshake = server()
    request = None
    for start in range(0, len(data), size):
        assert request is None
        handshake.feed(data[start : start + size])
        request = handshake.next_request()
    assert request is not None
    assert handshake.check_upgrade() == []
    answer, opening = handshake.accept()
    assert opening.response.status == 101
    assert answer == accepted_by_wsproto(request, [], None)


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"http://example.com", "/"),
        (b"HTTPS://example.com/a?b", "/a?b"),
        (b"ws://example.com?b", "/?b"),
        (b"//example.com/a", "//example.com/a"),
    ],
)
def test_targets(target: bytes, path: str) -> None:
    """An absolute request target is taken apart (RFC 9112 §3.2.2)."""
    request = server(upgrade(start=b"GET " + target + b" HTTP/1.1")).next_request()
    assert request is not None
    assert request.target == path


@pytest.mark.parametrize(
    ("data", "status", "why"),
    [
        (upgrade(start=b"POST / HTTP/1.1"), 405, "GET"),
        (upgrade(start=b"get / HTTP/1.1"), 405, "GET"),
        (plain(b"HEAD"), 405, "GET"),
        (plain(b"CONNECT"), 405, "proxy"),
        (plain(b"HEAD").replace(b" /", b" "), 400, "request target"),
        (plain(), 426, "WebSocket server"),
        (plain(version=b"1.0"), 426, "WebSocket server"),
        (upgrade(upgrade=b""), 426, "WebSocket server"),
        (upgrade(upgrade=b"Upgrade: h2c"), 426, "WebSocket server"),
        (upgrade(upgrade=b"Upgrade: websockets"), 426, "WebSocket server"),
        (upgrade(upgrade=b"Upgrade: \xff"), 426, "WebSocket server"),
        (upgrade(version=b"Sec-WebSocket-Version: 8"), 426, "version 13"),
        (upgrade(version=b"Sec-WebSocket-Version: 13, 8"), 426, "version 13"),
        (upgrade(version=b"Sec-WebSocket-Version:"), 426, "version 13"),
        (upgrade(version=b""), 400, "no Sec-WebSocket-Version"),
        (upgrade(b"Sec-WebSocket-Version: 13"), 400, "more than one Sec-WebSocket-Version"),
        (upgrade(start=b"GET / HTTP/1.0"), 400, "HTTP/1.1"),
        (upgrade(start=b"GET / HTTP/2.0"), 505, "HTTP/1.1"),
        (upgrade(start=b"GET / HTTP/0.9"), 505, "HTTP/1.1"),
        (upgrade(connection=b""), 400, "Connection"),
        (upgrade(connection=b"Connection: close"), 400, "Connection"),
        (upgrade(connection=b"Connection: \xff"), 400, "Connection"),
        (upgrade(key=b""), 400, "no Sec-WebSocket-Key"),
        (upgrade(b"Sec-WebSocket-Key: " + KEY), 400, "more than one Sec-WebSocket-Key"),
        (upgrade(key=b"Sec-WebSocket-Key:"), 400, "16 bytes"),
        (upgrade(key=b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ"), 400, "16 bytes"),
        (upgrade(key=b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j"), 400, "16 bytes"),
        (upgrade(key=b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=!"), 400, "16 bytes"),
        (upgrade(key=b"Sec-WebSocket-Key: dGhl!IHNhbXBsZSBub25jZQ=="), 400, "16 bytes"),
        (upgrade(key=b"Sec-WebSocket-Key: \xe9hlIHNhbXBsZSBub25jZQ=="), 400, "16 bytes"),
        (upgrade(host=b""), 400, "Host"),
        (upgrade(host=b"Host:"), 400, "Host"),
        (upgrade(host=b"Host: a b"), 400, "Host"),
        (upgrade(host=b"Host: \xff"), 400, "Host"),
        (upgrade(host=b"Host: me@example.com"), 400, "Host"),
        (upgrade(b"Host: example.com"), 400, "multiple Host"),
        (upgrade(b"Content-Length: 5"), 400, "no body"),
        (upgrade(b"Content-Length: 5", b"Content-Length: 6"), 400, "Content-Length"),
        (upgrade(b"Content-Length: -1"), 400, "Content-Length"),
        (upgrade(b"Content-Length: " + b"9" * 21), 400, "Content-Length"),
        (upgrade(b"Transfer-Encoding: chunked"), 400, "no body"),
        (upgrade(b"Transfer-Encoding: gzip"), 501, "Transfer-Encoding"),
        (plain(b"GET", b"Transfer-Encoding: chunked", version=b"1.0"), 400, "Transfer-Encoding"),
        (
            plain(b"POST", b"Transfer-Encoding: chunked", b"Content-Length: 5"),
            400,
            "Transfer-Encoding",
        ),
        (upgrade(b"Sec-WebSocket-Protocol: a b"), 400, "Sec-WebSocket-Protocol"),
        (upgrade(b"Sec-WebSocket-Protocol: a\x1b"), 400, "Sec-WebSocket-Protocol"),
        (upgrade(b"Sec-WebSocket-Protocol: \xe9"), 400, "Sec-WebSocket-Protocol"),
        (upgrade(b"Sec-WebSocket-Extensions: \xe9"), 400, "Sec-WebSocket-Extensions"),
        (upgrade(b"Sec-WebSocket-Extensions: a; b=1=2"), 400, "Sec-WebSocket-Extensions"),
        (upgrade(start=b"GET chat HTTP/1.1"), 400, "request target"),
        (upgrade(start=b"GET * HTTP/1.1"), 400, "request target"),
        (upgrade(start=b"GET /a#b HTTP/1.1"), 400, "request target"),
        (upgrade(start=b"GET http://other/ HTTP/1.1"), 400, "different hosts"),
        (upgrade(start=b"GET /a b HTTP/1.1"), 400, "request line"),
        (upgrade(start=b"GET /\xc3\xa9 HTTP/1.1"), 400, "request line"),
        (upgrade(start=b"GET /"), 400, "request line"),
        (upgrade(b"no colon"), 400, "header line"),
        (upgrade(b"X : y"), 400, "header line"),
        (upgrade(b"X: a\x00b"), 400, "HTTP forbids"),
        (upgrade(b"X: a\rb"), 400, "HTTP forbids"),
        (b"GET / HTTP/1.1\r\n folded: x\r\n\r\n", 400, "continuation line"),
        (b"\x16\x03\x01\x02\x00\x01", 400, "no HTTP"),
        (b"\xff", 400, "no HTTP"),
    ],
)
def test_refused(data: bytes, status: int, why: str) -> None:
    """RFC 6455 §4.2.1, line by line: each fault has its status and is named in the body."""
    response = refusal(data)
    assert response.status == status
    assert why in response.body.decode()
    assert response.headers.get("Allow") == ("GET" if status == 405 else None)
    assert response.headers.get("Sec-WebSocket-Version") == ("13" if status == 426 else None)
    assert response.headers.get("Upgrade") == ("websocket" if status == 426 else None)


@pytest.mark.parametrize(
    "data",
    [
        upgrade(b"X: " + b"x" * 16384),
        b"GET /" + b"x" * (1 << 20),
        upgrade(*[b"X: y"] * 1000),
        upgrade(*[b"X:"] * 96),
    ],
)
def test_oversized(data: bytes) -> None:
    """A head with too many bytes or lines is answered 431 (hazard D5)."""
    assert refusal(data).status == 431


def test_byte_by_byte_is_cheap() -> None:
    """A head of 16 KiB that comes a byte at a time costs less than 100 ms (hazard D5)."""
    data = upgrade(b"X: " + b"x" * 16100)
    handshake, request = server(), None
    with cpu_seconds() as spent:
        for place in range(len(data)):
            handshake.feed(data[place : place + 1])
            request = handshake.next_request()
    assert request is not None
    assert spent[0] < 0.1


def test_blanks_are_cheap() -> None:
    """A head made to let h11 backtrack for a second costs less than 100 ms (hazard D5)."""
    with cpu_seconds() as spent:
        assert refusal(upgrade(b"X:" + b" " * 16000 + b"\x00")).status == 400
    assert spent[0] < 0.1


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_pipelining(size: int) -> None:
    """Requests are answered one after another, bodies skipped, until one upgrades."""
    sent = plain() + plain(b"POST", b"Content-Length: 5") + b"abcde" + b"\r\n" + upgrade() + b"xyz"
    handshake = server()
    seen = []
    opening: Opening | None = None
    for start in range(0, len(sent), size):
        handshake.feed(sent[start : start + size])
        while opening is None and (request := handshake.next_request()):
            seen.append(request.method)
            if len(seen) == 3:
                handshake.check_upgrade()
                opening = handshake.accept()[1]
            else:
                assert parse(handshake.respond(Response(200, (), "ok")), b"GET")[2]
                assert handshake.reusable
    assert seen == ["GET", "POST", "GET"]
    assert opening is not None
    assert b"xyz".startswith(opening.trailing)


@pytest.mark.parametrize(
    "data",
    [
        plain(version=b"1.0"),
        plain(b"GET", b"Connection: keep-alive", version=b"1.0"),
        plain(b"GET", b"Connection: close"),
        plain(b"GET", b"Connection: x, Close"),
        plain(b"POST", b"Content-Length: %d" % (MAX_SKIPPED_BODY + 1)),
        plain(b"POST", b"Transfer-Encoding: chunked"),
        plain(b"POST", b"Content-Length: 5", b"Expect: 100-continue"),
        upgrade(),
    ],
)
def test_closing(data: bytes) -> None:
    """The connection ends with the answer when that is asked for, or when in doubt."""
    handshake = server(data)
    assert handshake.next_request()
    assert not parse(handshake.respond(Response(200)), b"GET")[2]
    assert not handshake.reusable


@pytest.mark.parametrize(
    "data",
    [
        plain(),
        plain(b"OPTIONS").replace(b"/health", b"*"),
        plain(b"GET", b"Upgrade: h2c"),
        plain(b"GET", b"Expect: 100-continue"),
        plain(b"POST", b"Content-Length: %d" % MAX_SKIPPED_BODY),
    ],
)
def test_keep_alive(data: bytes) -> None:
    """Otherwise the connection stays open (RFC 9112 §9.3)."""
    handshake = server(data)
    assert handshake.next_request()
    assert parse(handshake.respond(Response(200)), b"GET")[2]
    assert handshake.reusable
    assert handshake.next_request() is None


@pytest.mark.parametrize("response", [Response(200), Response(200, {"Connection": "close"})])
def test_asked_to_close(response: Response) -> None:
    """An answer may end the connection by itself, or because the caller wants it."""
    handshake = server(plain())
    handshake.next_request()
    handshake.respond(response, close="Connection" not in response.headers)
    assert not handshake.reusable


def test_refusal_keeps_alive() -> None:
    """A refused plain request does not end the connection; what cannot be read does."""
    handshake = server(plain() + b"\xff")
    handshake.next_request()
    with pytest.raises(Refusal) as caught:
        handshake.check_upgrade()
    assert parse(handshake.respond(caught.value.response), b"GET")[2]
    with pytest.raises(Refusal) as caught:
        handshake.next_request()
    handshake.respond(caught.value.response)
    assert not handshake.reusable


@pytest.mark.parametrize(
    ("method", "response", "length", "body"),
    [
        (b"GET", Response(200, {"Content-Length": "999"}, "héllo"), b"6", "héllo".encode()),
        (b"HEAD", Response(200, (), "hello"), b"5", b""),
        (b"GET", Response(204, (), "hello"), None, b""),
        (b"GET", Response(304, {"ETag": "x"}), None, b""),
        (b"GET", Response(599, (), b"\x00" * 9), b"9", b"\x00" * 9),
    ],
)
def test_framing(method: bytes, response: Response, length: bytes | None, body: bytes) -> None:
    """The length of a body is what it is, and is left out where HTTP wants none."""
    handshake = server(plain(method))
    handshake.next_request()
    sent = handshake.respond(response)
    assert parse(sent, method) == (response.status, body, True)
    assert (b"\r\nContent-Length: " in sent) is (length is not None)
    assert length is None or b"\r\nContent-Length: " + length + b"\r\n" in sent


def test_reason() -> None:
    """A status comes with its phrase, if it has one."""
    handshake = server(plain() * 2)
    handshake.next_request()
    assert handshake.respond(Response(503)).startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    handshake.next_request()
    assert handshake.respond(Response(599)).startswith(b"HTTP/1.1 599 \r\n")


@pytest.mark.parametrize(
    "response",
    [
        Response(101),
        received_response(42, Headers()),
        received_response(1000, Headers()),
        received_response(200, Headers({"X": "a\r\nb"})),
        received_response(200, Headers({"X\n": "a"})),
        Response(200, {"Transfer-Encoding": "chunked"}),
    ],
)
def test_unsendable(response: Response) -> None:
    """A response that HTTP cannot carry is refused, and another one can still be sent."""
    handshake = server(plain())
    handshake.next_request()
    with pytest.raises(LocalProtocolError):
        handshake.respond(response)
    assert parse(handshake.respond(Response(500)), b"GET")[0] == 500


def test_refusals_do_not_echo() -> None:
    """A refusal does not repeat what the peer sent."""
    assert b"evil" not in refusal(upgrade(b"evil<script>")).body


SPICE = [b"\r\n", b"\n", b":", b",", b"\x00", b"\xff", b"\x1b", b" ", b"\r\n\r\n", b"HTTP/1.0"]
SPICE += [b"Sec-WebSocket-Protocol: ", b"Sec-WebSocket-Extensions: ", b"Transfer-Encoding: chunked"]
SPICE += [b"Content-Length: 5", b"Sec-WebSocket-Key: ", b"Host: ", b"\xc3\xa9", b"xn--", b"POST"]
CUTS = st.tuples(
    st.integers(0, 200), st.integers(0, 8), st.sampled_from(SPICE) | st.binary(max_size=4)
)


@given(st.lists(CUTS), st.integers(1, 200))
def test_mutated(cuts: list[tuple[int, int, bytes]], size: int) -> None:
    """Whatever a client sends is upgraded or refused; nothing else is raised (P10)."""
    data = bytearray(upgrade(b"Sec-WebSocket-Protocol: a, b") * 2)
    for place, length, spice in cuts:
        data[place : place + length] = spice
    handshake = server()
    for start in range(0, len(data), size):
        handshake.feed(bytes(data[start : start + size]))
        try:
            request = handshake.next_request()
            if request is None:
                continue
            assert str(request.query)
            offers = handshake.check_upgrade()
            chosen = offers[0] if offers else None
            answer, _ = handshake.accept(chosen)
            assert answer == accepted_by_wsproto(request, offers, chosen)
        except Refusal as exc:
            answer = handshake.respond(exc.response)
        assert answer.startswith(b"HTTP/1.1 ")
        break


@pytest.mark.parametrize(
    ("request_bytes", "told"),
    [
        (plain(), True),
        (plain(b"GET", b"Connection: close"), False),
        (plain(version=b"1.0"), False),
        (plain(b"GET", b"Connection: keep-alive", version=b"1.0"), False),
        (upgrade(), False),
    ],
)
def test_keep_alive_is_announced(request_bytes: bytes, told: bool) -> None:
    """Where another request may follow the client is told for how long, and only there."""
    handshake = server(request_bytes)
    assert handshake.next_request()
    sent = handshake.respond(Response(200), keep_alive=75.9)
    assert (b"\r\nKeep-Alive: timeout=75\r\n" in sent) is told
    assert (b"\r\nConnection: keep-alive\r\n" in sent) is told
    assert handshake.reusable is told
    silent = server(plain())
    assert silent.next_request()
    assert b"eep-" not in silent.respond(Response(200))


def test_extensions() -> None:
    """What is agreed on stands in the 101; without any agreement there is no such header."""
    cases: list[tuple[list[Toy], bytes]] = [
        ([IDENTITY], b"\r\nSec-WebSocket-Extensions: x-identity\r\n"),
        ([], b""),
    ]
    for theirs, header in cases:
        handshake = server(upgrade(b"Sec-WebSocket-Extensions: x-identity, x-other"))
        assert handshake.next_request()
        handshake.check_upgrade()
        answer, opening = handshake.accept(extensions=theirs)
        assert header in answer
        assert (b"Extensions" in answer) is bool(header)
        assert [str(each.element) for each in opening.extensions] == ["x-identity"] * bool(header)


def test_a_response_that_ends_the_connection() -> None:
    """If the application says that this is the last answer, nothing else is announced."""
    handshake = server(plain())
    handshake.next_request()
    sent = handshake.respond(Response(200, {"Connection": "Close"}), keep_alive=75)
    assert b"\r\nConnection: Close\r\n" in sent
    assert b"keep-alive" not in sent.lower()
    assert not handshake.reusable
