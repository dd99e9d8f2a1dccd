"""`trio_ws._supervision.loop` with the real client: redirects, proxies, headers by a function."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from trio_ws import ProxyError, Rejected, TooManyRedirects, WebSocket, supervise
from trio_ws._supervision.throttle import Throttle
from trio_ws.testing import RawPeer

from ..client.places import PROXY, Heads, noting, redirect, scripted, tunnel
from ..client.servers import Script, quietly, raw
from ..worlds import half

A, B = ("a.example", 80), ("b.example", 80)
URL = "ws://a.example/"


async def listening(ws: WebSocket) -> list[str | bytes]:
    """Iterate over the messages."""
    return [message async for message in ws]


async def run(url: Any = URL, **options: Any) -> Any:
    return await supervise(listening, url, **{"jitter": half, "heartbeat": None, **options})


def in_turn(*scripts: Script) -> Script:
    """A server that does another thing each time."""
    rest = iter(scripts)

    async def script(peer: RawPeer) -> None:
        await quietly(next(rest), peer)

    return script


async def lose(peer: RawPeer) -> None:
    """Accept, and be gone after a while."""
    await peer.accept()
    await trio.sleep(11)
    await peer.aclose()


async def goodbye(peer: RawPeer) -> None:
    """Accept, and close."""
    await peer.accept()
    await peer.send_close(1000)
    await peer.expect_close(1000)


def refusing(status: int) -> Script:
    return raw(b"HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n" % status)


# Redirects


async def test_followed_anew_each_time(autojump_clock: MockClock) -> None:
    """Where a redirect led is not remembered: the next attempt begins at the endpoint."""
    there = in_turn(lose, goodbye)
    async with scripted({A: redirect("//b.example/"), B: there}) as network:
        await run()
    assert network.connected == [A, B, A, B]


async def test_a_circle_is_final(autojump_clock: MockClock) -> None:
    """Redirects that lead nowhere will do so tomorrow."""
    async with scripted({A: redirect("/x")}) as network:
        with pytest.raises(TooManyRedirects):
            await run()
    assert network.connected == [A, A]
    assert trio.current_time() == 0


async def test_connect_to_each_time(autojump_clock: MockClock) -> None:
    """The other address holds for all attempts."""
    there = ("10.0.0.1", 8080)
    async with scripted({there: in_turn(lose, goodbye)}) as network:
        await run(connect_to=there)
    assert network.connected == [there, there]


# Headers by a function


async def test_headers_for_each_attempt(autojump_clock: MockClock) -> None:
    """A function is asked for the headers of each attempt."""
    heads = Heads()
    asked: list[float] = []

    async def headers() -> dict[str, str]:
        asked.append(trio.current_time())
        return {"X-Token": f"{len(asked)}"}

    async with scripted({A: noting(heads, in_turn(lose, lose, goodbye))}):
        await run(headers=headers)
    assert asked == [0, 13.5, 27]
    assert [head.partition("X-Token: ")[2][0] for head in heads.seen] == ["1", "2", "3"]


async def test_headers_after_the_slot(autojump_clock: MockClock) -> None:
    """It is asked when the host may be connected to, so that its token is fresh."""
    asked: list[float] = []

    def headers() -> dict[str, str]:
        asked.append(trio.current_time())
        return {}

    throttle = Throttle()
    async with (
        scripted({A: goodbye}),
        trio.open_nursery() as nursery,
        throttle.slot() as s,
    ):
        await s.acquire(*A)

        async def supervised() -> None:
            await run(headers=headers, throttle=throttle)

        nursery.start_soon(supervised)
        await trio.sleep(100)
        assert asked == []
        s.leave()
    assert asked == [100]


@pytest.mark.parametrize("status", [401, 403])
async def test_a_token_that_ran_out(status: int, autojump_clock: MockClock) -> None:
    """A function is asked once more, until the next stable connection; then it is fatal."""
    refuse = refusing(status)
    server = in_turn(refuse, lose, refuse, refuse)
    async with scripted({A: server}) as network:
        with pytest.raises(Rejected):
            await run(headers=dict)
    assert network.connected == [A] * 4


@pytest.mark.parametrize("headers", [(), {"Authorization": "Bearer x"}])
async def test_fixed_headers_do_not_change(headers: Any, autojump_clock: MockClock) -> None:
    """Headers that are given are the same tomorrow: a 401 is fatal."""
    async with scripted({A: refusing(401)}) as network:
        with pytest.raises(Rejected):
            await run(headers=headers)
    assert network.connected == [A]


async def test_a_function_that_the_network_fails(autojump_clock: MockClock) -> None:
    """What the network does to it passes; its own mistakes leave, bare."""
    errors: list[Exception] = [ConnectionRefusedError(), trio.TooSlowError()]

    def headers() -> dict[str, str]:
        if errors:
            raise errors.pop()
        return {}

    async with scripted({A: goodbye}) as network:
        await run(headers=headers)
        assert network.connected == [A]
        errors.append(KeyError("token"))
        with pytest.raises(KeyError):
            await run(headers=headers)


# Proxies


async def test_a_proxy_that_comes_back(autojump_clock: MockClock) -> None:
    """A proxy in trouble is waited for, like a server."""
    steps = in_turn(
        refusing(503),
        raw(b""),
        raw(b"HTTP/1.1 200 x\r\n\r\n"),
        tunnel(lose),
        tunnel(goodbye),
    )
    async with scripted({PROXY: steps}) as network:
        await run(proxy="http://proxy.example:3128")
    assert len(network.connected) == 5


@pytest.mark.parametrize("status", [403, 407])
async def test_a_proxy_that_does_not_want(status: int, autojump_clock: MockClock) -> None:
    """What it forbids is fatal; so are credentials that it does not take."""
    async with scripted({PROXY: refusing(status)}) as network:
        with pytest.raises(ProxyError) as caught:
            await run(proxy="http://proxy.example:3128")
    assert caught.value.response is not None
    assert caught.value.response.status == status
    assert len(network.connected) == 1


async def test_new_credentials(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a 407 the environment is read once more, if anything may be new."""
    monkeypatch.setenv("http_proxy", "http://old:old@proxy.example:3128")

    async def endpoint() -> str:
        await trio.lowlevel.checkpoint()
        return URL

    async def refuse(peer: RawPeer) -> None:
        monkeypatch.setenv("http_proxy", "http://new:new@proxy.example:3128")
        await refusing(407)(peer)

    heads = Heads()
    async with scripted({PROXY: in_turn(refuse, tunnel(goodbye, heads))}):
        await run(endpoint)
    assert "Proxy-Authorization: Basic bmV3Om5ldw==" in heads.lines
