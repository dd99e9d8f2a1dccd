"""Asking a SOCKS proxy for a connection; the protocol is that of python-socks.

python-socks is optional (the extra ``proxy``), and imported when it is first needed.
It would connect to the proxy by itself.  Here it is given a stream that exists,
so that a proxy is found, and given up, like any other host (`Network`).
It takes a stream from a proxy before the proxy (``forward=``), which is what `_Way` looks like.
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
    lent = _LentStream(stream)
    try:
        asking = await _asking(proxy, lent)
        await asking.connect(host.partition("%")[0], port, timeout=math.inf)
    except Exception as exc:  # whatever a proxy may bring python-socks to
        why = "it ended the connection before it answered" if lent.ended else _why(exc)
        transient = lent.ended or _may_pass(exc)
        raise ProxyError(f"{where}: {why}", request=request, transient=transient) from exc


async def _asking(proxy: ProxyURL, stream: _LentStream) -> Any:
    """Return what python-socks asks a proxy with."""
    proxy_class, kinds, stream_class = await call_in_brief_thread(_import)
    return proxy_class(
        kinds.SOCKS4 if proxy.scheme.startswith("socks4") else kinds.SOCKS5,
        host=proxy.host,
        port=proxy.port,
        username=proxy.user,
        password=proxy.password,
        rdns=proxy.looks_names_up,
        forward=_Way(stream_class(stream)),
    )


def _import() -> tuple[Any, Any, Any]:
    from python_socks import ProxyType
    from python_socks.async_.trio.v2 import Proxy
    from python_socks.async_.trio.v2._stream import TrioSocketStream

    return Proxy, ProxyType, TrioSocketStream


class _Way:
    """What python-socks takes for a proxy before the proxy: it has been connected to."""

    def __init__(self, stream: object) -> None:
        self._stream = stream

    async def connect(self, **_: object) -> object:
        """Return the stream to the proxy."""
        await trio.lowlevel.checkpoint()
        return self._stream


class _LentStream(trio.abc.Stream):
    """The stream to the proxy; it is closed where it was opened, and not by python-socks.

    Attributes:
        ended: whether the proxy has ended it.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.ended = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until the stream takes something."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive; note the end."""
        data = await self._stream.receive_some(max_bytes)
        self.ended = not data
        return data

    async def aclose(self) -> None:
        """Do nothing."""
        await trio.lowlevel.checkpoint()


def _why(error: Exception) -> str:
    if isinstance(error, ImportError):
        return "SOCKS needs python-socks: pip install 'trio-ws[proxy]'"
    cause = error.__cause__ if isinstance(error, trio.BrokenResourceError) else None
    return printable(str(cause or error) or type(error).__name__)


def _may_pass(error: Exception) -> bool | None:
    if isinstance(error, trio.BrokenResourceError):
        return True
    if isinstance(error, OSError):  # the name of the server, where it is looked up here
        return is_transient(error)
    code = getattr(error, "error_code", None)
    return code is not None and code not in FINAL_CODES | FINAL_CODES_OF_SOCKS4
