"""Asking an HTTP proxy for a tunnel (RFC 9110 §9.3.6): ``CONNECT host:port``.

Any 2xx opens the tunnel, and the bytes behind its head are the server's.
A server of ours speaks only when it is spoken to, so there must be none yet:
what is there is the proxy's own, and it must not be taken for the server's word.
Everything else is a refusal, and its body is read, since it tells people why.

The proxy is asked by name, so the name of the server is looked up there and not here.
"""

from __future__ import annotations

from .._errors import ProxyError, shown_body
from .._http import Request, Response
from .._policies import Limits
from .._proxy_url import ProxyURL
from .._text import printable
from .answers import AnswerReader, NotHttp
from .fast_heads import Lines
from .http_head import HeadTooLarge, InvalidHttp, write_head

TLS_ALERT = b"\x15"
"""The first byte of a TLS alert: the proxy expected TLS and got HTTP."""

PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, *range(520, 531)})
"""Refusals that may pass by themselves."""


class ProxyHandshake:
    """A tunnel that is asked for: send `request_bytes`, then `feed` until it is open.

    Attributes:
        request_bytes: the request to the proxy, for ``host:port``; it has no body.
    """

    def __init__(
        self,
        proxy: ProxyURL,
        authority: str,
        *,
        limits: Limits,
        user_agent: str | None = None,
        request: Request | None = None,
    ) -> None:
        self._proxy = proxy
        self._authority = authority
        self._request = request
        self._answer = AnswerReader(limits)
        lines: Lines = [("Host", self._authority)]
        if proxy.authorization:
            lines.append(("Proxy-Authorization", proxy.authorization))
        if user_agent:
            lines.append(("User-Agent", user_agent))
        self.request_bytes = write_head(f"CONNECT {self._authority} HTTP/1.1", lines)

    def feed(self, data: bytes) -> bool:
        """Take what arrived, ``b""`` at the end of the stream; return True if the tunnel is open.

        Raises:
            ProxyError: it refused, ended before it answered, or answered nonsense.
        """
        try:
            return self._feed(data)
        except NotHttp as exc:
            raise self.failure(self._what_it_speaks(exc.start), transient=False) from None
        except (InvalidHttp, HeadTooLarge) as exc:
            status = self._answer.status
            if status < 300:
                why = f"its answer is invalid: {printable(str(exc))}"
                raise self.failure(why, transient=False) from exc
            raise self.refusal() or self._refusal(Response(status)) from exc

    def _feed(self, data: bytes) -> bool:
        if self.refused:
            return self._end_body(complete=self._answer.feed_body(data, eof=not data))
        self._answer.feed(data)
        head = self._answer.next_head()
        if head is None:
            if not data:
                raise self.failure("it ended the connection before it answered", transient=True)
            return False
        if head.status == 101:
            raise self.failure("its answer is invalid: 101 to a CONNECT", transient=False)
        if head.status >= 300:
            return self._end_body(complete=self._answer.begin_body(head, eof=not data))
        if self._answer.rest():
            why = "it sent more than its answer, before the server could be asked"
            raise self.failure(why, transient=False)
        return True

    def _end_body(self, *, complete: bool) -> bool:
        """Raise a refusal whose body is complete or long enough."""
        refusal = self.refusal()
        assert refusal is not None
        if complete:
            raise refusal
        return False

    def _what_it_speaks(self, start: bytes) -> str:
        if start.startswith(TLS_ALERT) and self._proxy.scheme == "http":
            return "it speaks TLS, and its URL must begin with https://"
        return f"it does not speak HTTP/1.1, but says {printable(repr(start))}"

    @property
    def refused(self) -> bool:
        """Return True if the head of a refusal has come, and only its body is awaited."""
        return self._answer.refusal is not None

    def refusal(self) -> ProxyError | None:
        """Return the refusal with what arrived of its body; None if no such head came yet."""
        response = self._answer.refusal
        return None if response is None else self._refusal(response)

    def _refusal(self, response: Response) -> ProxyError:
        why = f"it answered {response.status}"
        if challenge := response.headers.get("Proxy-Authenticate"):
            why += f"; it asks for credentials: {printable(challenge)}"
        if response.body:
            why += f"; it says: {shown_body(response)}"
        return self.failure(why, transient=response.status in PASSING, response=response)

    def failure(
        self, why: str, *, transient: bool | None, response: Response | None = None
    ) -> ProxyError:
        """Return an error that names the proxy and the server."""
        return ProxyError(
            f"no tunnel to {self._authority} through the proxy {self._proxy}: {why}",
            request=self._request,
            transient=transient,
            response=response,
        )
