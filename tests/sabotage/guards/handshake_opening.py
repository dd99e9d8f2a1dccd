"""The opening handshake: `opening`, `origins`, `redirects`, `proxy_connect`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "an offered subprotocol is a token",
        "_handshake/opening.py",
        "        if not is_token(name):",
        "        if False:",
        ("handshake/test_opening.py::test_bad_subprotocols",),
    ),
    Guard(
        "a subprotocol is offered once",
        "_handshake/opening.py",
        "    if len(set(names)) < len(names):",
        "    if False:",
        ("handshake/test_opening.py::test_bad_subprotocols",),
    ),
    Guard(
        "a key comes from the system's entropy",
        "_handshake/opening.py",
        "base64.b64encode(entropy(16))",
        "base64.b64encode(bytes(16))",
        ("handshake/test_client.py::test_a_key_may_be_given",),
    ),
    Guard(
        "a foreign page is refused",
        "_handshake/origins.py",
        (
            "return origin in self._listed or (self._same and _is_host(origin, "
            'headers.get("Host", "")))'
        ),
        "return True",
        ("handshake/test_origins.py::test_list",),
    ),
    Guard(
        "two origins are refused",
        "_handshake/origins.py",
        '        if len(headers.get_all("Origin")) > 1:',
        "        if False:",
        ("handshake/test_origins.py::test_repeated",),
    ),
    Guard(
        "an origin's pattern matches the whole of it",
        "_handshake/origins.py",
        "pattern.fullmatch(text)",
        "pattern.match(text)",
        ("handshake/test_origins.py::test_pattern",),
    ),
    Guard(
        "a strange scheme is not the same origin",
        "_handshake/origins.py",
        'return origin.scheme in ("http", "https") and',
        "return",
        ("handshake/test_origins.py::test_not_same",),
    ),
    Guard(
        "an origin that is not ASCII is none",
        "_handshake/origins.py",
        "origin = _parse(text) if text.isascii() else None",
        "origin = _parse(text)",
        ("handshake/test_origins.py::test_not_same",),
    ),
    Guard(
        "one text is not a list of origins",
        "_handshake/origins.py",
        "        if isinstance(origins, str):",
        "        if False:",
        ("handshake/test_origins.py::test_wrong_type",),
    ),
    Guard(
        "a circle of redirects ends",
        "_handshake/redirects.py",
        "        if circle:\n",
        "        if False:\n",
        ("handshake/test_redirects.py::test_circle",),
    ),
    Guard(
        "redirects have a number",
        "_handshake/redirects.py",
        "        if len(self._chain) > self._limit + 1:",
        "        if False:",
        ("handshake/test_redirects.py::test_too_many",),
    ),
    Guard(
        "a redirect never leaves TLS",
        "_handshake/redirects.py",
        "    if base.tls and not target.tls:",
        "    if False:",
        ("handshake/test_redirects.py::test_downgrade",),
    ),
    Guard(
        "credentials stay with their origin",
        "_handshake/redirects.py",
        "        self.strange |= target.origin != self.url.origin\n",
        "",
        ("handshake/test_redirects.py::test_another_origin",),
    ),
    Guard(
        "two Locations lead nowhere",
        "_handshake/redirects.py",
        "    if len(locations) != 1:",
        "    if not locations:",
        ("handshake/test_redirects.py::test_two_locations",),
    ),
    Guard(
        "a scheme that is no URL's is not followed",
        "_handshake/redirects.py",
        "        if scheme is None:",
        "        if False:",
        ("handshake/test_redirects.py::test_absurd_target",),
    ),
]
