"""`trio_ws._client.socks`: a SOCKS proxy asked by way of python-socks, whatever it answers."""

from __future__ import annotations

import builtins
import socket
import sys
from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws import Headers, ProxyError, Request
from trio_ws._client.connect import open_websocket
from trio_ws._client.socks import _LentStream, ask_socks_proxy
from trio_ws._proxy_url import parse_proxy
from trio_ws.testing import RawPeer

from .places import PROXY, scripted
from .servers import Script, echo_once, quietly, silence

REQUEST = Request(method="GET", target="/", headers=Headers())
GRANTED5 = b"\x05\x00\x00\x01" + bytes(6)
GRANTED4 = b"\x00\x5a" + bytes(6)


class Socks:
    """A proxy that reads what it is asked by the letter, and answers what it is told.

    Attributes:
        asked: what it was asked, in order.
    """

    def __init__(self, *answers: bytes, server: Script | None = None) -> None:
        self.asked: list[bytes] = []
        self._answers = answers
        self._server = server

    async def __call__(self, peer: RawPeer) -> None:
        """Be one, as a script."""
        for answer in self._answers:
            self.asked.append(bytes(await peer.stream.receive_some(1000)))
            await peer.send_bytes(answer)
        if self._server is not None:
            await quietly(self._server, peer)


class Deaf(trio.abc.HostnameResolver):
    """A resolver that fails, or finds one address."""

    def __init__(self, address: str | None = None) -> None:
        self.address = address
        self.asked: list[str] = []

    async def getaddrinfo(self, host: Any, *args: Any, **more: Any) -> Any:
        """Find it."""
        await trio.lowlevel.checkpoint()
        self.asked.append(host.decode() if isinstance(host, bytes) else host)
        if self.address is None:
            raise socket.gaierror(socket.EAI_NONAME, "no name")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (self.address, 80))]

    async def getnameinfo(self, *args: object) -> Any:
        """Find none."""
        raise AssertionError


# What works


@pytest.mark.parametrize(
    ("proxy", "host", "answers", "asked"),
    [
        (
            "socks5h://p",
            "h.example",
            [b"\x05\x00", GRANTED5],
            [b"\x05\x01\x00", b"\x05\x01\x00\x03\x09h.example\x1f\x90"],
        ),
        (
            "socks5h://me:pw@p",
            "h.example",
            [b"\x05\x02", b"\x01\x00", GRANTED5],
            [
                b"\x05\x02\x00\x02",
                b"\x01\x02me\x02pw",
                b"\x05\x01\x00\x03\x09h.example\x1f\x90",
            ],
        ),
        (
            "socks5h://p",
            "fe80::1%eth0",
            [b"\x05\x00", b"\x05\x00\x00\x04" + bytes(18)],
            [b"\x05\x01\x00", b"\x05\x01\x00\x04\xfe\x80" + bytes(13) + b"\x01\x1f\x90"],
        ),
        (
            "socks5h://p",
            "10.0.0.1",
            [b"\x05\x00", b"\x05\x00\x00\x03\x01x\x00\x00"],
            [b"\x05\x01\x00", b"\x05\x01\x00\x01\x0a\x00\x00\x01\x1f\x90"],
        ),
        (
            "socks4a://me@p",
            "h.example",
            [GRANTED4],
            [b"\x04\x01\x1f\x90\x00\x00\x00\x01me\x00h.example\x00"],
        ),
    ],
)
async def test_asked(proxy: str, host: str, answers: list[bytes], asked: list[bytes]) -> None:
    """The proxy is given the name, and who we are; what follows the answer is left alone."""
    trio.socket.set_custom_hostname_resolver(Deaf())
    ours, theirs = trio.testing.memory_stream_pair()
    script = Socks(*answers[:-1], answers[-1] + b"the server's")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(script, RawPeer(theirs, client=False))
        await ask_socks_proxy(ours, parse_proxy(proxy), host, 8080, REQUEST)
        assert await ours.receive_some() == b"the server's"
    assert script.asked == asked


@pytest.mark.parametrize(
    ("proxy", "answers", "asked"),
    [
        ("socks5://p", [b"\x05\x00", GRANTED5], b"\x05\x01\x00\x01\x0a\x00\x00\x07\x1f\x90"),
        ("socks4://p", [GRANTED4], b"\x04\x01\x1f\x90\x0a\x00\x00\x07\x00"),
    ],
)
async def test_looked_up_here(proxy: str, answers: list[bytes], asked: bytes) -> None:
    """Without the letter behind the number the name is looked up here."""
    resolver = Deaf("10.0.0.7")
    trio.socket.set_custom_hostname_resolver(resolver)
    ours, theirs = trio.testing.memory_stream_pair()
    script = Socks(*answers)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(script, RawPeer(theirs, client=False))
        await ask_socks_proxy(ours, parse_proxy(proxy), "h.example", 8080, REQUEST)
    assert resolver.asked == ["h.example"]
    assert script.asked[-1] == asked


@pytest.mark.parametrize(
    ("scheme", "answers"), [("socks5h", [b"\x05\x00", GRANTED5]), ("socks4a", [GRANTED4])]
)
async def test_conversation(scheme: str, answers: list[bytes]) -> None:
    """Through the proxy comes a connection like any other; nothing is looked up."""
    trio.socket.set_custom_hostname_resolver(Deaf())
    async with (
        scripted({PROXY: Socks(*answers, server=echo_once)}) as network,
        open_websocket("ws://h.example/", proxy=f"{scheme}://proxy.example:3128") as ws,
    ):
        await ws.send("hello")
        assert await ws.receive() == "hello"
    assert network.connected == [PROXY]


# What goes wrong


async def refused_by(script: Script, proxy: str = "socks5h://me:hunter2@p") -> ProxyError:
    """Ask a proxy in vain; return the error."""
    ours, theirs = trio.testing.memory_stream_pair()

    async def play() -> None:
        async with RawPeer(theirs, client=False) as peer:
            await quietly(script, peer)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(play)
        with pytest.raises(ProxyError) as caught:
            await ask_socks_proxy(ours, parse_proxy(proxy), "h.example", 80, REQUEST)
    assert str(caught.value).startswith("no tunnel to h.example:80 through the proxy socks")
    assert "hunter2" not in str(caught.value)
    assert str(caught.value).isprintable()
    assert caught.value.request is REQUEST
    assert caught.value.response is None
    return caught.value


@pytest.mark.parametrize(
    ("code", "transient"),
    [(1, True), (2, False), (3, True), (4, True), (5, True), (6, True), (7, False), (8, False)],
)
async def test_refusal(code: int, transient: bool) -> None:
    """A proxy says why it refuses; a rule, or a lack, does not pass (RFC 1928 §6)."""
    error = await refused_by(Socks(b"\x05\x00", bytes([5, code, 0, 1]) + bytes(6)))
    assert error.transient is transient
    assert error.__cause__ is not None


@pytest.mark.parametrize(("code", "transient"), [(91, True), (92, False), (93, False)])
async def test_refusal_of_socks4(code: int, transient: bool) -> None:
    """So does one of version 4."""
    error = await refused_by(Socks(bytes([0, code]) + bytes(6)), "socks4a://me@p")
    assert error.transient is transient


@pytest.mark.parametrize(
    "answers",
    [
        [b"\x05\xff"],
        [b"\x05\x01"],
        [b"\x05\x77"],
        [b"\x04\x00"],
        [b"HTTP/1.1 400 Bad\r\n\r\n"],
        [b"\x05\x02", b"\x01\x01"],
        [b"\x05\x02", b"\x02\x00"],
        [b"\x05\x00", b"\x04\x00\x00\x01" + bytes(6)],
        [b"\x05\x00", b"\x05\x99\x00\x01" + bytes(6)],
        [b"\x05\x00", b"\x05\x00\x07\x01" + bytes(6)],
        [b"\x05\x00", b"\x05\x00\x00\x09" + bytes(6)],
        [b"\x05\x00", b"\x05\x00\x00\x03\x02\xff\xff\x00\x50"],
    ],
)
async def test_lies(answers: list[bytes]) -> None:
    """Nonsense is a `ProxyError`, and final, whatever python-socks makes of it (P10)."""
    error = await refused_by(Socks(*answers))
    assert error.transient is False


@pytest.mark.parametrize("answers", [[b"\x05"], [b"\x05\x00", b"\x05\x00\x00"]])
async def test_end(answers: list[bytes]) -> None:
    """A proxy that closes before it has answered may answer the next time."""
    error = await refused_by(Socks(*answers))
    assert error.transient is True
    assert str(error).endswith(": it ended the connection before it answered")


async def test_end_at_once() -> None:
    """One that closes before it is asked may take the question the next time."""
    assert (await refused_by(Socks())).transient is True


async def test_the_stream_is_only_lent() -> None:
    """What python-socks closes stays open."""
    ours, theirs = trio.testing.memory_stream_pair()
    lent = _LentStream(ours)
    await lent.wait_send_all_might_not_block()
    await lent.aclose()
    await ours.send_all(b"x")
    assert await theirs.receive_some() == b"x"


async def test_reset() -> None:
    """A stream that breaks is the proxy's fault; what the network says is told."""

    class Broken(trio.abc.Stream):
        async def send_all(self, data: object) -> None:
            raise trio.BrokenResourceError from ConnectionResetError("reset by peer")

        async def wait_send_all_might_not_block(self) -> None:
            raise AssertionError

        async def receive_some(self, max_bytes: int | None = None) -> bytes:
            raise AssertionError

        async def aclose(self) -> None: ...

    with pytest.raises(ProxyError, match="reset by peer") as caught:
        await ask_socks_proxy(Broken(), parse_proxy("socks5h://p"), "h", 80, REQUEST)
    assert caught.value.transient is True


async def test_unknown_host() -> None:
    """A name that is to be looked up here, and is not found, may be misspelt."""
    trio.socket.set_custom_hostname_resolver(Deaf())
    error = await refused_by(Socks(b"\x05\x00"), "socks5://p")
    assert isinstance(error.__cause__, socket.gaierror)
    assert error.transient is None


async def test_silence(autojump_clock: trio.testing.MockClock) -> None:
    """A proxy that says nothing is given up at the deadline, not after a minute of its own."""
    from trio_ws import HandshakeTimeout, Timeouts

    async with scripted({PROXY: silence}) as network:
        with pytest.raises(
            HandshakeTimeout, match=r"for the proxy socks5h://proxy.example:3128 to connect$"
        ):
            async with open_websocket(
                "ws://h/", proxy="socks5h://proxy.example:3128", timeouts=Timeouts(connect=100)
            ):
                pass
        assert trio.current_time() == 100
        assert network.all_closed


# The package


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the import of python-socks fail, as if it were not installed."""
    real = builtins.__import__

    def importing(name: str, *args: Any, **more: Any) -> Any:
        if name.startswith("python_socks"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *args, **more)

    def forget() -> None:
        for name in [name for name in sys.modules if name.startswith("python_socks")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setattr(builtins, "__import__", importing)

    return forget


async def test_not_installed(forgotten: Callable[[], None]) -> None:
    """Without python-socks the error says what to install."""
    forgotten()
    ours, _ = trio.testing.memory_stream_pair()
    with pytest.raises(ProxyError, match=r"pip install 'trio-ws\[proxy\]'$") as caught:
        await ask_socks_proxy(ours, parse_proxy("socks5h://p"), "h", 80, REQUEST)
    assert caught.value.transient is False
    assert isinstance(caught.value.__cause__, ImportError)
