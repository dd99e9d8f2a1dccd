"""What comes back when we have asked for something: answers of HTTP, as a client reads them.

A server answers an upgrade, and a proxy answers ``CONNECT``.
Both may send interim responses (1xx) first, which are skipped; then comes the head that counts.
What follows the head belongs to the connection, or is the body of a refusal.
Of a body only so much is kept as `Limits.max_reject_body` says.

A status line is known as soon as it is complete, whatever follows it:
a balancer in trouble may answer 503 with any head at all.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from .._http import Headers, Response, headers_of, received_response
from .._policies import Limits
from .fast_heads import Fields, Lines, by_name, is_fit, plain_switch
from .http_head import HeadBuffer, InvalidHttp

if TYPE_CHECKING:
    from .h11_codec import ResponseReader

MAX_INTERIM = 20
"""So many responses before the answer are skipped; no server has use for more."""

_MARK = b"HTTP/1."
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9][0-9]{2})[ \r\n]")


class NotHttp(Exception):
    """What came is no HTTP/1.1 at all; `start` is how it begins."""

    def __init__(self, start: bytes) -> None:
        super().__init__(start)
        self.start = start


class AnswerHead(NamedTuple):
    """The head that counts: 101, or a final status."""

    status: int
    version: bytes
    lines: Lines
    fields: Fields


class AnswerReader:
    """Reads one answer: `feed` and `next_head` up to its head, then `feed_body`.

    Attributes:
        status: that of the last status line; 0: none came yet.
    """

    def __init__(self, limits: Limits) -> None:
        self.status = 0
        self._heads = HeadBuffer(max_size=limits.max_handshake_size, max_headers=limits.max_headers)
        self._max_body = limits.max_reject_body
        self._interim = 0
        self._refusal: tuple[int, Headers] | None = None
        self._body = bytearray()

    def feed(self, data: bytes) -> None:
        """Take what arrived before the head was complete."""
        self._heads.feed(data)

    def next_head(self) -> AnswerHead | None:
        """Return the head that counts; None: more is needed.

        Raises:
            NotHttp, InvalidHttp, HeadTooLarge: there will be none.
        """
        while head := self._next():
            if plain := plain_switch(head):
                return AnswerHead(101, b"1.1", *plain)
            if not is_fit(head):
                raise InvalidHttp("it has a character that HTTP forbids", 400)
            status, version, lines = self._http.read_head(head)
            if status == 101 or status >= 200:
                return AnswerHead(status, version, lines, by_name(lines))
            self._interim += 1
            if self._interim > MAX_INTERIM:
                why = f"it sent more than {MAX_INTERIM} responses that are no answer"
                raise InvalidHttp(why, 400)
        return None

    def _next(self) -> bytes | None:
        start = bytes(self._heads.data[: len(_MARK)])
        if not _MARK.startswith(start):
            raise NotHttp(start)
        if line := _STATUS_LINE.match(self._heads.data):
            self.status = int(line[1])
        return self._heads.next_head()

    @cached_property
    def _http(self) -> ResponseReader:
        from .h11_codec import ResponseReader  # here: most answers do without h11

        return ResponseReader()

    def rest(self) -> bytes:
        """Return what came behind the head."""
        return bytes(self._heads.data)

    # The body of a refusal

    def begin_body(self, head: AnswerHead, *, eof: bool) -> bool:
        """Take an answer for a refusal, with what came behind its head; as `feed_body`."""
        self._refusal = head.status, headers_of(head.lines)
        return self.feed_body(self._heads.take(len(self._heads.data)), eof=eof)

    def feed_body(self, data: bytes, *, eof: bool) -> bool:
        """Take more of a body; return True if it is complete, or long enough.

        Raises:
            InvalidHttp: it breaks off, or breaks the rules; what it said before is kept.
        """
        complete = self._http.read_body(data, self._body, eof=eof)
        return complete or len(self._body) >= self._max_body

    @property
    def refusal(self) -> Response | None:
        """Return the refusal with what arrived of its body; None if no such head came yet."""
        if self._refusal is None:
            return None
        return received_response(*self._refusal, bytes(self._body[: self._max_body]))
