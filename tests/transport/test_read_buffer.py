"""`trio_ws._transport.read_buffer`: one buffer for all sockets of a run."""

from __future__ import annotations

import socket
import threading

import pytest
import trio

from trio_ws._transport.read_buffer import (
    BEGINNING_SIZE,
    READ_BUFFER_SIZE,
    ReadBuffer,
    current_read_buffer,
)
from trio_ws.testing._peer import BINARY, Frame, encode


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends that do not block."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    return ours, theirs


@pytest.mark.parametrize("tail", [b"", b"tail"])
def test_read(tail: bytes) -> None:
    """What arrives lies behind the tail; at the end there is nothing, not even the tail."""
    ours, theirs = pair()
    buffer = ReadBuffer()
    with ours, theirs:
        with pytest.raises(BlockingIOError):
            buffer.read(ours.fileno(), tail)
        theirs.sendall(b"hello")
        assert buffer.read(ours.fileno(), tail) == tail + b"hello"
        theirs.close()
        assert not buffer.read(ours.fileno(), tail)


@pytest.mark.parametrize("tail", [b"", bytes(range(256)) * 3])
def test_as_much_as_there_is_room_for(tail: bytes) -> None:
    """One read takes as much as fits behind the tail."""
    ours, theirs = pair()
    buffer = ReadBuffer()
    with ours, theirs:
        for sock, option in ((theirs, socket.SO_SNDBUF), (ours, socket.SO_RCVBUF)):
            sock.setsockopt(socket.SOL_SOCKET, option, 4 * READ_BUFFER_SIZE)
        theirs.setblocking(False)
        sent = theirs.send(bytes(2 * READ_BUFFER_SIZE))
        read = buffer.read(ours.fileno(), tail)
        assert len(read) == min(len(tail) + sent, READ_BUFFER_SIZE)
        assert read[: len(tail)] == tail
        assert not any(read[len(tail) :])


def test_room_for_whole_messages() -> None:
    """Four messages of 64 KiB that a client has sent fit, with their headers and masks."""
    assert 4 * len(encode(Frame(BINARY, bytes(64 * 1024), masked=True))) <= READ_BUFFER_SIZE


def test_read_beginning() -> None:
    """Less is read where a long message may begin; at the end there is nothing."""
    ours, theirs = pair()
    buffer = ReadBuffer()
    with ours, theirs:
        for sock, option in ((theirs, socket.SO_SNDBUF), (ours, socket.SO_RCVBUF)):
            sock.setsockopt(socket.SOL_SOCKET, option, 4 * READ_BUFFER_SIZE)
        with pytest.raises(BlockingIOError):
            buffer.read_beginning(ours.fileno())
        theirs.sendall(bytes(BEGINNING_SIZE) + b"the rest")
        assert len(buffer.read_beginning(ours.fileno())) == BEGINNING_SIZE
        assert bytes(buffer.read_beginning(ours.fileno())) == b"the rest"
        theirs.close()
        assert not buffer.read_beginning(ours.fileno())


def test_behind() -> None:
    """What is put behind a tail by other means lies there as well."""
    buffer = ReadBuffer()
    assert len(buffer.behind(b"")) == READ_BUFFER_SIZE
    room = buffer.behind(b"tail")
    room[:5] = b"hello"
    assert bytes(buffer.view[:9]) == b"tailhello"


async def test_one_for_the_run() -> None:
    """All connections of a run share one buffer."""
    assert current_read_buffer() is current_read_buffer()


def test_one_for_each_run() -> None:
    """Two runs have two buffers, in two threads as well as one after the other."""
    buffers = []

    async def main() -> None:
        buffers.append(current_read_buffer())

    threads = [threading.Thread(target=trio.run, args=(main,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    trio.run(main)
    assert len(set(map(id, buffers))) == 3
