"""Good bytes, spoilt by chance: what a hostile or broken peer may send (HAZARDS D6).

`play` tries many examples, each of which takes all its chance from one number.
The numbers begin with 0, so every run tries the same;
to try others, set the environment variable ``MUTATIONS_FROM`` to where they shall begin.
A failure tells the number of its example, and beginning there repeats it first.
"""

from __future__ import annotations

import os
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random

from trio_ws.testing import Frame
from trio_ws.testing._peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, encode

FIRST = int(os.environ.get("MUTATIONS_FROM", "0"))


def play(example: Callable[[Random], str], count: int) -> Counter[str]:
    """Try so many examples; return how many of them came out in which way."""
    outcomes: Counter[str] = Counter()
    for number in range(FIRST, FIRST + count):
        try:
            outcomes[example(Random(number))] += 1
        except BaseException as error:
            error.add_note(told(number))
            raise
    return outcomes


def told(number: int) -> str:
    """How to repeat an example."""
    return f"example {number}; to begin with it, set MUTATIONS_FROM={number}"


# Mutations

SPICE = [b"\r\n", b"\n", b"\r", b":", b",", b";", b" ", b"\t", b"\x00", b"\x1b", b"\xff"]
SPICE += [b"\xc3\xa9", b"\r\n\r\n", b"\r\n x", b"HTTP/1.1", b"HTTP/1.0", b"HTTP/2.0"]
SPICE += [b"GET", b"POST", b"HEAD", b"CONNECT", b"OPTIONS"]
SPICE += [b"http://", b"#", b"%", b"[::1]", b"xn--", b"websocket", b"Upgrade", b"13", b"8", b"="]
SPICE += [b"Host: ", b"Origin: ", b"Sec-WebSocket-Key: ", b"Sec-WebSocket-Version: "]
SPICE += [b"Sec-WebSocket-Accept: ", b"Sec-WebSocket-Protocol: ", b"Sec-WebSocket-Extensions: "]
SPICE += [b"Content-Length: ", b"Transfer-Encoding: chunked", b"Expect: 100-continue"]
SPICE += [b"permessage-deflate", b"client_max_window_bits", b"server_max_window_bits=10"]
SPICE += [b"server_no_context_takeover", b'"', b"\xc1", b"\xc2", b"\x00\x00\xff\xff", b"\x03\x00"]
SPICE += [b"Retry-After: ", b"Date: ", b"100", b"101", b"204", b"426", b"503", b"9" * 30]
SPICE += [b"X: y\r\n" * 30, b"x" * 3000]
SPICE += [b"\x88\x00", b"\x88\x02\x03\xf6", b"\x89\x7e\x00\x80", b"\x00", b"\x80", b"\x01", b"\x81"]
SPICE += [b"\x7e\xff\xff", b"\x7f" + b"\x00" * 8, b"\x7f" + b"\xff" * 8, b"\xed\xa0\x80", b"\xc3"]
"""What the parsers on the way take for something: words of HTTP, headers of frames, bad UTF-8."""

PATH_SPICE = [b"%2F", b"%2f..", b"%2e%2e", b"/../", b"/./", b"//", b"%00", b"%25", b"%c0%af"]
PATH_SPICE += [b"%ff", b"%C3%A4", b"%ed%a0%80", b"\\", b"%5C", b"%0d%0a", b"%zz", b"%", b"0"]
PATH_SPICE += [b"9" * 18, b"/", b"?", b"#", b";", b"Basic ", b":", b"=", b" ", b"\t", b"\xff"]
PATH_SPICE += [b"\r\nAuthorization: ", b"x" * 3000]
"""The same of those that read paths and credentials."""


def mutated(chance: Random, data: bytes, spice: Sequence[bytes] = SPICE) -> bytes:
    """The same bytes, some of them changed, lost, repeated, moved or added."""
    for _ in range(chance.choice([1, 1, 1, 1, 2, 4])):
        data = chance.choice([_spliced, _spliced, _spliced, _exchanged])(chance, data, spice)
    return data if chance.random() < 0.9 else data[: chance.randrange(len(data) + 1)]


def _spliced(chance: Random, data: bytes, spice: Sequence[bytes]) -> bytes:
    place, there = chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)
    size = chance.choice([0, 1, 1, 1, 2, 4, 20])
    put = chance.choice([chance.randbytes(size), chance.choice(spice), data[there:][:size]])
    return data[:place] + put + data[place + chance.choice([0, len(put), size]) :]


def _exchanged(chance: Random, data: bytes, spice: Sequence[bytes]) -> bytes:
    words = [word for word in spice if word in data]
    return data.replace(chance.choice(words), chance.choice(spice), 1) if words else data


def chunks(chance: Random, data: bytes) -> list[bytes]:
    """The same bytes as they may arrive: at once, in a few pieces, or in many small ones."""
    places: Sequence[int] = range(0, len(data), chance.choice([1 << 20, 1 + len(data) // 100]))
    if chance.random() < 0.5:
        places = sorted(chance.randrange(len(data) + 1) for _ in range(4))
    return [piece for start, end in pairwise([0, *places, len(data)]) if (piece := data[start:end])]


# Frames


def conversations(*, to_server: bool) -> list[bytes]:
    """What a peer may say that keeps the rules, in frames with masks that are always the same."""

    def frame(opcode: int, payload: bytes = b"", *, fin: bool = True) -> bytes:
        data = encode(Frame(opcode, payload, fin))
        return _mask(data, len(data) - len(payload)) if to_server else data

    hello, euro = frame(TEXT, b"hello"), frame(TEXT, "10 \u20ac".encode())
    parts = frame(TEXT, b"a\xe2", fin=False), frame(CONTINUATION, b"\x82\xac")
    blobs = frame(BINARY, b"\xff" * 3, fin=False), frame(CONTINUATION, fin=False)
    ping, pong, bye = frame(PING, b"p"), frame(PONG), frame(CLOSE, b"\x03\xe8bye")
    return [
        hello + ping + euro + bye,
        b"".join([parts[0], ping, parts[1], hello]),
        b"".join([*blobs, pong, frame(CONTINUATION, b"\x00"), frame(CLOSE)]),
        frame(TEXT, fin=False) + frame(CONTINUATION, b"x", fin=False) * 6 + parts[1] + pong,
        hello * 20 + ping * 20 + frame(CLOSE, b"\x03\xf6"),
        frame(BINARY, bytes(125)) + frame(PING, bytes(125)) + frame(BINARY, bytes(126)) + hello,
        frame(TEXT, "\u00e4".encode() * 500) + euro + frame(CLOSE, b"\x0f\xa0" + bytes(123)),
        frame(BINARY, b"x" * 65_536) + hello,
    ]


def _mask(data: bytes, start: int, key: bytes = b"\x12\xf8\x57\x9c") -> bytes:
    payload = bytes(byte ^ key[i % 4] for i, byte in enumerate(data[start:]))
    return bytes([data[0], data[1] | 0x80]) + data[2:start] + key + payload


def compressed_conversations(*, to_server: bool) -> list[bytes]:
    """What a peer may say that keeps the rules, and compresses (RFC 7692)."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, -12)

    def frame(opcode: int, message: bytes, *, fin: bool = True, rsv: int = 4) -> bytes:
        payload = message
        if rsv or opcode == CONTINUATION:
            payload = compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH)
            payload = payload[:-4] if fin else payload
        data = encode(Frame(opcode, payload, fin, rsv))
        return _mask(data, len(data) - len(payload)) if to_server else data

    hello = frame(TEXT, b"hello, hello, hello")
    parts = (
        frame(TEXT, b"a\xe2", fin=False)
        + frame(PING, b"", rsv=0)
        + frame(CONTINUATION, b"\x82\xac", rsv=0)
    )
    plain, bye = frame(TEXT, b"plain", rsv=0), frame(CLOSE, b"\x03\xe8bye", rsv=0)
    return [
        hello + plain + parts + bye,
        parts + hello + frame(BINARY, bytes(60_000)) + hello,
        frame(BINARY, bytes(70_000)) + plain,
        frame(TEXT, b"") + frame(TEXT, b"x" * 300) + frame(TEXT, b"x" * 300) + plain,
    ]


COMPRESSED_TO_CLIENT = compressed_conversations(to_server=False)
COMPRESSED_TO_SERVER = compressed_conversations(to_server=True)

TO_CLIENT, TO_SERVER = conversations(to_server=False), conversations(to_server=True)


# Handshakes

UPGRADE = (
    b"GET /chat?room=1 HTTP/1.1\r\nHost: testserver\r\nUpgrade: websocket\r\n"
    b"Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\n%s\r\n"
)
REQUESTS = [
    UPGRADE % b"" + TO_SERVER[0],
    UPGRADE % b"Sec-WebSocket-Protocol: a, b\r\nOrigin: http://testserver\r\n" + TO_SERVER[1],
    *(
        UPGRADE % b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" + said
        for said in COMPRESSED_TO_SERVER[:2]
    ),
    UPGRADE
    % b'Sec-WebSocket-Extensions: x-a; b="c", permessage-deflate; server_max_window_bits=9,\r\n'
    b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover\r\n",
    UPGRADE.replace(b"/chat", b"http://testserver:80/chat").replace(b"server\r", b"server:80\r")
    % b"User-Agent: me\r\n",
    b"GET /health HTTP/1.1\r\nHost: a\r\n\r\n" + UPGRADE % b"Cookie: a=b\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde" + UPGRADE % b"",
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
    b"HEAD / HTTP/1.0\r\n\r\n" + UPGRADE % b"",
]
"""What a client may send: to be upgraded, or something else."""

TARGETS = [
    *(b"/", b"/chat/", b"/lobby", b"/lobby?seat=5", b"/rooms/lobby/12", b"/rooms/gr%C3%BCn/0"),
    *(b"/files/a/b/c.txt", b"/files/%61/%25/%20x", b"/files/a/", b"/rooms/%F0%9F%98%80/99?x=%2F"),
    *(b"/health", b"/%68ealth", b"/rooms/lobby/info", b"/pages/a/b", b"/pages/a", b"/123456"),
    *(b"/rooms/a%2Fb/1", b"/files/../health", b"/files/%2e%2e/x", b"/rooms//5", b"/files/%00"),
    *(b"/%252e%252e/x", b"/files/%c0%ae%c0%ae/x", b"/rooms/a/" + b"9" * 19, b"http://a/health"),
    *(b"/" + b"x/" * 300, b"/files/" + b"a/" * 200 + b"b", b"/pages/%E2%82%AC/" + b"%41" * 100),
]
"""Targets that lead somewhere in a router, and some that nearly do."""

ROUTED = [
    b"GET %s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n",
    b"HEAD %s HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
]
"""Requests for such a target."""

AUTHORIZATIONS = [
    b"Authorization: Basic " + token
    for token in (
        b"YWRhOmxvdmVsYWNl",
        b"YTpi",
        b"YTpiYw==",
        b"YTpiY2Q=",
        b"Z3LDvMOfZTpww7Y=",
        b"Og==",
    )
]
AUTHORIZATIONS += [b"authorization:BASIC  YTpiYw==\r\nX: y", b"Authorization: Bearer abc"]
AUTHORIZATIONS += [b"Authorization: Basic YTpi\r\nAuthorization: Basic YTpi", b"X: y"]
"""Header lines with a name and a password, and some without."""

ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: %s\r\n%s\r\n"
)
DATES = b"Wed, 21 Oct 2015 07:30:00 GMT", b"Wed, 21 Oct 2015 07:28:00 GMT"
ANSWERS = [
    *(ACCEPTED % (b"<accept>", b"") + frames for frames in TO_CLIENT[:3]),
    ACCEPTED % (b"<accept>", b"Sec-WebSocket-Protocol: a\r\nServer: x\r\n") + TO_CLIENT[1],
    *(
        ACCEPTED % (b"<accept>", b"Sec-WebSocket-Extensions: %s\r\n" % chosen) + said
        for said in COMPRESSED_TO_CLIENT[:2]
        for chosen in (
            b"permessage-deflate",
            b"permessage-deflate; server_max_window_bits=12; client_max_window_bits=10",
        )
    ),
    b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ACCEPTED % (b"<accept>", b"Date: x\r\n"),
    b"HTTP/1.1 503 No\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy",
    b"HTTP/1.1 503 No\r\nRetry-After: %s\r\nDate: %s\r\n\r\nuntil the end" % DATES,
    b"HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nno,\r\n3\r\n no\r\n0\r\n\r\n",
    b"HTTP/1.1 426 No\r\nSec-WebSocket-Version: 8, 7\r\nContent-Length: 0\r\n\r\n",
    b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="a"\r\nLocation: /login\r\n\r\n',
]
"""What a server may answer; ``<accept>`` stands for the token that answers the client's key."""

LOCATIONS = [
    *(b"http://b.example/there?x=1", b"https://testserver/chat", b"ws://[::1]:8765/", b"/there"),
    *(b"//b.example:80/x/../y", b"../up?x", b"?room=2", b"wss://xn--bcher-kva.example/%C3%A9"),
    *(b"http://me:pw@b.example/", b"javascript:alert(1)", b"ws://a.example./x#y", b"./a//b/"),
]
"""Where a redirect may lead, and where it may not."""

LOCATION_SPICE = [*SPICE, b"//", b"/", b"@", b"..", b"\\", b"?", b"://", b"wss:", b"ws:", b"https:"]
LOCATION_SPICE += [b"testserver", b"%2f", b"[", b"]", b"%00", b":0", b":99999", b"x" * 300]

TUNNELS = [
    b"HTTP/1.1 200 Connection established\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nVia: 1.1 proxy\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 x\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=a\r\nContent-Length: 3\r\n\r\nwho",
    b"HTTP/1.1 503 No\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nno,\r\n0\r\n\r\n",
    b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\n\r\n<h1>until the end</h1>",
]
"""What a proxy may answer to ``CONNECT``."""
