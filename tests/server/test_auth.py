"""`basic_auth`: names and passwords before the upgrade."""

from __future__ import annotations

import base64
import hmac
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from trio_ws import (
    Headers,
    Rejected,
    Request,
    Response,
    Router,
    WebSocket,
    basic_auth,
    open_websocket_on,
)
from trio_ws._server import auth
from trio_ws._server.auth import read_credentials

from ..halls import Hall, serving

KNOWN = {"ada": "lovelace", "grüße": "pass:wörd", "y": "12"}
CHALLENGE = 'Basic realm="WebSocket", charset="UTF-8"'


def basic(text: str | bytes) -> str:
    """Write a header for a name and a password."""
    return "Basic " + base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def asked(*values: str) -> Request:
    headers = Headers([("Authorization", value) for value in values])
    return Request(method="GET", target="/", headers=headers)


async def tell_user(ws: WebSocket) -> None:
    await ws.send(ws.state["username"])


@pytest.mark.parametrize(
    ("user", "name"), [("ada:lovelace", "ada"), ("gr%C3%BC%C3%9Fe:pass%3Aw%C3%B6rd", "grüße")]
)
async def test_a_url_with_credentials(user: str, name: str, autojump_clock: object) -> None:
    """A client with name and password in its URL comes in, and the handler knows who it is."""
    async with serving(tell_user, on_request=basic_auth(credentials=KNOWN)) as hall:
        stream = hall.listener.connect()
        async with open_websocket_on(stream, f"ws://{user}@testserver/") as ws:
            assert await ws.receive() == name


WRONG = [
    *("", "Basic", "Basic ", "Basic  ", "Basic =", "Basic ====", "Basic !!!!", "Basic YWRh"),
    *("Bearer YWRhOmxvdmVsYWNl", "BasicYWRhOmxvdmVsYWNl", "Basic\tYWRhOmxvdmVsYWNl"),
    *("Digest username=ada", "YWRhOmxvdmVsYWNl", "Basic realm=x", "Basic, Basic"),
    basic("ada:lovelac"),
    basic("ada:lovelace "),
    basic("ada: lovelace"),
    basic("Ada:lovelace"),
    basic("ada:"),
    basic("ada"),
    basic(":lovelace"),
    basic(":"),
    basic("eve:lovelace"),
    basic("ada:lovelace\n"),
    basic("ada\x00:lovelace"),
    basic(b"gr\xfc\xdfe:pass:w\xf6rd"),
    basic(b"\xc0\xae:x"),
    basic("ada:lovelace") + "=",
    basic("ada:lovelace")[:-1],
    basic("ada:lovelace") + " x",
    basic("ada:lovelace") + ", x=y",
    basic("y:12").rstrip("="),
    basic("y:12")[:-1],
    basic("y:12") + "=",
    basic("y:12")[:-3] + "z==",
    "Basic " + "A" * 8000,
    "Basic \xff",
    "Basic YWRhOmxvd-ZSY_Nl",
]


@pytest.mark.parametrize("value", WRONG)
async def test_wrong(value: str, autojump_clock: object) -> None:
    """Whatever is missing, malformed or wrong gets the same answer, and no word of what it was."""
    async with serving(tell_user, on_request=basic_auth(credentials=KNOWN)) as hall:
        await check_refused(hall, f"Authorization: {value}")


async def check_refused(hall: Hall, *lines: str) -> None:
    """Ask and be refused."""
    status, headers, body = await hall.ask("GET", "/", *lines)
    assert (status, headers["WWW-Authenticate"]) == (401, CHALLENGE)
    assert body == b"Log in first.\n"


async def test_more_than_one(autojump_clock: object) -> None:
    """Two headers are two opinions about who this is: neither counts.  Nor does none."""
    right = f"Authorization: {basic('ada:lovelace')}"
    async with serving(tell_user, on_request=basic_auth(credentials=KNOWN)) as hall:
        await check_refused(hall, right, right)
        await check_refused(hall)
        assert (await hall.ask("GET", "/", right))[0] == 426


async def test_an_upgrade_is_refused(autojump_clock: object) -> None:
    """An upgrade is refused before the 101."""
    async with serving(tell_user, on_request=basic_auth(credentials=KNOWN)) as hall:
        with pytest.raises(Rejected, match="401") as caught:
            async with hall.open(headers={"Authorization": basic("ada:x")}):
                pass
        assert caught.value.response.headers["WWW-Authenticate"] == CHALLENGE


@pytest.mark.parametrize("scheme", ["Basic ", "basic ", "BASIC   "])
def test_schemes_know_no_case(scheme: str) -> None:
    """The scheme is read without regard to case, with blanks behind it (RFC 9110 §11)."""
    value = scheme + base64.b64encode(b"a:b:c").decode()
    assert read_credentials(asked(value).headers) == ("a", "b:c")


@pytest.mark.parametrize("text", ["a\x00:b", "a:b\n", "a:\x7f", "a\x85:b", "a:b\t"])
def test_control_characters(text: str) -> None:
    """A name or a password with a control character is none (RFC 7617 §2)."""
    assert read_credentials(asked(basic(text)).headers) is None


@given(st.text(), st.text())
def test_any_credentials(name: str, password: str) -> None:
    """What can be sent arrives as it was; what cannot does not arrive."""
    try:
        value = basic(f"{name}:{password}")
    except UnicodeEncodeError:
        return
    found = read_credentials(asked(value).headers)
    if found is not None:
        assert ":".join(found) == f"{name}:{password}"
        assert ":" not in found[0]
    else:
        assert any(
            ord(character) < 32 or 127 <= ord(character) < 160 for character in name + password
        )


@given(st.text())
def test_any_header(value: str) -> None:
    """No header makes it raise (P10)."""
    read_credentials(asked(value).headers)
    read_credentials(asked(f"Basic {value}").headers)


async def check_later(name: str, password: str) -> bool:
    await trio.sleep(1)
    return check_at_once(name, password)


def check_at_once(name: str, password: str) -> bool:
    return (name, password) == ("a", "b")


@pytest.mark.parametrize("check", [check_at_once, check_later])
async def test_a_function(check: Any, autojump_clock: trio.testing.MockClock) -> None:
    """A function may decide, in its own time; it is not asked about what is malformed."""
    log_in = basic_auth(check, realm='the "inner" \\ circle')
    request = asked(basic("a:b"))
    assert await log_in(request) is None
    assert request.state == {"username": "a"}
    wrong = asked(basic("a:c"))
    response = await log_in(wrong)
    assert response is not None
    assert wrong.state == {}
    challenge = r'Basic realm="the \"inner\" \\ circle", charset="UTF-8"'
    assert response.headers["WWW-Authenticate"] == challenge
    before = trio.current_time()
    assert await log_in(asked("Basic x")) is not None
    assert trio.current_time() == before


@pytest.mark.parametrize("returned", [None, 1, "yes", "", {"user": "ada"}])
async def test_a_function_must_decide(
    returned: Any, autojump_clock: object, caplog: pytest.LogCaptureFixture
) -> None:
    """What is neither True nor False lets nobody in: it is an error, 500, without the password."""
    log_in = basic_auth(lambda name, password: returned)
    async with serving(tell_user, on_request=log_in) as hall:
        status = (await hall.ask("GET", "/", f"Authorization: {basic('a:secret')}"))[0]
    assert status == 500
    assert "check must return True or False, not" in caplog.text
    assert "secret" not in caplog.text


def test_every_comparison_takes_the_same_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password is compared as a digest, in constant time, for unknown names, too."""
    compared = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return hmac.compare_digest(one, other)

    monkeypatch.setattr(auth, "compare_digest", compare)
    passwords = auth._Passwords(KNOWN)
    assert passwords.check("ada", "lovelace")
    assert not passwords.check("ada", "l")
    assert not passwords.check("eve", "x" * 1000)
    assert compared == [(32, 32)] * 3
    assert "lovelace" not in repr(vars(passwords))


async def test_some_paths_only(autojump_clock: object) -> None:
    """It is an async function, for an `on_request` of one's own to call."""
    log_in = basic_auth(credentials=KNOWN)

    async def on_request(request: Request) -> Response | None:
        return None if request.path == "/health" else await log_in(request)

    router = Router()
    router.get("/health")(lambda request: Response(200))
    router.get("/")(lambda request: Response.from_json(request.state))
    async with serving(router, on_request=on_request) as hall:
        assert (await hall.ask("GET", "/health"))[0] == 200
        assert (await hall.ask("GET", "/"))[0] == 401
        right = f"Authorization: {basic('ada:lovelace')}"
        assert (await hall.ask("GET", "/", right))[2] == b'{"username":"ada"}'


def test_a_copy_is_kept() -> None:
    """A change of the mapping afterwards changes nothing."""
    credentials = {"ada": "one"}
    passwords = auth._Passwords(credentials)
    credentials["ada"] = "two"
    assert passwords.check("ada", "one")


@pytest.mark.parametrize(
    ("arguments", "error", "why"),
    [
        ({}, TypeError, "takes one of check and credentials"),
        ({"check": print, "credentials": KNOWN}, TypeError, "takes one of check and credentials"),
        ({"check": 5}, TypeError, "check must be a function"),
        ({"check": {"a": "b"}}, TypeError, r"by name: basic_auth\(credentials=…\)"),
        ({"credentials": [("a", "b")]}, TypeError, "credentials must be a mapping, not"),
        ({"credentials": {}}, ValueError, "credentials must not be empty"),
        ({"credentials": {5: "a"}}, TypeError, "each name in credentials must be a str"),
        (
            {"credentials": {"a": b"secret"}},
            TypeError,
            "each password in credentials must be a str",
        ),
        ({"credentials": {"a": None}}, TypeError, "each password in credentials must be a str"),
        ({"credentials": {"a:b": "c"}}, ValueError, "without a colon, not 'a:b'"),
        ({"credentials": {"a\n": "c"}}, ValueError, "a name in credentials must be printable"),
        ({"credentials": {"\ud800": "c"}}, ValueError, "a name in credentials must be printable"),
        ({"credentials": {"a": ""}}, ValueError, "the password of 'a' in credentials is empty"),
        ({"credentials": {"a": "\ud800"}}, ValueError, "the password of 'a' in credentials"),
        ({"credentials": {"a": "secret\n"}}, ValueError, "the password of 'a' in credentials"),
        ({"check": print, "realm": 5}, TypeError, "realm must be a str"),
        ({"check": print, "realm": "a\nb"}, ValueError, "realm must be printable ASCII"),
        ({"check": print, "realm": "ü"}, ValueError, "realm must be printable ASCII"),
    ],
)
def test_no_authentication(arguments: Any, error: type[Exception], why: str) -> None:
    """What cannot work is refused where it is given, without the password."""
    with pytest.raises(error, match=why) as caught:
        basic_auth(**arguments)
    assert "secret" not in str(caught.value)
