"""TLS that Python cannot make its own peer do: new keys, and a new negotiation.

The peer is the ``openssl`` command, which takes orders on its standard input:
``K`` is a KeyUpdate that asks for ours (RFC 8446 §4.6.3), ``r`` a new negotiation of TLS 1.2.
"""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trustme

from trio_ws._transport.adapter import transport_on
from trio_ws._transport.base import Transport
from trio_ws._transport.network import TCPNetwork
from trio_ws._transport.tls_choice import accept_tls, client_tls_on
from trio_ws._transport.tls_transport import TLSTransport

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed"),
]


@asynccontextmanager
async def openssl(*arguments: str) -> AsyncGenerator[trio.Process]:
    """Run the command for the length of a block."""
    process = await trio.lowlevel.open_process(
        ["openssl", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            await trio.aclose_forcefully(pipe)


async def order(process: trio.Process, line: str) -> None:
    """Give it a line."""
    assert process.stdin is not None
    await process.stdin.send_all(f"{line}\n".encode())


async def said(process: trio.Process, wanted: str) -> None:
    """Wait until it has said something."""
    assert process.stdout is not None
    text = b""
    with trio.fail_after(20):  # noqa: ASYNC912 - the loop is entered
        while wanted.encode() not in text:
            more = await process.stdout.receive_some()
            assert more, text.decode()
            text += more


async def heard(transport: Transport, wanted: str) -> None:
    """Wait until we have received a line."""
    received = b""
    while not received.endswith(f"{wanted}\n".encode()):
        more = await transport.receive_some()
        assert more
        received += more


async def test_new_keys() -> None:
    """A peer may change its keys, and ask for ours to be changed; nothing of it is seen."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    [listener] = await TCPNetwork().listen("127.0.0.1", 0)
    port = listener.socket.getsockname()[1]
    async with listener, openssl("s_client", "-connect", f"127.0.0.1:{port}") as peer:
        transport = transport_on(await accept_tls(await listener.accept(), context))
        assert isinstance(transport, TLSTransport)
        for number in range(3):
            await order(peer, f"hello {number}")
            await heard(transport, f"hello {number}")
            await order(peer, "K")
            await said(peer, "KEYUPDATE")
            await order(peer, f"again {number}")
            await heard(transport, f"again {number}")
            await transport.send_all(f"answer {number}\n".encode())
            await said(peer, f"answer {number}")
        await transport.aclose()


async def test_a_new_negotiation(tmp_path: Path) -> None:
    """A server of TLS 1.2 may negotiate anew, while we read and while we write."""
    authority = trustme.CA()
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(tmp_path / "pem")
    context = ssl.create_default_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    authority.configure_trust(context)
    [listener] = await TCPNetwork().listen("127.0.0.1", 0)
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    arguments = ["-accept", f"127.0.0.1:{port}", "-cert", str(tmp_path / "pem"), "-tls1_2"]
    async with openssl("s_server", *arguments) as peer:
        await said(peer, "ACCEPT")
        transport = client_tls_on(
            await TCPNetwork().connect("127.0.0.1", port), context, "localhost"
        )
        assert isinstance(transport, TLSTransport)
        await transport.do_handshake()
        for number in range(3):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(heard, transport, f"hello {number}")
                await order(peer, "r")
                await said(peer, "SSL_do_handshake")
                await transport.send_all(f"answer {number}\n".encode())
                await said(peer, f"answer {number}")
                await order(peer, f"hello {number}")
        await transport.aclose()
