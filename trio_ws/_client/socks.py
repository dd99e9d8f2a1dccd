"""Asking a SOCKS proxy for a connection; the protocol is that of python-socks.

python-socks is optional (the extra ``proxy``), and imported when it is first needed.
It would connect to the proxy by itself.  Here it is given a stream that exists,
so that a proxy is found, and given up, like any other host (`Network`).
It takes that from a proxy before the proxy, which is what `_Way` looks like.
"""

from __future__ import annotations

import math
from typing import Any

import trio

from .._concurrency.brief_thread import call_in_brief_thread
from .._errors import ProxyError
from .._http import Request
from .._proxy_url import ProxyURL
from .._text import printable
from .._url import authority_of
from .verdicts import is_transient

FINAL_CODES = frozenset({2, 7, 8})
"""Replies of SOCKS5 that no time heals: not allowed, not supported (RFC 1928 §6)."""

FINAL_CODES_OF_SOCKS4 = frozenset({92, 93})
"""The same of SOCKS4: it cannot learn, or doubts, which user we are."""


async def ask_socks_proxy(
    stream: trio.abc.Stream, proxy: ProxyURL, host: str, port: int, request: Request
) -> None:
    """Let a proxy, to which `stream` leads, connect to a server; then the stream is the server's.

    Raises:
        ProxyError: it refused, ended before it answered, or answered nonsense;
            or python-socks is not installed.
    """
    where = f"no tunnel to {authority_of(host, port)} through the proxy {proxy}"
    try:
        asking = await _asking(proxy, _Way(stream))
        await asking.connect(host.partition("%")[0], port, timeout=math.inf)
    except Exception as exc:  # whatever a proxy may bring python-socks to
        transient = _may_pass(exc)
        raise ProxyError(f"{where}: {_why(exc)}", request=request, transient=transient) from exc


async def _asking(proxy: ProxyURL, way: _Way) -> Any:
    """Return what python-socks asks a proxy with."""
    proxy_class, kinds = await call_in_brief_thread(_import)
    return proxy_class(
        kinds.SOCKS4 if proxy.scheme.startswith("socks4") else kinds.SOCKS5,
        host=proxy.host,
        port=proxy.port,
        username=proxy.user,
        password=proxy.password,
        rdns=proxy.looks_names_up,
        forward=way,
    )


def _import() -> tuple[Any, Any]:
    from python_socks import ProxyType
    from python_socks.async_.trio.v2 import Proxy

    return Proxy, ProxyType


class _Way:
    """The stream to the proxy, as python-socks wants it: something that connects to the proxy."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream

    async def connect(self, **_: object) -> _Way:
        """Connect to the proxy, which has been done."""
        await trio.lowlevel.checkpoint()
        return self

    async def write(self, data: bytes) -> None:
        """Send."""
        await self._stream.send_all(data)

    async def read_exactly(self, count: int) -> bytes:
        """Receive so many bytes, and none of those behind them."""
        data = bytearray()
        while len(data) < count:
            piece = await self._stream.receive_some(count - len(data))
            if not piece:
                raise EOFError("it ended the connection before it answered")
            data += piece
        return bytes(data)

    async def close(self) -> None:
        """Do nothing: the stream is closed where it was opened."""
        await trio.lowlevel.checkpoint()


def _why(error: Exception) -> str:
    if isinstance(error, ImportError):
        return "SOCKS needs python-socks: pip install 'trio-ws[proxy]'"
    cause = error.__cause__ if isinstance(error, trio.BrokenResourceError) else None
    return printable(str(cause or error) or type(error).__name__)


def _may_pass(error: Exception) -> bool | None:
    if isinstance(error, EOFError | trio.BrokenResourceError):
        return True
    if isinstance(error, OSError):  # the name of the server, where it is looked up here
        return is_transient(error)
    code = getattr(error, "error_code", None)
    return code is not None and code not in FINAL_CODES | FINAL_CODES_OF_SOCKS4
