"""`trio_ws._handshake.opening`: the two roles agree on what they settled."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._errors import LocalProtocolError
from trio_ws._handshake.client import ClientHandshake
from trio_ws._handshake.opening import Opening, check_subprotocols, plain_response
from trio_ws._handshake.server import ServerHandshake
from trio_ws._policies import Limits
from trio_ws._url import parse_url

NAMES = st.lists(st.sampled_from(["chat", "super.chat", "v1+json"]), unique=True)


@given(NAMES, st.integers(1, 300), st.binary(max_size=30), st.data())
def test_agreement(names: list[str], size: int, behind: bytes, data: st.DataObject) -> None:
    """Client and server settle the same, in any chunking; what follows belongs to the session."""
    client = ClientHandshake(parse_url("ws://example.com/a?b=c"), subprotocols=names)
    server = ServerHandshake(limits=Limits(), remote_address="there")
    sent = client.request_bytes() + behind
    request = None
    for start in range(0, len(sent), size):
        assert request is None or start >= len(client.request_bytes())
        server.feed(sent[start : start + size])
        request = request or server.next_request()
    assert request is not None
    assert server.check_upgrade() == names
    chosen = data.draw(st.sampled_from([None, *names]))
    answer, theirs = server.accept(chosen)
    ours: Opening | None = None
    answer += behind
    for start in range(0, len(answer), size):
        if ours is None:
            ours = client.feed(answer[start : start + size])
        else:
            assert start >= len(answer) - len(behind)
    assert ours is not None
    assert ours.subprotocol == theirs.subprotocol == chosen
    assert ours.request.target == theirs.request.target == "/a?b=c"
    assert ours.request.headers.multi_items() == theirs.request.headers.multi_items()
    assert ours.response.headers.multi_items() == theirs.response.headers.multi_items()
    assert theirs.plain is (chosen is None)
    assert not theirs.plain or plain_response(theirs.request) == theirs.response
    assert theirs.request.remote_address == "there"
    assert behind.startswith(ours.trailing)
    assert theirs.trailing == behind


def test_frozen() -> None:
    """An opening cannot be changed once it is settled."""
    client = ClientHandshake(parse_url("ws://a/"))
    server = ServerHandshake(limits=Limits())
    server.feed(client.request_bytes())
    assert server.next_request()
    _, opening = server.accept()
    with pytest.raises(AttributeError):
        opening.subprotocol = "x"  # type: ignore[misc]


@pytest.mark.parametrize("names", [["a b"], [""], ["a,b"], ["ä"], ["a\r\n"], ["a\x1b"], ["a", "a"]])
def test_bad_subprotocols(names: list[str]) -> None:
    """Subprotocols are a list of different tokens (hazard D9)."""
    with pytest.raises(LocalProtocolError) as caught:
        check_subprotocols(names)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("names", ["chat", 5, None, [1], [b"chat"]])
def test_no_subprotocols(names: Any) -> None:
    """What is no list of texts is refused by its type; one text is no list."""
    with pytest.raises(TypeError, match="subprotocols are a list of names"):
        check_subprotocols(names)


def test_good_subprotocols() -> None:
    """Any tokens will do, in the order given."""
    assert check_subprotocols(("b", "a.b+c")) == ["b", "a.b+c"]
