"""The snippets on running a server do what their pages say: who may connect, and how it ends."""

from __future__ import annotations

import configparser
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
import trustme

from docs.snippets import (
    activated,
    authentication,
    client_certificates,
    deployed,
    listeners,
    routing,
)
from trio_ws import (
    CloseCode,
    ConnectionClosed,
    HandshakeError,
    Headers,
    Limits,
    Rejected,
    Request,
    Response,
    WebSocket,
    open_websocket,
)
from trio_ws.testing import MemoryNetwork, open_websocket_pair

from .halls import serving
from .wires import frames_of, goodbye_of, open_wired, settled

TOP = Path(__file__).resolve().parent.parent
DEPLOY = TOP / "docs" / "snippets" / "deploy"


def get(path: str, **headers: str) -> Request:
    return Request(method="GET", target=path, headers=Headers(headers))


# Who may connect

GATE = authentication.Gate({authentication.digest("t0"): "Ada"})


async def test_a_token_opens_the_gate() -> None:
    """The right token is let in under its name, any other is refused with 401."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(authentication.serve, GATE, 0)
        url = f"ws://localhost:{server.port}"
        assert await authentication.ask(url, "t0") == "Hello, Ada!"
        with pytest.raises(Rejected) as caught:
            await authentication.ask(url, "t1")
        nursery.cancel_scope.cancel()
    assert caught.value.response.status == 401
    assert caught.value.response.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("headers", "user"),
    [
        ({"Authorization": "Bearer t0"}, "Ada"),
        ({"Authorization": "bearer t0"}, "Ada"),
        ({"Authorization": "Basic t0"}, None),
        ({"Cookie": "a=b; token=t0"}, "Ada"),
        ({"Cookie": "token=t1"}, None),
        ({}, None),
    ],
)
def test_where_a_token_may_stand(headers: dict[str, str], user: str | None) -> None:
    """A token is taken from the header or the cookie, and from nowhere else."""
    assert GATE.user_of(get("/?token=t0", **headers)) == user


async def test_a_ticket_is_good_once(autojump_clock: trio.testing.MockClock) -> None:
    """A ticket opens once, within half a minute."""
    tickets = authentication.Tickets()
    request = get(f"/?ticket={tickets.issue('Ada')}")
    assert [tickets.user_of(request) for _ in range(2)] == ["Ada", None]
    late = get(f"/?ticket={tickets.issue('Ada')}")
    await trio.sleep(30)
    assert tickets.user_of(late) is None
    assert tickets.user_of(get("/")) is None


async def test_a_token_as_a_subprotocol(
    memory_network: MemoryNetwork, autojump_clock: trio.testing.MockClock
) -> None:
    """The token is found among the names, and is not repeated in the answer."""

    def on_request(request: Request) -> Response | None:
        user = authentication.user_by_subprotocol(GATE, request)
        return None if user else Response(401)

    async def wait(ws: WebSocket) -> None:
        await ws.wait_closed()

    async with memory_network as network:
        url = "wss://api.example/"
        await network.serve(url, wait, subprotocols=["chat"], on_request=on_request)
        async with open_websocket(url, subprotocols=["chat", "bearer.t0"]) as ws:
            assert ws.subprotocol == "chat"
        for offered in (["chat"], ["chat", "bearer.t1"]):
            with pytest.raises(Rejected, match="401"):
                async with open_websocket(url, subprotocols=offered):
                    pass


async def test_a_client_is_known_by_its_certificate(tmp_path: Path) -> None:
    """The handler knows the name; a client without a certificate does not get in."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority")
    for name in ("localhost", "device-7.example"):
        made = authority.issue_cert(name)
        made.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        made.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.chain")
    files = {path.name: str(path) for path in tmp_path.iterdir()}
    trusted = files["authority"]
    context = client_certificates.server_context(
        files["localhost.chain"], files["localhost.key"], trusted
    )
    device = client_certificates.client_context(
        files["device-7.example.chain"], files["device-7.example.key"], trusted
    )
    async with trio.open_nursery() as nursery:
        server = await nursery.start(client_certificates.serve, context, 0)
        url = f"wss://localhost:{server.port}"
        assert await client_certificates.ask(url, device) == "Hello, device-7.example!"
        with pytest.raises(HandshakeError):
            await client_certificates.ask(url, ssl.create_default_context(cafile=trusted))
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("first", ["t1", None])
async def test_without_a_first_message_it_is_over(
    autojump_clock: trio.testing.MockClock, first: str | None
) -> None:
    """A wrong token, or none within five seconds, is answered with 1008."""
    async with open_websocket_pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(authentication.log_in_first, GATE, server)
        if first is not None:
            await client.send(first)
        with pytest.raises(ConnectionClosed) as caught:
            await client.receive()
    assert caught.value.ending.code == CloseCode.POLICY_VIOLATION
    assert trio.current_time() == (5 if first is None else 0)


async def test_a_first_message_with_the_token() -> None:
    """The right token in the first message is enough."""
    async with open_websocket_pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(authentication.log_in_first, GATE, server)
        await client.send("t0")
        assert await client.receive() == "Hello, Ada!"


async def test_a_token_that_expires(autojump_clock: trio.testing.MockClock) -> None:
    """The connection is closed with a code of its own when the time is up, not before."""
    async with open_websocket_pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(authentication.until_the_token_ends, 600, server)
        await client.send("hello")
        assert await client.receive_json() == {"echo": "hello"}
        with pytest.raises(ConnectionClosed, match="4001 'the token has expired'"):
            await client.receive()
    assert trio.current_time() == 600


async def test_a_client_that_leaves_before_its_token_expires() -> None:
    """Then the handler ends with it."""
    async with open_websocket_pair() as (client, server), trio.open_nursery() as nursery:
        nursery.start_soon(authentication.until_the_token_ends, 600, server)
        await client.close()
    assert server.ending is not None
    assert server.ending.code == CloseCode.NORMAL_CLOSURE


# Names and passwords


async def test_names_and_passwords() -> None:
    """The right password lets in, under its name; a wrong one does not."""
    async with trio.open_nursery() as nursery:
        serve = authentication.serve_with_passwords
        server = await nursery.start(serve, {"ada": "lovelace"}, 0)
        async with open_websocket(f"ws://ada:lovelace@localhost:{server.port}") as ws:
            assert await ws.receive() == "Hello, ada!"
        with pytest.raises(Rejected, match="401"):
            async with open_websocket(f"ws://ada:x@localhost:{server.port}"):
                pass
        nursery.cancel_scope.cancel()


async def test_passwords_in_a_database(autojump_clock: trio.testing.MockClock) -> None:
    """A function that waits for a database decides."""

    class Users:
        async def verify(self, name: str, password: str) -> bool:
            await trio.sleep(1)
            return (name, password) == ("a", "b")

    hook = authentication.ask_the_database(Users())
    for header, allowed in (("Basic YTpi", True), ("Basic YTpj", False)):
        answer: Any = hook(get("/", Authorization=header))
        assert (await answer is None) is allowed
    assert trio.current_time() == 2


# Several paths


async def test_routes(autojump_clock: trio.testing.MockClock) -> None:
    """Each route has its parameters and its options."""
    async with serving(routing.router, on_request=routing.on_request) as hall:
        async with hall.open("/rooms/lobby/5") as ws:
            assert await ws.receive() == "This is seat 5 in lobby."
            assert ws.response.headers["Set-Cookie"].startswith("session=")
        spoken: Any = {"subprotocols": ["widget.v1"], "origin": "https://a.example"}
        async with hall.open("/widget", **spoken, headers={"Cookie": "session=5"}) as ws:
            assert await ws.receive() == "You speak widget.v1."
            assert "Set-Cookie" not in ws.response.headers
        with pytest.raises(Rejected, match="401"):
            async with hall.open("/uploads/a"):
                pass
        login = {"Authorization": "Basic YWRhOmxvdmVsYWNl"}
        async with hall.open("/uploads/a/b.txt", headers=login) as ws:
            await ws.send(bytes(2_000_000))
            assert await ws.receive() == "ada has uploaded 2000000 bytes: a/b.txt"


async def test_pages(autojump_clock: trio.testing.MockClock) -> None:
    """Each page is of its kind."""
    async with serving(routing.router, on_request=routing.on_request) as hall:
        assert (await hall.ask("GET", "/health"))[2] == b"fine\n"
        assert (await hall.ask("HEAD", "/health"))[2] == b""
        assert b"<h1>&lt;b&gt;</h1>" in (await hall.ask("GET", "/rooms/%3Cb%3E"))[2]
        assert (await hall.ask("GET", "/rooms/a/seats.json"))[2] == b'{"room":"a","free":[3,5]}'
        status, headers, _ = await hall.ask("GET", "/")
        assert (status, headers["Location"]) == (303, "/rooms/lobby")


async def test_the_routes_in_a_network_of_memory(
    memory_network: MemoryNetwork, autojump_clock: trio.testing.MockClock
) -> None:
    """The program runs in a test as it is."""
    assert await routing.take_a_seat(memory_network) == "This is seat 5 in lobby."


async def test_the_server_of_the_routes() -> None:
    """The program starts."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(routing.main, "localhost", 0)
        async with open_websocket(f"ws://localhost:{server.port}/rooms/a/1") as ws:
            assert await ws.receive() == "This is seat 1 in a."
        nursery.cancel_scope.cancel()


# In production


def status(service: deployed.Service, path: str) -> int | None:
    answer = service.on_request(get(path))
    return None if answer is None else answer.status


async def test_a_deployed_server(
    memory_network: MemoryNetwork,
    autojump_clock: trio.testing.MockClock,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """It says when it is ready and when it is not, and ends within the time it is given."""
    service = deployed.Service()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        async with memory_network as network:
            assert (status(service, "/alive"), status(service, "/ready")) == (200, 503)
            async with trio.open_nursery() as nursery:
                with network.on("server"):
                    await nursery.start(service.run)
                assert systemd.recv(100) == b"READY=1"
                assert (status(service, "/ready"), status(service, "/live")) == (200, None)
                async with open_websocket("ws://server:8765/live") as ws:
                    os.kill(os.getpid(), signal.SIGTERM)
                    await trio.sleep(1)
                    assert systemd.recv(100) == b"STOPPING=1"
                    assert (status(service, "/alive"), status(service, "/ready")) == (200, 503)
                    ending = await ws.wait_closed()
                    at = trio.current_time()
    assert ending.code == CloseCode.SERVICE_RESTART
    assert deployed.KEEP_LISTENING <= at <= deployed.KEEP_LISTENING + deployed.TIMEOUT


def test_without_systemd_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no socket to tell it to, the program goes on."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    deployed.tell_systemd("READY=1")


def test_managers_wait_for_the_drain() -> None:
    """The managers give the program the time that its drain may take."""
    needed = deployed.KEEP_LISTENING + deployed.TIMEOUT
    unit = configparser.ConfigParser(interpolation=None)
    unit.read(DEPLOY / "echo.service", encoding="utf-8")
    assert int(unit["Service"]["TimeoutStopSec"]) > needed
    assert unit["Service"]["ExecStart"].endswith("/deployed.py")
    pod = (DEPLOY / "pod.yaml").read_text(encoding="utf-8")
    found = re.search(r"terminationGracePeriodSeconds: (\d+)", pod)
    assert found is not None
    assert int(found[1]) > needed
    assert set(re.findall(r"path: (/\w+)", pod)) == {"/alive", "/ready"}


@pytest.mark.parametrize(
    ("file", "lines"),
    [
        ("nginx.conf", ["proxy_set_header Host $http_host;", "proxy_read_timeout 75s;"]),
        ("apache.conf", ["ProxyPreserveHost On"]),
        ("haproxy.cfg", ["option httpchk GET /ready", "option redispatch 1", "timeout tunnel 75s"]),
        ("Caddyfile", ["stream_close_delay 5m"]),
        ("Containerfile", ['CMD ["python", "-u", "deployed.py"]']),
    ],
)
def test_the_lines_that_matter(file: str, lines: list[str]) -> None:
    """Each configuration has the lines that its page explains."""
    text = (DEPLOY / file).read_text(encoding="utf-8")
    assert [line for line in lines if line not in text] == []


def test_each_configuration_is_shown() -> None:
    """No file lies in the folder without being on the page."""
    howto = DEPLOY.parent.parent / "howto"
    pages = [howto / name for name in ("deployment.rst", "processes.rst")]
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert [f.name for f in DEPLOY.iterdir() if f"deploy/{f.name}" not in text] == []


async def test_a_server_that_was_not_activated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a service manager it opens a port itself."""
    monkeypatch.delenv("LISTEN_PID", raising=False)
    async with trio.open_nursery() as nursery:
        server = await nursery.start(activated.main, 0)
        async with open_websocket(f"ws://localhost:{server.port}") as ws:
            await ws.send("hello")
            assert await ws.receive() == "hello"
        nursery.cancel_scope.cancel()


def test_a_server_that_is_activated() -> None:
    """It takes the socket that it has inherited, and leaves alone that it was started late."""
    with socket.socket() as listening:
        listening.bind(("localhost", 0))
        listening.listen()
        port = listening.getsockname()[1]
        arguments = [sys.executable, "-c", ACTIVATE, str(listening.fileno())]
        with subprocess.Popen(arguments, cwd=TOP, pass_fds=[listening.fileno()]) as process:
            try:
                trio.run(say_hello, f"ws://localhost:{port}")
            finally:
                process.kill()


ACTIVATE = """
import os, sys, trio
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
from docs.snippets import activated
trio.run(activated.main)
"""


async def say_hello(url: str) -> None:
    with trio.fail_after(20):
        async with open_websocket(url) as ws:
            await ws.send("hello")
            assert await ws.receive() == "hello"


# Many listeners


async def test_all_who_keep_up_hear_everything(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """What is published reaches each listener; one that has closed is none any more."""
    audience = listeners.Listeners()
    async with serving(audience.handle) as hall, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(hall.open()) for _ in range(150)]
        await trio.testing.wait_all_tasks_blocked()
        await audience.publish("first")
        await clients[0].close()
        await trio.testing.wait_all_tasks_blocked()
        await audience.publish("second")
        for client in clients[1:]:
            assert [await client.receive(), await client.receive()] == ["first", "second"]


async def test_who_is_too_slow_is_sent_away(autojump_clock: trio.testing.MockClock) -> None:
    """A listener whose queue is full gets a Close with 1013, behind what it had taken."""
    audience = listeners.Listeners()
    limits = Limits(send_buffer=1000)
    async with (
        open_wired(False, limits=limits) as (ws, peer, wire),
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(audience.handle, ws)
        await settled()
        wire.stop_taking()
        for _ in range(3):
            await audience.publish(bytes(900))
            await settled()
        await audience.publish("it has left")
        wire.take_again()
        await settled()
        await peer.send_close()
    assert [len(frame.payload) for frame in frames_of(wire.written)[:-1]] == [900, 900]
    assert goodbye_of(wire.written) == (CloseCode.TRY_AGAIN_LATER, "too slow")


async def test_a_listener_that_ends_just_now(autojump_clock: trio.testing.MockClock) -> None:
    """A connection that is over, and whose handler does not know yet, is passed over."""
    audience = listeners.Listeners()
    async with open_wired(False) as (ws, peer, _), trio.open_nursery() as nursery:
        nursery.start_soon(audience.handle, ws)
        await settled()
        await peer.send_close()
        await peer.send_eof()
        while ws.ending is None:  # noqa: ASYNC110
            await trio.lowlevel.checkpoint()
        await audience.publish("late")
    assert ws.statistics().messages_sent == 0
