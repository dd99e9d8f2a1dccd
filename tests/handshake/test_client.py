"""`trio_ws._handshake.client`: the request we send, and the answers we may get."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection
from wsproto.events import Request as UpgradeRequest
from wsproto.utilities import RemoteProtocolError, generate_accept_token

from trio_ws._errors import (
    HandshakeError,
    InvalidHandshake,
    LocalProtocolError,
    Rejected,
    UnsupportedVersion,
    WebSocketError,
)
from trio_ws._handshake.answers import MAX_INTERIM
from trio_ws._handshake.client import (
    RESERVED,
    ClientHandshake,
    check_value,
    checked_headers,
    retry_after,
)
from trio_ws._handshake.opening import Opening, accept_token
from trio_ws._http import Headers, Response
from trio_ws._policies import Limits
from trio_ws._url import parse_url

from ..cpu import cpu_seconds
from ..toys import IDENTITY

URL = parse_url("ws://example.com/path?query")


def answer_to(client: ClientHandshake, *extra: bytes, **replaced: bytes) -> bytes:
    """A correct 101, with lines added; `replaced` are other values, or None to leave one out."""
    token = generate_accept_token(client.request.headers["Sec-WebSocket-Key"].encode())
    lines = {
        "status": b"HTTP/1.1 101 Switching Protocols",
        "upgrade": b"Upgrade: websocket",
        "connection": b"Connection: Upgrade",
        "accept": b"Sec-WebSocket-Accept: " + token,
    }
    lines.update(replaced)
    return b"\r\n".join([line for line in [*lines.values(), *extra] if line]) + b"\r\n\r\n"


def outcome(client: ClientHandshake, data: bytes, size: int = 1 << 20) -> Opening | HandshakeError:
    """What comes of an answer that arrives in pieces of `size` bytes, and then ends."""
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    try:
        for piece in [*pieces, b""]:
            if opening := client.feed(piece):
                return opening
    except HandshakeError as exc:
        return exc
    raise AssertionError("an ended answer has an outcome")


def test_request() -> None:
    """The request has what RFC 6455 §4.1 asks for, and a fresh key of 16 bytes."""
    client = ClientHandshake(
        parse_url("ws://me:hunter2@[::1]:8765/path?query"),
        subprotocols=["chat", "super.chat"],
        headers=Headers({"X-Extra": "ü"}),
        origin="https://example.com",
        user_agent="agent",
    )
    head = client.request_bytes().decode("latin-1")
    assert head.startswith("GET /path?query HTTP/1.1\r\nHost: [::1]:8765\r\n")
    headers = client.request.headers
    key = headers["Sec-WebSocket-Key"]
    assert len(base64.b64decode(key)) == 16
    assert headers.multi_items() == (
        ("Host", "[::1]:8765"),
        ("Upgrade", "websocket"),
        ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", key),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Protocol", "chat, super.chat"),
        ("X-Extra", "ü"),
        ("User-Agent", "agent"),
        ("Origin", "https://example.com"),
        ("Authorization", "Basic bWU6aHVudGVyMg=="),
    )
    assert client.request.target == "/path?query"
    assert ClientHandshake(URL).request.headers["Sec-WebSocket-Key"] != key


def test_minimal_request() -> None:
    """What was not asked for is not sent."""
    headers = ClientHandshake(URL).request.headers
    assert not {"Origin", "User-Agent", "Authorization"} & set(headers)


def test_given_headers_win() -> None:
    """A header given by hand replaces the one that an option would make."""
    client = ClientHandshake(
        parse_url("ws://me:hunter2@h/"),
        headers=Headers(
            [("authorization", "Bearer x"), ("ORIGIN", "null"), ("User-Agent", "mine")]
        ),
        origin="https://example.com",
        user_agent="agent",
    )
    assert client.request.headers.get_all("Authorization") == ["Bearer x"]
    assert client.request.headers.get_all("Origin") == ["null"]
    assert client.request.headers.get_all("User-Agent") == ["mine"]


def test_long_host_with_port() -> None:
    """A last label of 63 characters is sent with its port."""
    host = "a" * 63
    client = ClientHandshake(parse_url(f"ws://{host}:8765/"))
    assert client.request.headers["Host"] == f"{host}:8765"


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_reserved(name: str) -> None:
    """Headers that the handshake is made of cannot be given."""
    with pytest.raises(LocalProtocolError, match="own business"):
        checked_headers({name.title(): "x"})


def test_injection() -> None:
    """Options that become headers are checked as headers are (hazard D9)."""
    check_value("Origin", "https://a")
    check_value("Origin", None)
    with pytest.raises(LocalProtocolError, match="the header Origin has control characters"):
        check_value("Origin", "x\r\nEvil: yes")
    with pytest.raises(LocalProtocolError, match="the header User-Agent is not Latin-1"):
        check_value("User-Agent", "€")


def test_blanks_are_cut_off() -> None:
    """Blanks around a value are no part of it."""
    headers = checked_headers({"X": " a b\t"})
    assert headers == {"X": "a b"}
    client = ClientHandshake(URL, headers=headers, origin="\tnull ")
    assert client.request.headers["Origin"] == "null"
    assert client.request.headers["X"] == "a b"


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_accepted(size: int) -> None:
    """A correct 101 settles the opening; frames behind it are kept."""
    client = ClientHandshake(URL, subprotocols=["a", "b"])
    answer = answer_to(
        client,
        b"Sec-WebSocket-Protocol: b",
        b"Server: x",
        upgrade=b"upgrade: WebSocket",
        connection=b"Connection: keep-alive\r\nConnection: x, UPGRADE",
    )
    opening = outcome(client, answer + b"\x81\x00", size)
    assert isinstance(opening, Opening)
    assert opening.request is client.request
    assert opening.subprotocol == "b"
    assert opening.extensions == ()
    assert opening.response.status == 101
    assert opening.response.headers["Server"] == "x"
    assert b"\x81\x00".startswith(opening.trailing)


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_interim_responses(size: int) -> None:
    """Interim responses other than 101 are skipped (hazard A13)."""
    client = ClientHandshake(URL)
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
    opening = outcome(client, interim + answer_to(client), size)
    assert isinstance(opening, Opening)


NAMES = st.lists(st.from_regex(r"[!#-'*+.^_`|~0-9A-Za-z-]+", fullmatch=True), unique=True)
VALUES = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]))
OTHERS = st.lists(st.tuples(st.sampled_from(["X-A", "Origin", "User-Agent", "cookie"]), VALUES))


class Asking(WSConnection):
    """wsproto's client, and the request that it writes."""

    def __init__(self, offers: list[str], others: list[tuple[str, str]]) -> None:
        super().__init__(ConnectionType.CLIENT)
        lines = [(name.encode(), value.strip(" \t").encode("latin-1")) for name, value in others]
        request = UpgradeRequest(
            host="example.com", target="/path?query", subprotocols=offers, extra_headers=lines
        )
        self.request = self.send(request)
        self.key = self.request.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]


@given(NAMES, OTHERS)
def test_as_wsproto_asks(offers: list[str], others: list[tuple[str, str]]) -> None:
    """The request is, byte for byte, the one that wsproto writes, but for the key."""
    client, judge = (
        ClientHandshake(URL, subprotocols=offers, headers=checked_headers(others)),
        Asking(offers, others),
    )
    ours = client.request.headers["Sec-WebSocket-Key"].encode()
    assert client.request_bytes().replace(ours, judge.key) == judge.request


CHOICES = ["a", "b", "c", "a, b", "", "A", " a\t", "é", "a;b"]


@given(
    st.lists(st.sampled_from(CHOICES), max_size=1),
    st.lists(st.sampled_from(["permessage-deflate", "x; y=1, z"]), max_size=1),
    st.sampled_from([b"", b"x", b"=", b"\xff"]),
    st.sampled_from([b"", b"X: \xff"]),
)
def test_as_wsproto_judges(
    chosen: list[str], extensions: list[str], spoilt: bytes, other: bytes
) -> None:
    """A 101 is accepted if wsproto accepts it, whoever read it, and settles the same.

    But for an empty list of extensions, which wsproto takes for one that was not offered.
    """
    client, judge = ClientHandshake(URL, subprotocols=["a", "b"]), Asking(["a", "b"], [])

    def answer(key: bytes) -> bytes:
        lines = [b"HTTP/1.1 101 x", b"Upgrade: websocket", b"Connection: Upgrade"]
        lines += [b"Sec-WebSocket-Accept: " + generate_accept_token(key) + spoilt]
        lines += [b"Sec-WebSocket-Protocol: " + name.encode("latin-1") for name in chosen]
        lines += [b"Sec-WebSocket-Extensions: " + name.encode() for name in extensions]
        return b"\r\n".join([*lines, *[other] * bool(other), b"", b""])

    result = outcome(client, answer(client.request.headers["Sec-WebSocket-Key"].encode()))
    try:
        judge.receive_data(answer(judge.key))
        (accepted,) = judge.events()
    except (RemoteProtocolError, UnicodeDecodeError):
        assert isinstance(result, InvalidHandshake)
    else:
        assert isinstance(accepted, AcceptConnection)
        assert isinstance(result, Opening)
        assert result.subprotocol == accepted.subprotocol


@pytest.mark.parametrize("value", [b"", b" ", b","])
def test_no_extension_is_chosen(value: bytes) -> None:
    """An empty header chooses nothing, whatever wsproto makes of it (hazard F5.4)."""
    client = ClientHandshake(URL, extensions=[IDENTITY])
    opening = outcome(client, answer_to(client, b"Sec-WebSocket-Extensions:" + value))
    assert isinstance(opening, Opening)
    assert opening.extensions == ()


def test_blanks_are_cheap() -> None:
    """An answer made to let h11 backtrack for a second costs less than 100 ms (hazard D5)."""
    client = ClientHandshake(URL)
    data = answer_to(client, b"X:" + b" " * 16000 + b"\x00")
    with cpu_seconds() as spent:
        assert "HTTP forbids" in str(outcome(client, data))
    assert spent[0] < 0.1


Lines = Callable[[ClientHandshake], bytes]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda c: answer_to(c, b"X: a\x00b"), "HTTP forbids"),
        (lambda c: answer_to(c, accept=b""), "one Sec-WebSocket-Accept"),
        (lambda c: answer_to(c, accept=b"Sec-WebSocket-Accept: AAAA"), "does not answer our key"),
        (lambda c: answer_to(c, accept=b"Sec-WebSocket-Accept: \xff"), "does not answer our key"),
        (lambda c: answer_to(c, b"Sec-WebSocket-Accept: x"), "one Sec-WebSocket-Accept"),
        (lambda c: answer_to(c, upgrade=b""), "Upgrade header"),
        (lambda c: answer_to(c, upgrade=b"Upgrade: h2c"), "Upgrade header"),
        (lambda c: answer_to(c, upgrade=b"Upgrade: websocket, h2c"), "Upgrade header"),
        (lambda c: answer_to(c, upgrade=b"Upgrade: w\xe9bsocket"), "Upgrade header"),
        (lambda c: answer_to(c, connection=b""), "Connection header"),
        (lambda c: answer_to(c, connection=b"Connection: close"), "Connection header"),
        (lambda c: answer_to(c, b"Sec-WebSocket-Protocol: c"), "subprotocol"),
        (lambda c: answer_to(c, b"Sec-WebSocket-Protocol: A"), "subprotocol"),
        (lambda c: answer_to(c, b"Sec-WebSocket-Protocol: a, b"), "subprotocol"),
        (lambda c: answer_to(c, b"Sec-WebSocket-Protocol:"), "subprotocol"),
        (lambda c: answer_to(c, b"Sec-WebSocket-Protocol: \xe9"), "subprotocol"),
        (lambda c: answer_to(c, *[b"Sec-WebSocket-Protocol: a"] * 2), "more than one"),
        (lambda c: answer_to(c, b"Sec-WebSocket-Extensions: permessage-deflate"), "extension"),
        (lambda c: answer_to(c, b"Sec-WebSocket-Extensions: \xe9\x1b"), "is malformed"),
        (lambda c: answer_to(c, b"Sec-WebSocket-Extensions: a;"), "is malformed"),
        (lambda c: answer_to(c, status=b"HTTP/1.0 101 x"), "HTTP/1.0"),
        (lambda c: answer_to(c, status=b"HTTP/1.1 099 x"), "invalid"),
        (lambda c: answer_to(c, status=b"HTTP/1.1 abc x"), "illegal status line"),
        (lambda c: answer_to(c, b"no colon"), "illegal header line"),
        (lambda c: answer_to(c, b"X: " + b"x" * 16384), "larger than 16384"),
        (lambda c: answer_to(c, *[b"X: y"] * 100), "more than 100 header lines"),
        (lambda _: b"x" * 20000, "does not speak HTTP"),
        (lambda _: b"SSH-2.0-x\r\n", "does not speak HTTP"),
        (
            lambda _: b"\x15\x03\x01\x00\x02\x02\x50",
            "it speaks TLS, and the URL must begin with wss://",
        ),
        (lambda _: b"HTTP/2.0 200 OK\r\n\r\n", "does not speak HTTP"),
        (lambda _: b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "Content-Length"),
    ],
)
@pytest.mark.parametrize("size", [1, 1 << 20])
def test_invalid(answer: Lines, why: str, size: int) -> None:
    """What breaks RFC 6455 or HTTP is an InvalidHandshake that says where (hazard C3)."""
    client = ClientHandshake(URL, subprotocols=["a", "b"])
    error = outcome(client, answer(client), size)
    assert type(error) is InvalidHandshake
    assert why in str(error)
    assert str(error).isprintable()
    assert error.transient is False
    assert error.request is client.request


@pytest.mark.parametrize("value", [b"", b" ", b",", b" , ,"])
def test_no_extension_is_a_choice(value: bytes) -> None:
    """An empty list of extensions chooses none, as if it were not there (F5.4)."""
    client = ClientHandshake(URL)
    opening = client.feed(answer_to(client, b"Sec-WebSocket-Extensions:" + value))
    assert opening is not None
    assert opening.extensions == ()


@pytest.mark.parametrize("status", [b"100 Continue", b"103 Early Hints"])
def test_interim_responses_without_end(status: bytes) -> None:
    """Some responses before the answer are skipped, a flood of them is refused (F7.11)."""
    interim = b"HTTP/1.1 " + status + b"\r\n\r\n"
    client = ClientHandshake(URL)
    assert client.feed(interim * MAX_INTERIM) is None
    assert client.feed(answer_to(client)) is not None
    client = ClientHandshake(URL)
    with cpu_seconds() as spent, pytest.raises(InvalidHandshake, match="more than 20 responses"):
        client.feed(interim * 10_000)
    with pytest.raises(InvalidHandshake, match="more than 20 responses"):
        ClientHandshake(URL).feed(interim * (MAX_INTERIM + 1))
    assert spent[0] < 0.1


def test_not_http_is_noticed_at_once() -> None:
    """A peer that does not speak HTTP is noticed by its first bytes."""
    with pytest.raises(InvalidHandshake):
        ClientHandshake(URL).feed(b"220 ")


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 101 Swi", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_early_end(data: bytes) -> None:
    """A stream that ends before the answer is a failure that may pass."""
    error = outcome(ClientHandshake(URL), data)
    assert type(error) is HandshakeError
    assert error.transient is True
    assert error.request is not None


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"Content-Length: 4\r\n\r\nnope", b"nope"),
        (b"Content-Length: 0\r\n\r\n", b""),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nno,\r\n3\r\n no\r\n0\r\n\r\n", b"no, no"),
        (b"\r\nuntil the end", b"until the end"),
        (b"\r\n", b""),
        (b"Content-Length: 9\r\n\r\ncut", b"cut"),
        (b"Transfer-Encoding: chunked\r\n\r\n3\r\nbad\r\nworse", b"bad"),
        (b"\r\n" + b"x" * 5000, b"x" * 100),
        (b"Content-Length: 5000\r\n\r\n" + b"x" * 5000, b"x" * 100),
    ],
)
@pytest.mark.parametrize("size", [1, 64, 1 << 20])
def test_rejected(answer: bytes, body: bytes, size: int) -> None:
    """Another status is a rejection with its headers and the start of its body (hazard C2)."""
    client = ClientHandshake(URL, limits=Limits(max_reject_body=100))
    error = outcome(client, b"HTTP/1.1 403 Forbidden\r\nX: y\r\n" + answer, size)
    assert type(error) is Rejected
    assert error.response.status == 403
    assert error.response.headers["X"] == "y"
    assert error.response.body == body
    assert error.request is client.request


BEHIND_THE_STATUS_LINE = [
    pytest.param(b"X: y\r\n" * 120, id="too many lines"),
    pytest.param(b"X: " + b"y" * 20_000, id="too large"),
    pytest.param(b"no header at all\r\n", id="no header"),
    pytest.param(b"X : y\r\n", id="blank before the colon"),
    pytest.param(b"X: \x00\r\n", id="forbidden character"),
    pytest.param(b"Content-Length: many\r\n", id="no length"),
]


@pytest.mark.parametrize("size", [1, 64, 1 << 20])
@pytest.mark.parametrize("status", [301, 404, 502, 503])
@pytest.mark.parametrize("rest", BEHIND_THE_STATUS_LINE)
def test_rejected_by_the_status_line(rest: bytes, status: int, size: int) -> None:
    """A status is a rejection even if the head behind it is malformed (hazard F2.6)."""
    client = ClientHandshake(URL)
    error = outcome(client, b"HTTP/1.1 %d No\r\n%s\r\n" % (status, rest), size)
    assert type(error) is Rejected
    assert error.response == Response(status)
    assert error.__cause__ is not None
    assert error.request is client.request


@pytest.mark.parametrize("status", [100, 101, 200])
@pytest.mark.parametrize("rest", BEHIND_THE_STATUS_LINE[:-1])
def test_what_is_no_rejection(rest: bytes, status: int) -> None:
    """A status that is no refusal says nothing if its head is malformed."""
    answer = b"HTTP/1.1 %d x\r\n%s\r\n" % (status, rest)
    assert type(outcome(ClientHandshake(URL), answer)) is InvalidHandshake


@pytest.mark.parametrize("line", [b"HTTP/1.1 5030 x", b"HTTP/1.1 50", b"HTTP/1.1503 x"])
def test_no_status_line(line: bytes) -> None:
    """What is no status line has no status."""
    answer = line + b"\r\nno header\r\n\r\n"
    assert type(outcome(ClientHandshake(URL), answer)) is InvalidHandshake


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 403 x\r\nContent-Length: 2\r\n\r\nno",
        b"HTTP/1.1 403 x\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 204 x\r\n\r\n",
        b"HTTP/1.1 403 x\r\n\r\n" + b"x" * 100,
    ],
)
def test_rejected_at_once(answer: bytes) -> None:
    """A rejection whose body is complete, or long enough, does not wait for the stream to end."""
    with pytest.raises(Rejected):
        ClientHandshake(URL, limits=Limits(max_reject_body=100)).feed(answer)


def test_rejection_so_far() -> None:
    """A caller who will not wait for the rest of a body gets what there is."""
    client = ClientHandshake(URL)
    assert client.feed(b"HTTP/1.1 503 x\r\nRetry-After: 7\r\n") is None
    assert (client.rejected, client.rejection()) == (False, None)
    assert client.feed(b"\r\nbus") is None
    assert client.feed(b"y") is None
    assert client.rejected
    rejected = client.rejection()
    assert rejected is not None
    assert rejected.response.body == b"busy"
    assert rejected.retry_after == 7.0


@pytest.mark.parametrize(
    ("versions", "supported"),
    [(b"8, 7", ("8", "7")), (b"8\r\nSec-WebSocket-Version: 7", ("8", "7")), (b"14", ("14",))],
)
def test_other_versions(versions: bytes, supported: tuple[str, ...]) -> None:
    """A 426 that names other versions says which ones the server speaks."""
    answer = b"HTTP/1.1 426 x\r\nContent-Length: 0\r\nSec-WebSocket-Version: " + versions
    error = outcome(ClientHandshake(URL), answer + b"\r\n\r\n")
    assert isinstance(error, UnsupportedVersion)
    assert isinstance(error, Rejected)
    assert isinstance(error, InvalidHandshake)
    assert error.supported == supported
    assert error.response.status == 426
    assert "it speaks version 8, 7" in str(error) or supported == ("14",)


@pytest.mark.parametrize("line", [b"X: y", b"Sec-WebSocket-Version: 8, 13"])
def test_426_about_something_else(line: bytes) -> None:
    """A 426 that does not speak against version 13 is a rejection like any other."""
    error = outcome(ClientHandshake(URL), b"HTTP/1.1 426 x\r\n" + line + b"\r\n\r\n")
    assert type(error) is Rejected


def test_challenge() -> None:
    """A 401 shows its challenge."""
    answer = b'HTTP/1.1 401 x\r\nWWW-Authenticate: Basic realm="a"\r\nContent-Length: 0\r\n\r\n'
    assert 'Basic realm="a"' in str(outcome(ClientHandshake(URL), answer))


DATE = "Wed, 21 Oct 2015 07:28:00 GMT"


@pytest.mark.parametrize(
    ("text", "date", "seconds"),
    [
        ("0", None, 0.0),
        (" 120 ", None, 120.0),
        ("999999999", None, 999999999.0),
        ("9" * 4000, None, None),
        ("-1", None, None),
        ("1.5", None, None),
        ("٣", None, None),
        ("soon", None, None),
        ("", None, None),
        ("Wed, 21 Oct 2015 07:30:00 GMT", DATE, 120.0),
        ("Wed, 21 Oct 2015 07:00:00 GMT", DATE, 0.0),
        ("Wed, 21 Oct 2015 07:30:00 GMT", None, None),
        ("Wed, 21 Oct 2015 07:30:00 GMT", "now", None),
        ("Wed, 99 Oct 99999999999999999999 07:30:00 GMT", DATE, None),
    ],
)
def test_retry_after(text: str, date: str | None, seconds: float | None) -> None:
    """Retry-After is seconds, or a date that is counted from the response's own."""
    lines = [("Retry-After", text)] + ([("Date", date)] if date else [])
    assert retry_after(Headers(lines)) == seconds


GOOD = b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
BAD = b"HTTP/1.1 503 x\r\nRetry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\nDate: Wed, 21 Oct\r\n"
SPICE = [b"\r\n", b"\n", b":", b",", b"\x00", b"\xff", b"\x1b", b" ", b"\r\n\r\n"]
SPICE += [b"Sec-WebSocket-Protocol: ", b"Sec-WebSocket-Extensions: ", b"Transfer-Encoding: chunked"]
SPICE += [b"Content-Length: 5", b"Sec-WebSocket-Version: 8", b"101", b"100", b"426", b"204"]
CUTS = st.tuples(
    st.integers(0, 200), st.integers(0, 8), st.sampled_from(SPICE) | st.binary(max_size=4)
)


@given(
    st.sampled_from([GOOD, BAD]),
    st.lists(CUTS),
    st.integers(1, 200),
)
def test_mutated(answer: bytes, cuts: list[tuple[int, int, bytes]], size: int) -> None:
    """Whatever a server answers, it is accepted or one of our errors is raised (P10)."""
    client = ClientHandshake(URL, subprotocols=["a"], limits=Limits(max_reject_body=50))
    if answer is GOOD:
        key = client.request.headers["Sec-WebSocket-Key"].encode()
        answer += generate_accept_token(key) + b"\r\n"
    data = bytearray(answer + b"\r\nbody")
    for place, length, spice in cuts:
        data[place : place + length] = spice
    result = outcome(client, bytes(data), size)
    assert isinstance(result, Opening | WebSocketError)
    assert str(result)


@pytest.mark.parametrize(
    ("scheme", "hint"),
    [("ws", "the URL must begin with wss://"), ("wss", "a certificate of the client")],
)
def test_end_without_an_answer(scheme: str, hint: str) -> None:
    """A connection that just ends is named, and so is what may be behind it."""
    error = outcome(ClientHandshake(parse_url(f"{scheme}://me:hunter2@h/?hunter2")), b"")
    assert str(error).startswith(f"no connection to {scheme}://***@h/?***: the server ended it")
    assert hint in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize("status", [b"403 No", b"426 No\r\nSec-WebSocket-Version: 8", b"abc"])
def test_refusals_name_the_url(status: bytes) -> None:
    """What the server answered instead is told with the URL, its secrets hidden."""
    client = ClientHandshake(parse_url("ws://me:hunter2@h/?hunter2"))
    error = outcome(client, b"HTTP/1.1 " + status + b"\r\n\r\n")
    assert "ws://***@h/?***" in str(error)


def test_a_key_may_be_given() -> None:
    """It stands in the request, and is what the answer is held against."""
    handshake = ClientHandshake(parse_url("ws://example.com/"))
    drawn = handshake.request.headers["Sec-WebSocket-Key"]
    sent = handshake.request_bytes("AAAAAAAAAAAAAAAAAAAAAA==")
    assert drawn.encode() not in sent
    assert b"\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" in sent
    assert handshake.request.headers["Sec-WebSocket-Key"] == "AAAAAAAAAAAAAAAAAAAAAA=="
    assert handshake.request_bytes() == sent
    answer = (
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_token('AAAAAAAAAAAAAAAAAAAAAA==')}\r\n\r\n"
    )
    assert handshake.feed(answer.encode()) is not None
