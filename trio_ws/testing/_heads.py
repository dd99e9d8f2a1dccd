"""The head of an HTTP message, as a script or a transcript looks at it.

Like the codec of `RawPeer` this shares nothing with the library.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final


@final
@dataclass(frozen=True, slots=True)
class Head:
    """The head of a request or of a response.

    Attributes:
        first_line: the request line or the status line.
        headers: pairs of name and value, in order.
        raw: the bytes, blank line included.
    """

    first_line: str
    headers: tuple[tuple[str, str], ...]
    raw: bytes = field(repr=False)

    def get(self, name: str) -> str | None:
        """Return the value of the first header with this name, whatever its case, or None."""
        name = name.lower()
        return next((value for key, value in self.headers if key.lower() == name), None)

    @property
    def target(self) -> str:
        """Return path and query of a request."""
        return self.first_line.split(" ")[1]

    @property
    def status(self) -> int:
        """Return the status of a response."""
        return int(self.first_line.split(" ")[1])

    @property
    def is_upgrade(self) -> bool:
        """Return True if a request asks for a WebSocket."""
        return (self.get("Upgrade") or "").lower() == "websocket"


def read_head(data: bytes) -> Head:
    """Return the head in these bytes, which end with its blank line."""
    first, *lines = data.decode("latin-1").rstrip("\r\n").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return Head(first, tuple((name, value.strip()) for name, _, value in pairs), data)
