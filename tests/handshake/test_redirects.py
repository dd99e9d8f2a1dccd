"""`trio_ws._handshake.redirects`: where a redirect leads, and what may be sent there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws import Headers, Request, Response, TooManyRedirects
from trio_ws._handshake.redirects import MAX_SHOWN, STATUSES, NotFollowed, Trail, redirect_target
from trio_ws._url import URL, parse_url

REQUEST = Request(method="GET", target="/", headers=Headers())
BASE = parse_url("ws://me:hunter2@a.example/dir/page?token=hunter2")
SECURE = parse_url("wss://a.example:8443/dir/page")


def to(location: str, status: int = 302) -> Response:
    """A redirect."""
    return Response(status, {"Location": location})


def target_of(location: str, base: URL = BASE) -> URL:
    return redirect_target(base, Headers({"Location": location}))


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("ws://b.example/x?y=1", "ws://b.example/x?y=1"),
        ("http://b.example:8080/", "ws://b.example:8080/"),
        ("https://b.example", "wss://b.example/"),
        ("WSS://B.example/X", "wss://b.example/X"),
        ("HTTP://[::1]/", "ws://[::1]/"),
        ("https://xn--bcher-kva.example/", "wss://xn--bcher-kva.example/"),
        ("//b.example/x", "ws://b.example/x"),
        ("/x?y", "ws://a.example/x?y"),
        ("x", "ws://a.example/dir/x"),
        ("./x/../y", "ws://a.example/dir/y"),
        ("../../../x", "ws://a.example/x"),
        ("?z=2", "ws://a.example/dir/page?z=2"),
        ("/a\\b", "ws://a.example/a%5Cb"),
        ("/a//b", "ws://a.example/a//b"),
        (" /x\t", "ws://a.example/x"),
    ],
)
def test_target(location: str, target: str) -> None:
    """A target is read as RFC 3986 says; http means ws, and https means wss."""
    found = target_of(location)
    assert found == parse_url(target)
    assert found.authorization is None


def test_relative_to_tls() -> None:
    """What is relative keeps the scheme, the host and the port."""
    assert target_of("/x", SECURE) == parse_url("wss://a.example:8443/x")
    assert target_of("//b.example/x", SECURE) == parse_url("wss://b.example/x")


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("ftp://b.example/", "scheme is 'ftp'"),
        ("javascript:alert(1)", "scheme is 'javascript'"),
        ("file:///etc/passwd", "scheme is 'file'"),
        ("x:y", "scheme is 'x'"),
        ("http:", "it must look like"),
        ("http:/x", "it must look like"),
        ("http:///x", "it has no host"),
        ("///b.example/x", "it has no host"),
        ("//", "it has no host"),
        ("http://b.example:0/", "port"),
        ("http://b.example:99999/", "port"),
        ("http://b_.example:x/", "authority"),
        ("http://b..example/", "not a host name"),
        ("http://b.example\\@c.example/", r"not a host name|credentials|control"),
        ("http://[::1/", "authority"),
        ("http://b.example/#part", "fragment"),
        ("#part", "fragment"),
        ("/x#part", "fragment"),
        ("http://me:pw@b.example/", "credentials in a Location"),
        ("//me@b.example/", "credentials in a Location"),
        ("http://bücher.example/", "the character 'ü'"),
        ("/ä", "the character"),
        ("/a b", "the character ' '"),
        ("/a\x7fb", "the character"),
        (f"http://{'a.' * 200}example/", "longer than 253"),
    ],
)
def test_absurd_target(location: str, why: str) -> None:
    """What is no URL to go to is not gone to, and the reason is said, without secrets."""
    with pytest.raises(NotFollowed, match=why) as caught:
        target_of(location)
    assert "pw" not in str(caught.value).replace("passwd", "")
    assert str(caught.value).isprintable()


def test_overlong_target() -> None:
    """A path may be long, and is not shown in full."""
    assert target_of("/" + "x" * 10_000).target == "/" + "x" * 10_000
    with pytest.raises(NotFollowed) as caught:
        target_of(f"{'x' * 10_000}:y")
    assert len(str(caught.value)) < 300


def test_two_locations() -> None:
    """Of two targets none is chosen."""
    with pytest.raises(NotFollowed, match="more than one"):
        redirect_target(BASE, Headers([("Location", "/x"), ("Location", "/y")]))


@pytest.mark.parametrize("location", ["ws://a.example:8443/", "http://b.example/", "HTTP://b/"])
def test_downgrade(location: str) -> None:
    """From TLS it never goes to a connection without."""
    with pytest.raises(NotFollowed, match="from wss it never goes to ws"):
        target_of(location, SECURE)


@given(st.text(st.characters(max_codepoint=255), max_size=60), st.sampled_from([BASE, SECURE]))
def test_any_location(location: str, base: URL) -> None:
    """Whatever a server writes, it is a URL to go to, or a reason not to (P10)."""
    try:
        target = target_of(location, base)
    except NotFollowed:
        pass
    else:
        assert target.target.isascii()
        assert target.target.isprintable()
        assert target.target.startswith("/")
        assert target.tls or not base.tls


# The trail


@pytest.mark.parametrize(("status", "followed"), [*((s, True) for s in sorted(STATUSES))])
def test_statuses(status: int, followed: bool) -> None:
    """Five statuses say where else the same is to be had."""
    assert Trail(BASE, limit=1).is_followed(to("/x", status)) is followed


@pytest.mark.parametrize("status", [200, 300, 304, 305, 306, 401, 500])
def test_other_statuses(status: int) -> None:
    """Others do not, even with a Location."""
    assert not Trail(BASE, limit=1).is_followed(to("/x", status))


def test_no_redirect() -> None:
    """Without a Location, or where none are followed, it is a rejection like others."""
    assert not Trail(BASE, limit=1).is_followed(Response(302))
    assert not Trail(BASE, limit=0).is_followed(to("/x"))


def test_same_origin() -> None:
    """On the same origin everything is sent on, the user and the password of the URL, too."""
    trail = Trail(BASE, limit=3)
    assert (trail.begun, trail.strange, trail.url) == (False, False, BASE)
    trail.follow(to("/x"), REQUEST)
    trail.follow(to("http://a.example:80/y"), REQUEST)
    assert (trail.begun, trail.strange) == (True, False)
    assert trail.first == BASE
    assert trail.url.target == "/y"
    assert trail.url.authorization == BASE.authorization
    given = Headers({"Authorization": "Bearer x", "X": "y"})
    for by_function in (False, True):
        assert trail.headers(given, of_a_function=by_function) == given


@pytest.mark.parametrize(
    "location", ["wss://a.example/", "ws://a.example:81/", "ws://b.example/", "//A.example.:80/"]
)
def test_another_origin(location: str) -> None:
    """Scheme, host or port: on another origin credentials are not sent on."""
    trail = Trail(BASE, limit=3)
    trail.follow(to(location), REQUEST)
    assert trail.strange
    assert trail.url.authorization is None
    given = Headers(
        [
            ("AUTHORIZATION", "Bearer x"),
            ("cookie", "a=b"),
            ("Proxy-Authorization", "Basic x"),
            ("X", "y"),
        ]
    )
    assert trail.headers(given, of_a_function=False).multi_items() == (("X", "y"),)
    assert trail.headers(given, of_a_function=True) == Headers()


def test_back_again() -> None:
    """A stranger who leads back to the first origin chose the way: nothing is sent there, too."""
    trail = Trail(BASE, limit=3)
    trail.follow(to("ws://b.example/"), REQUEST)
    trail.follow(to("ws://a.example/logout"), REQUEST)
    assert trail.strange
    trail.follow(to("/login"), REQUEST)
    assert trail.strange
    assert trail.url.authorization is None
    assert trail.headers(Headers({"Cookie": "a=b"}), of_a_function=False) == Headers()


def test_the_way_is_told() -> None:
    """A message tells where a redirect came from, and what another origin does not get."""
    trail = Trail(BASE, limit=3)
    assert trail.came_by == ""
    trail.follow(to("/there"), REQUEST)
    assert trail.came_by == f" (redirected from {BASE})"
    trail.follow(to("ws://b.example/"), REQUEST)
    assert trail.came_by == f" (redirected from {BASE}, whose credentials it does not get)"


def test_circle() -> None:
    """A URL that was asked before would answer the same."""
    trail = Trail(BASE, limit=10)
    trail.follow(to("/x?token=hunter2"), REQUEST)
    with pytest.raises(TooManyRedirects, match="circle: ") as caught:
        trail.follow(to("/dir/page?token=hunter2"), REQUEST)
    assert caught.value.chain == (
        "ws://***@a.example/dir/page?***",
        "ws://a.example/x?***",
        "ws://a.example/dir/page?***",
    )
    assert caught.value.request == REQUEST
    assert caught.value.transient is False
    assert " -> ".join(caught.value.chain) in str(caught.value)


def test_around_the_same_place() -> None:
    """A redirect to where it came from is a circle, too."""
    with pytest.raises(TooManyRedirects, match="circle"):
        Trail(SECURE, limit=10).follow(to("page"), REQUEST)


@pytest.mark.parametrize("limit", [1, 2, 10])
def test_too_many(limit: int) -> None:
    """As many as may be are followed, and not one more."""
    trail = Trail(BASE, limit=limit)
    for number in range(limit):
        trail.follow(to(f"/{number}"), REQUEST)
    with pytest.raises(TooManyRedirects, match=f"more than {limit} redirects: ws:") as caught:
        trail.follow(to("/last"), REQUEST)
    assert len(caught.value.chain) == limit + 2
    assert caught.value.chain[-1] == "ws://a.example/last"


def test_long_chain() -> None:
    """The message shows the end of a long chain only, and of each URL the beginning."""
    trail = Trail(BASE, limit=50)
    for number in range(50):
        trail.follow(to(f"/{number}/{'x' * 5000}"), REQUEST)
    with pytest.raises(TooManyRedirects, match="redirects: … -> ") as caught:
        trail.follow(to("/last"), REQUEST)
    assert len(caught.value.chain) == 52
    assert str(caught.value).count(" -> ") == MAX_SHOWN
    assert len(str(caught.value)) < 3000
