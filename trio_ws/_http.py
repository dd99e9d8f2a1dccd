"""The HTTP values that users meet: headers, a request, a response.

All of them are plain facts, frozen once made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

HeaderSource = Mapping[str, str] | Iterable[tuple[str, str]]
"""What may be given where headers are asked for: a mapping, or (name, value) pairs."""


class Headers(Mapping[str, str]):
    """HTTP headers: names without regard to case, repeated names allowed, order kept.

    ``headers[name]`` joins the values of a repeated name with ``", "`` (RFC 9110 §5.3);
    `get_all` gives them apart, `multi_items` gives every line in order.
    """

    __slots__ = ("_parts",)

    def __init__(self, source: HeaderSource = ()) -> None:
        # name, value, name, value …: every open connection keeps its headers, and a tuple of
        # pairs takes more than twice the memory.
        if isinstance(source, Headers):
            self._parts: tuple[str, ...] = source._parts
        else:
            lines = source.items() if isinstance(source, Mapping) else source
            self._parts = tuple([part for name, value in lines for part in (name, value)])

    def get_all(self, name: str) -> list[str]:
        """All values of `name`, in order; empty if it is absent."""
        wanted = name.lower()
        return [value for key, value in self._lines() if key.lower() == wanted]

    def multi_items(self) -> tuple[tuple[str, str], ...]:
        """Every header line as (name, value), in order."""
        return tuple(self._lines())

    def _lines(self) -> Iterator[tuple[str, str]]:
        return zip(self._parts[::2], self._parts[1::2], strict=True)

    def __getitem__(self, name: str) -> str:
        if values := self.get_all(name):
            return ", ".join(values)
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.get_all(name))

    def __iter__(self) -> Iterator[str]:
        return iter({key.lower(): key for key, _ in reversed(self.multi_items())}.values())

    def __len__(self) -> int:
        return len({key.lower() for key in self._parts[::2]})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Mapping):
            return NotImplemented
        return self._folded() == {str(name).lower(): value for name, value in other.items()}

    def __hash__(self) -> int:
        return hash(frozenset(self._folded().items()))

    def _folded(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.items()}

    def __repr__(self) -> str:
        return f"Headers({list(self._lines())!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request, as `on_request` sees it and as `WebSocket.request` keeps it.

    Attributes:
        method: ``"GET"`` for every upgrade.
        target: path and query as they stood in the request line.
        headers: every header, in order.
        remote_address: where it came from, as the socket tells it; None on other streams.
    """

    method: str
    target: str
    headers: Headers
    remote_address: object = None

    @property
    def path(self) -> str:
        """The target without its query; not percent-decoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, list[str]]:
        """The query's parameters, percent-decoded; a repeated one keeps all values."""
        return parse_qs(self.target.partition("?")[2], keep_blank_values=True)


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response: what `on_request` may answer, and what `Rejected` carries.

    `body` may be given as `str` (sent as UTF-8) or bytes; it is kept as bytes.
    ``Content-Length`` is added when the response is sent.
    """

    status: int
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    def __init__(self, status: int, headers: HeaderSource = (), body: str | bytes = b"") -> None:
        object.__setattr__(self, "status", status)
        object.__setattr__(self, "headers", Headers(headers))
        object.__setattr__(self, "body", body.encode() if isinstance(body, str) else body)
