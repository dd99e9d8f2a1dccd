"""Every scenario, with every peer that can take part in it, in both roles."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
import trio

from trio_ws import Rejected, Response, Timeouts, TLSError, open_websocket

from .bodies import say_nothing
from .conftest import Processes, skip_without
from .converse import Papers, Role, Setup, be_refused, converse, refuse
from .kinds import KINDS, LIBRARIES, TRIO_WEBSOCKET, Can, Kind
from .scenarios import SCENARIOS, Scenario

pytestmark = [pytest.mark.peer, pytest.mark.slow]

ROLES: tuple[Role, ...] = ("client", "server")


def rows() -> Iterator[Any]:
    """Every scenario × peer × role that makes sense; we are the role."""
    for kind in KINDS:
        for role in ROLES:
            for scenario in SCENARIOS:
                if takes_part(kind, role, scenario):
                    yield pytest.param(kind, role, scenario, id=f"{kind}-us-{role}-{scenario}")


def takes_part(kind: Kind, role: Role, scenario: Scenario) -> bool:
    """Whether the peer's library can do what the scenario asks of it."""
    needs = scenario.needs | ({Can.SERVE} if role == "client" else set())
    return kind.abilities >= needs


@pytest.fixture(autouse=True)
def kind_is_installed(kind: Kind) -> None:
    """Skip the test if its peer is missing."""
    skip_without(kind)


@pytest.mark.parametrize(("kind", "role", "scenario"), list(rows()))
async def test_conversation(
    processes: Processes, papers: Papers, kind: Kind, role: Role, scenario: Scenario
) -> None:
    """Both sides see the same messages, pings and endings, whoever is at the other end."""
    async with processes[kind].attached() as peer:
        ended = await converse(role, peer, papers, scenario.setup, scenario.body)
        scenario.ends(ended, kind)
        assert not [event for event in peer.unread if event["saw"] == "error"]


REFUSALS = (
    (401, {"WWW-Authenticate": 'Basic realm="the cellar"'}, "Who are you?\n"),
    (403, {"X-Reason": "just so"}, "Not you. ☃\n"),
    (503, {"Retry-After": "7"}, "Come back later.\n"),
)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: str(refusal[0]))
@pytest.mark.parametrize("kind", LIBRARIES, ids=str)
async def test_their_refusal_arrives_whole(
    processes: Processes, kind: Kind, refusal: tuple[int, dict[str, str], str]
) -> None:
    """A peer's status, headers and body are in `Rejected`."""
    status, headers, body = refusal
    async with processes[kind].attached() as peer:
        with pytest.raises(Rejected) as caught:
            await be_refused(peer, {"status": status, "headers": headers, "body": body})
    response = caught.value.response
    assert response.status == status
    assert response.body.decode() == body
    assert headers.items() <= dict(response.headers.multi_items()).items()
    assert caught.value.retry_after == (7 if status == 503 else None)


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: str(refusal[0]))
@pytest.mark.parametrize("kind", LIBRARIES, ids=str)
async def test_our_refusal_arrives_whole(
    processes: Processes, kind: Kind, refusal: tuple[int, dict[str, str], str]
) -> None:
    """What `on_request` answers is what the peer's library shows its user."""
    status, headers, body = refusal
    async with processes[kind].attached() as peer:
        report = await refuse(peer, Response(status, headers, body))
    assert report["status"] == status
    seen = {name.lower(): value for name, value in report["headers"].items()}
    assert {name.lower(): value for name, value in headers.items()}.items() <= seen.items()
    if peer.can(Can.SHOW_REJECTION_BODY):
        assert report["body"] == body


@pytest.mark.parametrize("kind", [TRIO_WEBSOCKET], ids=str)
async def test_a_client_that_never_ends_tcp(
    processes: Processes, papers: Papers, kind: Kind
) -> None:
    """A client that says goodbye but keeps its socket open is waited for, within bounds."""
    setup = Setup(ours={"timeouts": Timeouts(close=1)}, theirs={"keep_socket": True})
    async with processes[kind].attached() as peer:
        with trio.fail_after(5):
            ended = await converse("server", peer, papers, setup, say_nothing)
    assert ended.ending.clean


@pytest.mark.parametrize("kind", LIBRARIES, ids=str)
async def test_a_foreign_origin_is_refused(processes: Processes, kind: Kind) -> None:
    """A peer that says it is another site's page gets 403 by default."""
    async with processes[kind].attached() as peer:
        report = await refuse(peer, None, headers={"Origin": "https://elsewhere.example"})
    assert report["status"] == 403


@pytest.mark.parametrize("kind", LIBRARIES, ids=str)
async def test_an_unknown_authority_is_not_trusted(
    processes: Processes, papers: Papers, kind: Kind
) -> None:
    """A peer's certificate that nobody vouches for is a `TLSError` that says so."""
    async with processes[kind].attached() as peer:
        port = await peer.listen(tls=papers.files)
        with pytest.raises(TLSError, match=re.compile("certificate", re.IGNORECASE)):
            async with open_websocket(f"wss://127.0.0.1:{port}/"):
                pass
