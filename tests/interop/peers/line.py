"""The line protocol by which a test leads a peer, and what all Python peers share.

A peer is a process of its own.
It reads one JSON object per line from its standard input, which says what to ``do``,
and writes one per line to its standard output, which says what it ``saw``.
It leads one connection at a time, and ends when its input ends, so it never outlives the test run.

What a peer may be told:

====================  ============================================================
``listen``            serve on a free port of 127.0.0.1; answers ``listening``
``connect``           open a connection; ``open``, ``rejected`` or ``failed`` follows
``text`` ``binary``   send a message (``data``; binary in base64)
``fragments``         send one text message in ``parts``
``ping``              send a ping with ``data``; ``pong`` follows when it is answered
``close``             start the closing handshake with ``code`` and ``reason``
``abort``             drop the connection without one
``reset``             drop everything, and answer ``reset`` with the same ``tag``
====================  ============================================================

What it reports besides: ``text`` and ``binary`` (size, SHA-256 and number of frames where known),
``ping`` where its library shows them, ``close`` with the code and reason it was given,
and ``error`` for anything that it did not expect.
"""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import sys
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Facts = Mapping[str, Any]
Spawn = Callable[[Callable[[], Awaitable[None]]], object]

SLOW_WORDS = frozenset({"connect", "ping", "close"})
"""Words that wait for the other side; the next command does not wait for them."""


def report(saw: str, **facts: object) -> None:
    """Tell the test what happened."""
    print(json.dumps({"saw": saw, **facts}), flush=True)


def report_message(message: str | bytes, **facts: object) -> None:
    """Tell the test which message came, without repeating a mebibyte of it."""
    data = message.encode() if isinstance(message, str) else message
    kind = "text" if isinstance(message, str) else "binary"
    report(kind, size=len(data), sha256=hashlib.sha256(data).hexdigest(), **facts)


def show(payload: bytes) -> str:
    """The payload of a ping or pong, as it may be reported."""
    return bytes(payload).decode(errors="backslashreplace")


def unpack(data: str) -> bytes:
    """The bytes that a ``binary`` command carries."""
    return base64.b64decode(data)


def server_tls(tls: Facts | None) -> ssl.SSLContext | None:
    """A server's context from the files that the test names."""
    if tls is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls["chain"], tls["key"])
    return context


def client_tls(tls: Facts | None) -> ssl.SSLContext | None:
    """A client's context that trusts the authority which the test names."""
    return ssl.create_default_context(cafile=tls["authority"]) if tls else None


async def obey(peer: object, readline: Callable[[], Awaitable[bytes]], spawn: Spawn) -> None:
    """Carry out every command in order, until the input ends."""
    while line := await readline():
        command = json.loads(line)
        word = command.pop("do")

        async def carry_out(word: str = word, command: Facts = command) -> None:
            try:
                await getattr(peer, word)(**command)
            except Exception as error:
                report("error", error=f"{word}: {error!r}")

        if word in SLOW_WORDS:
            spawn(carry_out)
        else:
            await carry_out()


def read_line() -> bytes:
    """One line of standard input; blocks, so it is called in a thread."""
    return sys.stdin.buffer.readline()
