"""As much HTTP/1.1 as an opening handshake needs (RFC 9112).

A *head* is a start line, header lines and a blank line.
`HeadBuffer` collects one, and guards everything behind it:
it looks at each byte once however small the pieces are in which they arrive,
it stops at a size and at a number of lines, and it keeps what follows the head.
Only whole heads are parsed (`fast_heads`, and h11 for all others);
so h11 never buffers, never parses twice, and its own limits never matter.

Header values may hold any byte but control characters.
They are shown as Latin-1 text (RFC 9110 §5.5 has no better idea), which loses nothing
and never fails; what matters to the handshake is then required to be ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .._errors import LocalProtocolError
from .._http import Headers, HeaderSource, check_header
from .._text import printable
from .fast_heads import Lines

RawLines = list[tuple[bytes, bytes]]

_BLANK_LINE = re.compile(rb"\n\r?\n")


class HeadTooLarge(Exception):
    """A head that is larger, or has more lines, than `Limits` allows."""


class InvalidHttp(Exception):
    """What h11 says is wrong, and the status with which a server answers that."""

    def __init__(self, why: str, status: int) -> None:
        super().__init__(why)
        self.status = status


class HeadBuffer:
    """The bytes of one direction, from which heads are cut.

    Attributes:
        data: what has arrived and was not cut off; the owner may take from its front.
    """

    def __init__(self, *, max_size: int, max_headers: int) -> None:
        self.data = bytearray()
        self._max_size = max_size
        self._max_headers = max_headers
        self._searched = 0

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self.data += data

    def next_head(self) -> bytes | None:
        """Cut the next head off, its blank line included; None while it is incomplete."""
        found = _BLANK_LINE.search(self.data, max(0, self._searched - 2))
        self._searched = len(self.data)
        size = found.end() if found else len(self.data)
        if size > self._max_size:
            raise HeadTooLarge(f"its head is larger than {self._max_size} bytes")
        if found is None:
            return None
        head = self.take(size)
        if head.count(b"\n") - 2 > self._max_headers:
            raise HeadTooLarge(f"it has more than {self._max_headers} header lines")
        return head

    def take(self, size: int) -> bytes:
        """Cut `size` bytes off, or as many as there are."""
        taken = bytes(self.data[:size])
        del self.data[:size]
        self._searched = 0
        return taken


def read_lines(lines: Iterable[tuple[bytes, bytes]]) -> Lines:
    """Return header lines as text that h11 read as bytes."""
    return [(name.decode("latin-1"), value.decode("latin-1")) for name, value in lines]


def write_head(start: str, lines: Lines) -> bytes:
    """Return a head, made of lines that are known to be well-formed."""
    block = "".join([f"{name}: {value}\r\n" for name, value in lines])
    return f"{start}\r\n{block}\r\n".encode("latin-1")


def write_headers(source: HeaderSource, *, forbidden: frozenset[str] = frozenset()) -> RawLines:
    """Return `checked_lines` as h11 wants them."""
    lines = checked_lines(source, forbidden=forbidden)
    return [(name.encode("ascii"), value.encode("latin-1")) for name, value in lines]


def checked_lines(source: HeaderSource, *, forbidden: frozenset[str] = frozenset()) -> Lines:
    """Return the header lines of a caller, checked so that nothing is smuggled into the head.

    Raises:
        LocalProtocolError: a name is no token or is `forbidden` (lower-case names),
            a value has control characters or is not Latin-1.
    """
    return [checked_line(*line, forbidden) for line in Headers(source).multi_items()]


def checked_line(name: str, value: str, forbidden: frozenset[str] = frozenset()) -> tuple[str, str]:
    """Return one header line, checked as `checked_lines` are."""
    if name.lower() in forbidden:
        raise LocalProtocolError(f"the header {printable(name)} is the library's own business")
    try:
        check_header(name, value)
    except ValueError as error:
        raise LocalProtocolError(str(error)) from None
    return name, value.strip(" \t")


def elements(values: Iterable[str]) -> list[str]:
    """Return the elements of a header that is a list, over all its lines (RFC 9110 §5.6.1)."""
    return [piece for value in values for part in value.split(",") if (piece := part.strip(" \t"))]


def tokens(values: Iterable[str]) -> list[str]:
    """Return `elements` in lower case: for headers whose words know no case."""
    return elements([",".join(values).lower()])
