"""A server that Prometheus scrapes on the same port, and an instrument of one's own."""

from __future__ import annotations

import logging

import trio
from prometheus_client import REGISTRY, generate_latest

from trio_ws import Ending, Instrument, Request, Response, WebSocket, serve_websocket
from trio_ws.instruments import PrometheusInstrument

log = logging.getLogger("app")


async def echo(ws: WebSocket) -> None:
    async for message in ws:
        await ws.send(message)


def metrics_page(request: Request) -> Response | None:
    if request.path == "/metrics":
        return Response(200, {"Content-Type": "text/plain; version=0.0.4"}, generate_latest())
    return None


class LongConnections(Instrument):
    """Tell of connections that lasted for more than an hour."""

    def connection_closed(self, ws: WebSocket, ending: Ending) -> None:
        if ending.age > 3600:
            log.info("%s was connected for %.0f s", ws.remote_address, ending.age)


async def main(port: int = 8765) -> None:
    metrics = PrometheusInstrument()
    REGISTRY.register(metrics)
    instruments = [metrics, LongConnections()]
    await serve_websocket(echo, None, port, on_request=metrics_page, instruments=instruments)


if __name__ == "__main__":
    trio.run(main)
