"""`trio_ws._connection.idle_compressors`: memory is given back after a while."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from trio_ws import Deflate
from trio_ws._connection.idle_compressors import IdleCompressors, current_idle_compressors
from trio_ws._protocol.extensions.deflate import DeflateCodec
from trio_ws.testing import open_websocket_pair

MESSAGE = "a message that is long enough to be compressed, and compressed again" * 3


def codec_of(seconds: float | None) -> DeflateCodec:
    """Return a codec that has compressed something."""
    agreement = Deflate(idle_release=seconds).accept_offer(())
    assert agreement is not None
    codec = agreement.codec
    assert isinstance(codec, DeflateCodec)
    codec.encode(MESSAGE.encode(), finished=True)
    return codec


def is_held(codec: DeflateCodec) -> bool:
    """Return True if the compressor's memory is held."""
    return codec._compressor is not None


async def test_release(autojump_clock: trio.testing.MockClock) -> None:
    """A compressor is released after the time given, and no more than twice that."""
    idle, codec = IdleCompressors(), codec_of(60)
    idle.watch(codec)
    await trio.sleep(59)
    assert is_held(codec)
    codec.encode(MESSAGE.encode(), finished=True)
    await trio.sleep(2)
    assert is_held(codec)
    await trio.sleep(60)
    assert not is_held(codec)
    codec.encode(MESSAGE.encode(), finished=True)
    await trio.sleep(121)
    assert not is_held(codec)
    idle.forget(codec)


async def test_several(autojump_clock: trio.testing.MockClock) -> None:
    """Each has its own time; the shortest says how often they are looked at."""
    idle, slow, fast, never = IdleCompressors(), codec_of(100), codec_of(10), codec_of(None)
    for codec in (slow, fast, never):
        idle.watch(codec)
    await trio.sleep(10.5)
    assert [is_held(codec) for codec in (slow, fast, never)] == [True, False, True]
    await trio.sleep(90)
    assert [is_held(codec) for codec in (slow, fast, never)] == [False, False, True]
    for codec in (slow, fast, never):
        idle.forget(codec)


async def test_nothing_is_left(autojump_clock: trio.testing.MockClock) -> None:
    """The task ends with the last connection, and begins again with the next one."""
    before = trio.lowlevel.current_statistics().tasks_living
    idle = IdleCompressors()
    for _ in range(2):
        one, two = codec_of(60), codec_of(60)
        idle.watch(one)
        idle.watch(two)
        await trio.testing.wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().tasks_living == before + 1
        idle.forget(one)
        idle.forget(two)
        idle.forget(two)
        await trio.testing.wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().tasks_living == before


async def test_a_new_one_while_the_last_one_ends(autojump_clock: trio.testing.MockClock) -> None:
    """A compressor that comes before the task has ended is looked after, too."""
    idle, old, new = IdleCompressors(), codec_of(60), codec_of(60)
    idle.watch(old)
    await trio.testing.wait_all_tasks_blocked()
    idle.forget(old)
    idle.watch(new)
    await trio.sleep(120.5)
    assert not is_held(new)
    idle.forget(new)


async def test_a_zero_is_no_busy_loop(autojump_clock: trio.testing.MockClock) -> None:
    """Who wants nothing kept is looked at once a second."""
    idle, codec = IdleCompressors(), codec_of(0)
    idle.watch(codec)
    await trio.sleep(1.5)
    assert not is_held(codec)
    idle.forget(codec)


@pytest.mark.parametrize("seconds", [60, None])
async def test_connections(seconds: float | None, autojump_clock: trio.testing.MockClock) -> None:
    """Each connection with compression is looked after for as long as it lives."""
    idle = current_idle_compressors()
    async with open_websocket_pair(compression=Deflate(idle_release=seconds), heartbeat=None) as (
        client,
        server,
    ):
        await trio.testing.wait_all_tasks_blocked()
        assert len(idle._watched) == (0 if seconds is None else 2)
        for _ in range(2):
            await client.send(MESSAGE)
            assert await server.receive() == MESSAGE
            codec = client._core.deflate
            assert codec is not None
            assert is_held(codec)
            await trio.sleep(130)
            assert is_held(codec) is (seconds is None)
    assert idle._watched == {}
