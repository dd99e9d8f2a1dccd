"""Which proxy the environment names for a URL, read as the standard library reads it.

==========  =====================================================
``wss://``  ``wss_proxy``, ``https_proxy``, ``all_proxy``
``ws://``   ``ws_proxy``, ``http_proxy``, ``all_proxy``
==========  =====================================================

The first one that is set decides; of a name in both cases, the lower one.
``no_proxy`` names hosts that are connected to without: ``example.com`` means those below it, too,
``host:port`` one port, and ``*`` all.  Loopback is exempt only if it is named there.
On Windows and macOS, without such variables, it is the system's settings (`urllib.request`).

`urllib.request` takes long to import, and on Windows it may look names up.
So it runs in a thread, and only where there may be something to read.
"""

from __future__ import annotations

import sys

from .._concurrency.brief_thread import call_in_brief_thread
from .._errors import InvalidURL, ProxyError
from .._http import Request
from .._proxy_url import ProxyURL, parse_proxy
from .._url import URL, authority_of

SYSTEMS_WITH_SETTINGS = ("darwin", "win32")
"""Systems that have settings for proxies besides the environment."""


async def proxy_from_environment(url: URL, request: Request) -> ProxyURL | None:
    """Return the proxy for a URL, or None.

    Raises:
        ProxyError: what is named is no proxy; the message says where it is named.
    """
    if not _has_settings():
        return None
    found = await call_in_brief_thread(lambda: find_proxy(url))
    if found is None:
        return None
    name, text = found
    try:
        return parse_proxy(text)
    except InvalidURL as exc:
        raise ProxyError(
            f"no connection to {url}: the environment's {name}_proxy: {exc}",
            request=request,
            transient=False,
        ) from None


def _has_settings() -> bool:
    """Return True if there may be something to read; this is asked for each connection."""
    if sys.platform in SYSTEMS_WITH_SETTINGS:
        return True
    import posix  # not every system has it

    # The dict under `os.environ`, whose iterator is a generator and takes three times as long.
    return b"_proxy" in b" ".join(posix.environ).lower()


def find_proxy(url: URL) -> tuple[str, str] | None:
    """Return the name of the setting that decides, without ``_proxy``, and what it says."""
    from urllib.request import getproxies, proxy_bypass  # here: slow to import, and seldom needed

    proxies = getproxies()
    names = ("wss", "https", "all") if url.tls else ("ws", "http", "all")
    name = next((name for name in names if name in proxies), None)
    if name is None:
        return None
    # An IPv6 address may be named with brackets and without.
    # The port must stand behind both: the end of an address would be taken for it.
    hosts = (authority_of(url.host, url.port), f"{url.server_name}:{url.port}")
    return None if any(map(proxy_bypass, hosts)) else (name, proxies[name])
