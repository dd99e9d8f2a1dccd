"""HTTP as h11 reads and writes it: heads that `fast_heads` leaves to it, bodies, and answers.

h11 is imported here and nowhere else, and this module only when it is needed:
its import takes 5 ms, and an upgrade about which there is nothing to decide does without.
None of h11's exceptions leaves it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import final

import h11

from .._errors import LocalProtocolError
from .fast_heads import Lines
from .http_head import InvalidHttp, RawLines, read_lines

_ANY_UPGRADE = [(b"Host", b"any"), (b"Upgrade", b"websocket"), (b"Connection", b"Upgrade")]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except h11.RemoteProtocolError as exc:
        raise InvalidHttp(str(exc), exc.error_status_hint) from exc


@final
class ResponseReader:
    """Reads what a server answers to an upgrade."""

    def __init__(self) -> None:
        self._http = h11.Connection(h11.CLIENT)
        self._http.send(h11.Request(method=b"GET", target=b"/", headers=_ANY_UPGRADE))
        self._http.send(h11.EndOfMessage())

    def read_head(self, head: bytes) -> tuple[int, bytes, Lines]:
        """Return the status, the version, such as ``b"1.1"``, and the headers of a whole head.

        Raises:
            InvalidHttp: it breaks the rules.
        """
        with _translated():
            self._http.receive_data(head)
            event = self._http.next_event()
        assert isinstance(event, h11.InformationalResponse | h11.Response)
        return event.status_code, event.http_version, read_lines(event.headers.raw_items())

    def read_body(self, data: bytes, into: bytearray, *, eof: bool) -> bool:
        """Take more of a body and append what it says; return True if that was all of it.

        Raises:
            InvalidHttp: it breaks off, or breaks the rules; what it said before is appended.
        """
        with _translated():
            if data:
                self._http.receive_data(data)
            if eof:
                self._http.receive_data(b"")
            while isinstance(event := self._http.next_event(), h11.Data):
                into += event.data
        return isinstance(event, h11.EndOfMessage)


@final
class RequestReader:
    """Reads the requests of a client, one after the other, and writes the answers."""

    def __init__(self) -> None:
        self._http = h11.Connection(h11.SERVER)

    def read_head(self, head: bytes) -> tuple[str, bytes, str, Lines]:
        """Return the method, the version, the target and the headers of a whole head.

        Raises:
            InvalidHttp: it breaks the rules.
        """
        with _translated():
            self._http.receive_data(head)
            event = self._http.next_event()
        assert isinstance(event, h11.Request)
        method, target = event.method.decode("ascii"), event.target.decode("ascii")
        return method, event.http_version, target, read_lines(event.headers.raw_items())

    def respond(self, status: int, lines: RawLines, reason: bytes, body: bytes) -> bytes:
        """Return the bytes of an answer to the request that was read last.

        Raises:
            LocalProtocolError: it cannot be sent: a bad header, a status that is none.
        """
        try:
            head = h11.Response(status_code=status, headers=lines, reason=reason)
        except h11.LocalProtocolError as exc:
            raise LocalProtocolError(f"the response cannot be sent: {exc}") from None
        data = self._http.send(head)
        if body:
            data += self._http.send(h11.Data(data=body))
        return data + self._http.send(h11.EndOfMessage())

    @property
    def reusable(self) -> bool:
        """Return True if another request may follow the answer."""
        return self._http.our_state is h11.DONE
