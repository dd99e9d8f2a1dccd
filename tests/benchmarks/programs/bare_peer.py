"""No WebSocket: a TCP echo on Trio, which is the limit for whatever is built on it.

It shakes hands as everybody, and then sends back bytes as they come, knowing nothing of frames.
A client sends frames made beforehand, and counts bytes.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any
from urllib.parse import urlsplit

import trio

from ..wire import Talk, frame, frame_size, payload, request, response
from .line import Options, listening
from .talking import OnTrio, Watch, main

READ_SIZE = 64 * 1024


class Bare(OnTrio):
    """Bytes."""

    async def serve(self, options: Options) -> None:
        """Tell `line.listening`, and serve until killed."""
        tls = options.server_tls()
        async with trio.open_nursery() as nursery:
            if tls is None:
                tcp = await trio.open_tcp_listeners(0, host="127.0.0.1", backlog=1000)
                await nursery.start(trio.serve_listeners, self.handle, tcp)
                port = tcp[0].socket.getsockname()[1]
            else:
                ssl = await trio.open_ssl_over_tcp_listeners(0, tls, host="127.0.0.1")
                await nursery.start(trio.serve_listeners, self.handle, ssl)
                port = ssl[0].transport_listener.socket.getsockname()[1]  # type: ignore[attr-defined]
            listening(port)

    async def handle(self, stream: trio.abc.Stream) -> None:
        """Serve one connection."""
        try:
            await stream.send_all(response(await read_head(stream)))
            while data := await stream.receive_some(READ_SIZE):
                await stream.send_all(data)
        except trio.BrokenResourceError:
            pass

    async def work(self, options: Options, job: dict[str, Any]) -> dict[str, Any]:
        """Do what a job asks of a client: echo is all we know."""
        talk = Talk(*job["talk"])
        url = urlsplit(job["url"])
        assert url.hostname is not None
        assert url.port is not None
        tls = options.client_tls()
        stream: trio.abc.Stream = await trio.open_tcp_stream(url.hostname, url.port)
        if tls is not None:
            assert isinstance(stream, trio.SocketStream)
            stream = trio.SSLStream(
                stream, tls, server_hostname=url.hostname, https_compatible=True
            )
        await stream.send_all(request(talk.path, url.port))
        await read_head(stream)
        report = await keep_in_flight(stream, talk, job["seconds"])
        await trio.aclose_forcefully(stream)
        return report


async def read_head(stream: trio.abc.Stream) -> bytes:
    """Read the head of a request or a response, behind which nothing comes yet."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += await stream.receive_some(READ_SIZE)
    return head


async def keep_in_flight(stream: trio.abc.Stream, talk: Talk, seconds: float) -> dict[str, Any]:
    """For each message that comes back send one, for so long; count what came back by then."""
    one = frame(talk.kind, payload(talk.kind, talk.size), masked=True)
    many = memoryview(one * talk.messages)
    size = frame_size(talk.size, masked=False)
    watch, count, arrived = Watch(), 0, 0
    await stream.send_all(many)
    end = perf_counter() + seconds
    while perf_counter() < end:
        whole, arrived = divmod(arrived + len(await stream.receive_some(READ_SIZE)), size)
        if whole:
            count += whole
            await stream.send_all(many[: whole * len(one)])
    return watch.report(count)


if __name__ == "__main__":
    main(Bare())
