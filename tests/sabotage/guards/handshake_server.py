"""The opening handshake: `server`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "a response that says more than the request tells is kept",
        "_handshake/server.py",
        "            plain=len(lines) == len(SWITCHES) + 1,\n",
        "            plain=True,\n",
        ("handshake/test_server.py::test_accept_with_headers",),
    ),
    Guard(
        "an upgrade is a GET",
        "_handshake/server.py",
        ('    if method != "GET":\n        raise Refusal(405, "A WebSocket is opened with GET."'),
        ('    if False:\n        raise Refusal(405, "A WebSocket is opened with GET."'),
        ("handshake/test_server.py::test_refused",),
    ),
    Guard(
        "an upgrade has the right Upgrade header",
        "_handshake/server.py",
        '    if "websocket" not in tokens(fields.get("upgrade", ())):',
        "    if False:",
        ("handshake/test_server.py::test_refused",),
    ),
    Guard(
        "an upgrade is HTTP/1.1",
        "_handshake/server.py",
        ('    if version < b"1.1":\n        raise Refusal(400, "A WebSocket needs'),
        ('    if False:\n        raise Refusal(400, "A WebSocket needs'),
        ("handshake/test_server.py::test_refused",),
    ),
    Guard(
        "an upgrade has the right Connection header",
        "_handshake/server.py",
        '    if "upgrade" not in tokens(fields.get("connection", ())):',
        "    if False:",
        ("handshake/test_server.py::test_refused",),
    ),
    Guard(
        "an upgrade has a Host",
        "_handshake/server.py",
        '    if not any(fields.get("host", ())):',
        "    if False:",
        ("handshake/test_server.py::test_refused",),
    ),
    Guard(
        "an upgrade has no body",
        "_handshake/server.py",
        (
            '    if "transfer-encoding" in fields or fields.get("content-length", '
            '["0"])[0].strip("0"):'
        ),
        "    if False:",
        ("handshake/test_server.py::test_refused",),
    ),
    Guard(
        "an upgrade has one key",
        "_handshake/server.py",
        '_check_key(_only(fields, "Sec-WebSocket-Key"))',
        '_check_key(fields["sec-websocket-key"][0])',
        ("handshake/test_server.py::test_refused",),
    ),
    Guard(
        "the version is 13",
        "_handshake/server.py",
        "    if version != VERSION:",
        "    if False:",
        ("handshake/test_server.py::test_refused",),
    ),
    Guard(
        "the key is strict base64",
        "_handshake/server.py",
        "base64.b64decode(key, validate=True)",
        "base64.b64decode(key)",
        ("handshake/test_server.py::test_refused",),
    ),
    Guard(
        "the key has 16 bytes",
        "_handshake/server.py",
        "    if len(nonce) != 16:",
        "    if not nonce:",
        ("handshake/test_server.py::test_refused",),
    ),
    Guard(
        "offered subprotocols are tokens",
        "_handshake/server.py",
        "    if not all(map(is_token, offers)):",
        "    if False:",
        ("handshake/test_server.py::test_refused",),
    ),
    Guard(
        "malformed extensions are refused",
        "_handshake/server.py",
        (
            "        except Malformed:\n"
            '            raise Refusal(400, "The Sec-WebSocket-Extensions header is malformed.")'
        ),
        ("        except Malformed:\n            raise Refusal(500, '')"),
        ("handshake/test_server.py::test_refused",),
    ),
    Guard(
        "a subprotocol that was not offered is not accepted",
        "_handshake/server.py",
        ('if subprotocol not in elements(self._fields.get("sec-websocket-protocol", ())):'),
        "if False:",
        ("handshake/test_server.py::test_subprotocols",),
    ),
    Guard(
        "a Host is well-formed",
        "_handshake/server.py",
        "    if not _HOST.fullmatch(host):",
        "    if False:",
        ("handshake/test_server.py::test_refused",),
    ),
    Guard(
        "two lengths of a body are refused",
        "_handshake/server.py",
        (
            '    if "transfer-encoding" in fields and ("content-length" in fields or '
            'version < b"1.1"):'
        ),
        "    if False:",
        ("handshake/test_server.py::test_refused",),
    ),
    Guard(
        "Host and target name the same host",
        "_handshake/server.py",
        "        if authority.lower() != host.lower():",
        "        if False:",
        ("handshake/test_server.py::test_refused",),
    ),
    Guard(
        "a target is a path",
        "_handshake/server.py",
        (
            '    if "#" in target or not (target.startswith("/") or (method, target) == '
            '("OPTIONS", "*")):'
        ),
        "    if False:",
        ("handshake/test_server.py::test_refused",),
    ),
    Guard(
        "bytes that are no HTTP are refused at once",
        "_handshake/server.py",
        "        if data and not 0x20 < data[0] < 0x7F:",
        "        if False:",
        ("handshake/test_server.py::test_refusal_keeps_alive",),
    ),
    Guard(
        "a refused upgrade ends the connection",
        "_handshake/server.py",
        (
            '            "websocket" in tokens(fields.get("upgrade", ()))\n'
            '            or "transfer-encoding"'
        ),
        '            "transfer-encoding"',
        ("handshake/test_server.py::test_closing",),
    ),
    Guard(
        "a large body is not skipped",
        "_handshake/server.py",
        "            or self._skip > MAX_SKIPPED_BODY\n",
        "",
        ("handshake/test_server.py::test_closing",),
    ),
    Guard(
        "a small body is skipped",
        "_handshake/server.py",
        "            self._skip -= len(self._heads.take(self._skip))",
        "            self._skip = 0",
        ("handshake/test_server.py::test_pipelining",),
    ),
    Guard(
        "a body that waits for 100 Continue ends the connection",
        "_handshake/server.py",
        '            or (self._skip > 0 and "expect" in fields)\n',
        "",
        ("handshake/test_server.py::test_closing",),
    ),
    Guard(
        "the peer's own words are not repeated",
        "_handshake/server.py",
        'why = str(exc).partition(":")[0]',
        "why = str(exc)",
        ("handshake/test_server.py::test_refusals_do_not_echo",),
    ),
    Guard(
        "what is pipelined behind the upgrade is kept",
        "_handshake/server.py",
        "            trailing=bytes(self._heads.data),\n            plain",
        "            plain",
        ("handshake/test_server.py::test_accept",),
    ),
    Guard(
        "a head with a stray character is kept from h11",
        "_handshake/server.py",
        "        if not is_fit(head):",
        "        if False:",
        ("handshake/test_server.py::test_refused",),
    ),
    Guard(
        "Transfer-Encoding is the library's own",
        "_handshake/server.py",
        "write_headers(response.headers, forbidden=_FRAMING)",
        "write_headers(response.headers)",
        ("handshake/test_server.py::test_unsendable",),
    ),
]
