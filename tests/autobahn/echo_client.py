"""The client under test: it runs each case of a fuzzing server, and sends back what it gets.

    echo_client.py URL AGENT

The suite numbers the cases from 1 and says over a WebSocket of its own how many there are.
When all are done it is asked for its report, which here only tells it that we are done.
Prints the CPU seconds used.
"""

import sys
import time
from contextlib import suppress

import trio

from trio_ws import ConnectionClosed, Deflate, Limits, open_websocket

LIMITS = Limits(max_message_size=2**24, max_fragments=2**17)  # as in echo_server.py
COMPRESSION = Deflate(threshold=0)


async def count_cases(url: str) -> int:
    async with open_websocket(f"{url}/getCaseCount") as ws:
        return int(await ws.receive())


async def run_case(url: str) -> None:
    """Echo until the suite has closed the connection, or broken it, as most cases do."""
    with suppress(ConnectionClosed):
        async with open_websocket(
            url, heartbeat=None, limits=LIMITS, compression=COMPRESSION
        ) as ws:
            async for message in ws:
                await ws.send(message)


async def main(url: str, agent: str) -> None:
    for case in range(1, await count_cases(url) + 1):
        await run_case(f"{url}/runCase?case={case}&agent={agent}")
    async with open_websocket(f"{url}/updateReports?agent={agent}") as ws:
        await ws.wait_closed()
    print(time.process_time())


if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2])
