"""`trio_ws._message_channel`: what can be used like a connection."""

from __future__ import annotations

import trio
import trio.testing

from trio_ws import Ending, MessageChannel
from trio_ws.testing import open_websocket_pair


class Shouting:
    """A wrapper of one's own, which is a message channel by its methods alone."""

    def __init__(self, inner: MessageChannel) -> None:
        self._inner = inner

    @property
    def ending(self) -> Ending | None:
        return self._inner.ending

    async def send(self, message: str | bytes | bytearray | memoryview, /) -> None:
        await self._inner.send(message.upper() if isinstance(message, str) else message)

    async def receive(self) -> str | bytes:
        return await self._inner.receive()

    def __aiter__(self) -> Shouting:
        return self

    async def __anext__(self) -> str | bytes:
        return await self._inner.__anext__()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._inner.close(code, reason)

    async def aclose(self) -> None:
        await self._inner.aclose()


async def talk(channel: MessageChannel) -> list[str | bytes]:
    """Use nothing but what every message channel has."""
    await channel.send("hello")
    heard = [await channel.receive()]
    await channel.close()
    return heard + [message async for message in channel]


async def test_a_wrapper_is_one(autojump_clock: object) -> None:
    """Code that takes a message channel works with a connection and with a wrapper around it."""
    for wrap, answer in ((lambda ws: ws, "hello"), (Shouting, "HELLO")):
        async with open_websocket_pair() as (client, server), trio.open_nursery() as nursery:
            channel: MessageChannel = wrap(client)
            assert isinstance(channel, MessageChannel)
            assert channel.ending is None

            async def echo() -> None:
                async for message in server:
                    await server.send(message)

            nursery.start_soon(echo)
            assert await talk(channel) == [answer]
            assert channel.ending is not None
            await channel.aclose()


def test_what_is_none() -> None:
    """A stream of bytes is no message channel."""
    assert not isinstance(trio.testing.memory_stream_pair()[0], MessageChannel)
