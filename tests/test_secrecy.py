"""`tests.secrecy`: the watch sees what shows the secret, wherever the library says it."""

from __future__ import annotations

import ast
import base64
import logging
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from trio_ws import HandshakeError, Headers, InvalidURL
from trio_ws._log import Log
from trio_ws._url import parse_url

from .secrecy import QUERY, SECRET, USERINFO, watch

pytest_plugins = ["pytester"]

HERE = Path(__file__).parent


@pytest.mark.parametrize("before", ["", "x", "me:", "user:"])
def test_forms(before: str) -> None:
    """The secret is recognised plain and in Base64, whatever stands around it."""
    coded = base64.b64encode(f"{before}{SECRET} and more".encode()).decode()
    for text in (f"{before}{SECRET}!", f"Basic {coded}"):
        with watch.catching() as shown:
            watch.look("here", text, "harmless")
        assert shown == [f"here: {text}"]


def test_lines_of_the_log() -> None:
    """A line of the log is seen, its level be shown or not, and the error that comes with it."""
    log = Log("trio_ws.client")
    assert not log.shows(logging.DEBUG)
    with watch.catching() as shown:
        log.debug("connecting to %s", f"ws://{USERINFO}h/")
        log.error("failed", error=ZeroDivisionError(SECRET))
    assert [line.partition(":")[0] for line in shown][:1] == ["log trio_ws.client"]
    assert any("ZeroDivisionError" in line for line in shown)


def test_errors_of_ours() -> None:
    """An exception of the library is seen when it is made, also if it is never caught."""
    with watch.catching() as shown:
        HandshakeError(f"no connection to ws://h/{QUERY}")
    assert shown == [f"HandshakeError: no connection to ws://h/{QUERY}"]


def test_errors_that_are_caught() -> None:
    """Whatever a test catches is looked at, with its notes, causes and members."""
    error = ExceptionGroup("several", [KeyError("x")])
    error.add_note(SECRET)
    error.exceptions[0].__cause__ = ValueError(f"token={SECRET}")
    with watch.catching() as shown:
        with pytest.raises(ExceptionGroup):  # noqa: ASYNC401 - both ways are watched
            raise error
        with pytest.RaisesGroup(KeyError):
            raise error
    assert len(shown) >= 4


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python tells of it since 3.12")
def test_errors_on_their_way() -> None:
    """An exception that leaves the library is seen, whatever becomes of it."""

    class Broken(dict[str, str]):
        def items(self) -> Iterator[object]:  # type: ignore[override]
            raise LookupError(SECRET)

    with watch.catching() as shown, suppress(LookupError):
        Headers(Broken())
    assert any(line.startswith("LookupError") for line in shown)


def test_a_test_that_shows_it_fails(pytester: pytest.Pytester) -> None:
    """A test during which the secret is shown fails, and says where; the next one does not."""
    for name in ("__init__.py", "conftest.py", "secrecy.py"):
        pytester.path.joinpath("tests").mkdir(exist_ok=True)
        text = (HERE / name).read_text(encoding="utf-8")
        pytester.path.joinpath("tests", name).write_text(text, encoding="utf-8")
    pytester.path.joinpath("tests", "test_it.py").write_text(
        "import logging\n"
        "def test_shows(): logging.getLogger('trio_ws.client').log(10, 'hunter2', stacklevel=1)\n"
        "def test_shows_nothing(): logging.getLogger('trio_ws.client').log(10, 'x', stacklevel=1)\n"
    )
    done = pytester.runpytest_subprocess("-p", "no:trio_ws", "--import-mode=importlib", "tests")
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["*log trio_ws.client: hunter2*"])


def test_what_is_redacted() -> None:
    """A URL shows neither its credentials nor its query; if it did, this would be seen."""
    url = parse_url(f"ws://{USERINFO}h/{QUERY}")
    with watch.catching() as shown:
        Log("trio_ws.client").debug("connecting to %s", url)
        with pytest.raises(InvalidURL):
            parse_url(f"ws://{USERINFO}h:0/{QUERY}")
    assert shown == []
    assert url.authorization is not None
    with watch.catching() as shown:
        watch.look("here", url.authorization, url.target)
    assert len(shown) == 2


# Where secrets stand in tests, it is this one

IN_URLS = re.compile(
    r"\b(?:ws|http)s?://[^/@\s\"'{}]+@|[?&](?:token|ticket|key|auth)=[^&\"'\s{}#]+"
)
IN_HEADERS = re.compile(r"\b(?:Authorization|(?:Set-)?Cookie): ?[^\\\"'{}\r\n]+")
HEADERS = {"authorization", "cookie", "set-cookie"}

NO_SECRETS = re.compile(
    r"https?|wss?|Authorization|Bearer|Basic|Cookie|session|token|ticket|route|server|nonsense|example|bmV3Om5ldw"
)
"""What stands there besides, and may be seen."""

A_SECRET = re.compile(r"[A-Za-z0-9]{5,}")
"""A shorter word would be found by chance."""

ELSEWHERE = {
    "mutations.py": "bytes that are spoilt, for parsers alone",
    "test_url.py": "the parts of a URL, one by one",
    "test_rules.py": "what `trio-ws handshake` shows, and hides",
    "test_browser.py": "a browser's own cookies",
    "test_fast_heads.py": "heads of one letter, for a parser alone",
    "test_where.py": "a URL that is taken apart",
    "test_snippets_server.py": "the tokens of a snippet",
    "test_docs_supervision.py": "the tokens of a snippet",
    "typed_api.py": "what is never run",
    "test_connect.py": "the encoding of credentials, byte by byte",
    "test_examples.py": "what an example says",
    "test_secrecy.py": "the rule itself",
}
"""Tests that are about the secret as such, or of which nothing is ever said."""


def secrets_of(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield what stands where secrets stand: in URLs, in header lines, beside headers' names."""
    for node in ast.walk(tree):
        pairs: Iterable[tuple[ast.expr | None, ast.expr]] = ()
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
        elif isinstance(node, ast.Tuple) and len(node.elts) == 2:
            pairs = [(node.elts[0], node.elts[1])]
        for name, value in pairs:
            if text_of(name).lower() in HEADERS and text_of(value):
                yield value.lineno, text_of(value)
        for pattern in (IN_URLS, IN_HEADERS):
            for match in pattern.finditer(text_of(node)):
                yield getattr(node, "lineno", 0), match[0]


def text_of(node: ast.AST | None) -> str:
    """Return a literal text; empty for everything else."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
        value = node.value
        return value if isinstance(value, str) else value.decode("latin-1")
    return ""


def files() -> list[Path]:
    """List the tests' files, without what `install.py` puts beside them in `.cache`."""
    hidden = re.compile(r"(^|/)(\.|node_modules/)")
    paths = [path.relative_to(HERE) for path in HERE.rglob("*.py")]
    return sorted(HERE / path for path in paths if not hidden.search(path.as_posix()))


def test_secrets_of_the_tests_are_this_one() -> None:
    """A test that needs a password, a token or a cookie takes the word that is watched."""
    coded = base64.b64encode(b"me:" + SECRET.encode()).decode()
    allowed = re.compile(rf"{SECRET}|{re.escape(coded)}")
    found = [
        f"{path.relative_to(HERE)}:{line}: {text}"
        for path in files()
        if path.name not in ELSEWHERE
        for line, text in secrets_of(ast.parse(path.read_text(encoding="utf-8")))
        if A_SECRET.search(NO_SECRETS.sub("", text)) and not allowed.search(text)
    ]
    assert found == []


def test_exceptions_to_the_rule_exist() -> None:
    """No file stands in the list that is gone, or that needs no exception."""
    assert {path.name for path in files()} >= set(ELSEWHERE)
