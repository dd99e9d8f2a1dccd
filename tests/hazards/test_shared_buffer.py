"""All sockets of a run are read into one buffer: no connection sees what another has received."""

from __future__ import annotations

import random
from contextlib import AsyncExitStack
from functools import partial

import pytest
import trio

from trio_ws._connection.block import ConnectionBlock
from trio_ws._transport.read_buffer import current_read_buffer
from trio_ws.testing._peer import BINARY, CLOSE, TEXT, Frame, encode

from ..wires import both_roles
from .test_sockets import tcp_pair, websocket

pytestmark = pytest.mark.usefixtures("each_way_to_wait")

SIZES = [0, 1, 125, 126, 3_000, 65_535, 65_536, 70_000, 300_000]
"""Around each step of the header, and of what is kept in which way."""

LETTERS = "abcdef"


def pieces_of(letter: str, chance: random.Random, client: bool) -> tuple[bytes, int]:
    """Make a stream of messages of one letter, and a Close; return how long they are in total."""
    sizes = chance.choices(SIZES[:5], k=12) + chance.sample(SIZES, k=3)
    chance.shuffle(sizes)
    stream = b"".join(
        encode(Frame(chance.choice([TEXT, BINARY]), (letter * size).encode(), masked=not client))
        for size in sizes
    )
    return stream + encode(Frame(CLOSE, b"\x03\xe8", masked=not client)), sum(sizes)


async def send_in_pieces(
    stream: trio.abc.HalfCloseableStream, data: bytes, chance: random.Random
) -> None:
    """Send, cut anywhere, and let others run in between."""
    while data:
        size = chance.choice([1, 10, 1_000, 50_000])
        await stream.send_all(data[:size])
        data = data[size:]
    await stream.send_eof()


async def scribble() -> None:
    """Fill the buffer with secrets whenever nothing is being read."""
    buffer = current_read_buffer()
    while True:
        buffer.view[:] = b"!" * len(buffer.view)
        await trio.lowlevel.checkpoint()


@both_roles
@pytest.mark.parametrize("number", range(5))
async def test_secrets(number: int, client: bool) -> None:
    """Whatever lies in the buffer, and however frames are cut, each gets its own messages."""
    chance = random.Random(number)
    async with AsyncExitStack() as stack:
        nursery = await stack.enter_async_context(trio.open_nursery())
        nursery.start_soon(scribble)

        async def receive(letter: str) -> None:
            ours, theirs = await tcp_pair()
            data, missing = pieces_of(letter, chance, client)
            ws = websocket(ours, client=client)
            async with theirs, ConnectionBlock(ws), trio.open_nursery() as sending:
                sending.start_soon(partial(send_in_pieces, theirs, data, chance))
                async for message in ws:
                    text = message if isinstance(message, str) else message.decode()
                    assert not text.strip(letter)
                    missing -= len(text)
            assert not missing
            left.remove(letter)
            if not left:
                nursery.cancel_scope.cancel()

        left = list(LETTERS)
        for letter in LETTERS:
            nursery.start_soon(receive, letter)
    assert not left
