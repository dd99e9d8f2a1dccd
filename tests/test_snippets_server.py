"""The snippets on running a server do what their pages say: who may connect, and how it ends."""

from __future__ import annotations

import base64
import configparser
import os
import re
import signal
import socket
import ssl
from pathlib import Path

import pytest
import trio
import trio.testing
import trustme

from docs.snippets import authentication, client_certificates, deployed
from trio_ws import (
    CloseCode,
    ConnectionClosed,
    HandshakeError,
    Headers,
    Rejected,
    Request,
    Response,
    WebSocket,
    open_websocket,
)
from trio_ws.testing import MemoryNetwork, open_websocket_pair

DEPLOY = Path(__file__).resolve().parent.parent / "docs" / "snippets" / "deploy"


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


@pytest.mark.parametrize(
    ("credentials", "user"),
    [("Ada:t0", "Ada"), ("Bob:t0", None), ("Ada:t1", None), ("Ada", None), ("", None)],
)
def test_a_name_and_a_password(credentials: str, user: str | None) -> None:
    """Both must be right; a header of another kind, or a malformed one, is no proof."""
    encoded = base64.b64encode(credentials.encode()).decode()
    request = get("/", Authorization=f"Basic {encoded}")
    assert authentication.user_by_password(GATE, request) == user
    for header in (f"Bearer {encoded}", "Basic !", "Basic /w==", ""):
        assert authentication.user_by_password(GATE, get("/", Authorization=header)) is None


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
        ("haproxy.cfg", ["option httpchk GET /ready", "timeout tunnel 75s"]),
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
    page = (DEPLOY.parent.parent / "howto" / "deployment.rst").read_text(encoding="utf-8")
    assert [f.name for f in DEPLOY.iterdir() if f"deploy/{f.name}" not in page] == []
