"""What one end of a connection wrote and read."""

from __future__ import annotations

import trio
import trio.testing

from trio_ws.testing._log import MUCH, Log, Seen

from .lines import open_line, receive_exactly

Clock = trio.testing.MockClock


async def test_what_is_kept_of_a_connection_is_bounded(autojump_clock: Clock) -> None:
    """After 16 MiB nothing more is written down."""
    async with open_line() as (_, client, server):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.send_all, bytes(MUCH + 1))
            await receive_exactly(server, MUCH)
            assert server.log.complete
            await receive_exactly(server, 1)
        assert not server.log.complete
        assert not client.log.complete


async def test_entries(autojump_clock: Clock) -> None:
    """Each has its time, its direction and its bytes."""
    log = Log()
    start = trio.current_time()
    log.add(b"a", sent=True)
    await trio.sleep(2)
    log.add(b"b", sent=False)
    assert log.entries == [Seen(start, True, b"a"), Seen(start + 2, False, b"b")]
    assert log.complete
