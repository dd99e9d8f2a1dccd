"""`trio_ws._handshake.extensions`: offers, choices, and what is wrong with them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._errors import LocalProtocolError
from trio_ws._handshake.client import ClientHandshake
from trio_ws._handshake.extensions import (
    BadAnswer,
    Element,
    Malformed,
    agree,
    check_answer,
    check_extensions,
    choose,
    offers,
    read_extensions,
)
from trio_ws._handshake.opening import Opening
from trio_ws._handshake.server import ServerHandshake
from trio_ws._policies import Limits
from trio_ws._protocol.extensions.base import Extension
from trio_ws._url import parse_url

from ..toys import IDENTITY, REVERSING, IdentityCodec, ReversingCodec, Toy

TOKENS = st.text("abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=8)
PARAMETERS = st.lists(st.tuples(TOKENS, st.none() | TOKENS), max_size=3)
ELEMENTS = st.builds(Element, TOKENS, PARAMETERS.map(tuple))


@given(st.lists(ELEMENTS, max_size=4), st.integers(0, 3))
def test_what_is_written_is_read(wanted: list[Element], split: int) -> None:
    """Any elements come back as they were written, on one line or on two."""
    lines = [", ".join(map(str, wanted[:split])), ", ".join(map(str, wanted[split:]))]
    assert read_extensions(lines) == wanted


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], []),
        ([""], []),
        ([" , ,"], []),
        (["a"], [Element("a", ())]),
        (["a ;b= 1;\tc"], [Element("a", (("b", "1"), ("c", None)))]),
        (['a; b="1"'], [Element("a", (("b", "1"),))]),
        (['a; b="\\1\\2"'], [Element("a", (("b", "12"),))]),
        (["a, b", "c"], [Element("a", ()), Element("b", ()), Element("c", ())]),
    ],
)
def test_read(lines: list[str], expected: list[Element]) -> None:
    """Blanks, quotes, empty elements and several lines are read as RFC 6455 §9.1 says."""
    assert read_extensions(lines) == expected


@pytest.mark.parametrize(
    "value",
    [
        ";",
        "a;",
        "a;;b",
        "a b",
        "a; b c",
        "a; =1",
        "a; b=",
        "a; b=1=2",
        'a; b=""',
        'a; b="x y"',
        'a; b="x,y"',
        'a; b="x;y"',
        'a; b="x',
        'a; b=x"',
        'a; "b"',
        "\xe9",
        "a; b=\xe9",
        "a; b=\x1b",
        "a/b",
        "=",
    ],
)
def test_malformed(value: str) -> None:
    """What does not follow the grammar is no list of extensions."""
    with pytest.raises(Malformed):
        read_extensions([value])


def test_offers() -> None:
    """A client offers every extension in its order, each with all of its offers."""
    assert offers([IDENTITY, REVERSING]) == (
        "x-identity, x-identity; more, "
        "x-reversing; how=backwards; now, x-reversing; how=backwards; now; more"
    )
    assert offers([]) == ""


def test_one_offer_by_default() -> None:
    """An extension that does not say otherwise makes one offer without parameters."""
    assert Extension.offers(IDENTITY) == [()]


def test_choose() -> None:
    """A server takes the first offer of each extension that it accepts, in the client's order."""
    offered = read_extensions(
        ["unknown, x-reversing; how=sideways, x-reversing; how=backwards; now, x-identity"]
    )
    chosen = choose(offered, [IDENTITY, REVERSING])
    assert [str(each.element) for each in chosen] == [
        "x-reversing; how=backwards; now",
        "x-identity",
    ]
    assert [type(each.codec) for each in chosen] == [ReversingCodec, IdentityCodec]


def test_choose_once() -> None:
    """Of several good offers of one extension the first is taken."""
    chosen = choose(read_extensions(["x-identity, x-identity"]), [IDENTITY])
    assert [str(each.element) for each in chosen] == ["x-identity"]


def test_choose_bits() -> None:
    """Of two extensions that need the same reserved bit the first is taken."""
    other = Toy("x-other", IdentityCodec)
    chosen = choose(read_extensions(["x-other, x-identity"]), [IDENTITY, other])
    assert [str(each.element) for each in chosen] == ["x-other"]


@pytest.mark.parametrize(
    ("answered", "why"),
    [
        ("unknown", "that was not offered"),
        ("x-identity, x-identity", "the extension x-identity twice"),
        ("x-identity; more=1", "parameters for x-identity that were not offered"),
        ("x-reversing", "parameters for x-reversing"),
        ("x-identity, x-other", "two extensions for the same reserved bit"),
    ],
)
def test_bad_answer(answered: str, why: str) -> None:
    """A choice that was not offered, or contradicts itself, is refused."""
    offered = [IDENTITY, REVERSING, Toy("x-other", IdentityCodec)]
    with pytest.raises(BadAnswer, match=why):
        check_answer(read_extensions([answered]), offered)


def test_agree() -> None:
    """Two ends with the same extensions agree on all of them, as far as the bits go."""
    client, server = agree([IDENTITY, REVERSING, Toy("x-other", IdentityCodec)])
    names = ["x-identity", "x-reversing"]
    assert [each.element.name for each in client] == names
    assert [each.element.name for each in server] == names
    assert client[0].codec is not server[0].codec


def test_check_extensions() -> None:
    """Extensions are values of our type, each with its own name."""
    assert check_extensions([IDENTITY, REVERSING]) == (IDENTITY, REVERSING)
    with pytest.raises(TypeError, match="of type Extension; got 'permessage-deflate'"):
        check_extensions(["permessage-deflate"])  # type: ignore[list-item]
    with pytest.raises(LocalProtocolError, match="named twice"):
        check_extensions([IDENTITY, Toy("x-identity", ReversingCodec)])


@pytest.mark.parametrize(
    "toy",
    [
        Toy("a b", IdentityCodec),
        Toy("", IdentityCodec),
        Toy("a", IdentityCodec, [("b\r\nX: y", None)]),
        Toy("a", IdentityCodec, [("b", "ä")]),
    ],
    ids=["name", "empty", "line", "value"],
)
def test_nothing_is_smuggled_into_the_head(toy: Toy) -> None:
    """An extension whose name or parameter is no token is not offered (hazard D9)."""
    with pytest.raises(LocalProtocolError, match="is no token"):
        offers([toy])


# The whole handshake


def shake(ours: list[Toy], theirs: list[Toy]) -> tuple[Opening, Opening]:
    """Let a client and a server agree."""
    client = ClientHandshake(parse_url("ws://example.com/"), extensions=ours)
    server = ServerHandshake(limits=Limits())
    server.feed(client.request_bytes())
    assert server.next_request()
    assert server.check_upgrade() == []
    answer, accepted = server.accept(extensions=theirs)
    opening = client.feed(answer)
    assert opening is not None
    return opening, accepted


@pytest.mark.parametrize(
    ("ours", "theirs", "agreed"),
    [
        ([], [IDENTITY], []),
        ([IDENTITY], [], []),
        ([IDENTITY], [REVERSING], []),
        ([IDENTITY], [REVERSING, IDENTITY], ["x-identity"]),
        ([REVERSING, IDENTITY], [IDENTITY, REVERSING], ["x-reversing", "x-identity"]),
    ],
)
def test_agreement(ours: list[Toy], theirs: list[Toy], agreed: list[str]) -> None:
    """Both roles settle the same extensions in the same order."""
    client, server = shake(ours, theirs)
    for opening in (client, server):
        assert [each.element.name for each in opening.extensions] == agreed
        header = "Sec-WebSocket-Extensions"
        assert (header in opening.request.headers) is bool(ours)
        assert (header in opening.response.headers) is bool(agreed)
    assert [type(each.codec) for each in client.extensions] == [
        type(each.codec) for each in server.extensions
    ]


@pytest.mark.parametrize("extensions", [5, None, IDENTITY])
def test_no_list_of_extensions(extensions: Any) -> None:
    """What is no list is told by its type."""
    with pytest.raises(TypeError, match="extensions must be a list of Extension, not"):
        check_extensions(extensions)
