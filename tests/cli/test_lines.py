"""Lines come from anything that can be read, and go to anything that can be written."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._cli import lines as lines_module
from trio_ws._cli.exits import CommandError
from trio_ws._cli.lines import OUTLET, Lines, Outlet, is_pipe, open_lines, open_writer


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    """Open a pipe; ends that a test closes are left alone."""
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            try:
                os.close(end)
            except OSError:
                continue


# In


async def read_all(pieces: list[bytes]) -> list[bytes]:
    """Return the lines in pieces that arrive one after another."""
    rest = iter([*pieces, b""])

    async def read() -> bytes:
        await trio.lowlevel.checkpoint()
        return next(rest)

    return [line async for line in Lines(read)]


pieces_without_returns = st.binary().map(lambda data: data.replace(b"\r", b"")).filter(bool)


@given(st.lists(pieces_without_returns, max_size=8))
def test_lines_do_not_depend_on_pieces(pieces: list[bytes]) -> None:
    """However the bytes arrive, the lines are those of the whole."""
    found = trio.run(read_all, pieces)
    whole = b"".join(pieces)
    expected = whole.split(b"\n")
    assert found == (expected if expected[-1] else expected[:-1])


async def test_ends_of_lines_are_left_out() -> None:
    """Those of other systems, too; a last line needs none."""
    assert await read_all([b"a\r", b"\nb\n\n", b"c"]) == [b"a", b"b", b"", b"c"]
    assert await read_all([]) == []


async def test_a_line_without_an_end_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would take all memory."""
    assert lines_module.MAX_LINE == 1 << 24
    monkeypatch.setattr(lines_module, "MAX_LINE", 1 << 20)
    with pytest.raises(CommandError, match="longer than 1 MiB"):
        await read_all([b"x" * 1000] * 2000)


async def test_a_pipe_is_waited_for_without_a_thread() -> None:
    """And it is as it was afterwards: others may have it, too."""
    with pipe() as (reading, writing):
        os.write(writing, b"a\nb\n")
        with open_lines(reading) as lines:
            assert [await anext(lines), await anext(lines)] == [b"a", b"b"]
            assert not os.get_blocking(reading)
            with trio.move_on_after(0):
                await anext(lines)
            os.write(writing, b"c\n")
            assert await anext(lines) == b"c"
        assert os.get_blocking(reading)


async def test_a_file_is_read_in_a_thread(tmp_path: Path) -> None:
    """Systems cannot wait for files."""
    (tmp_path / "file").write_bytes(b"a\nb")
    file = os.open(tmp_path / "file", os.O_RDONLY)
    with open_lines(file) as lines:
        assert [line async for line in lines] == [b"a", b"b"]
    os.close(file)


async def test_a_descriptor_that_is_not_open_has_no_lines() -> None:
    """As when a shell has closed standard input."""
    with pipe() as (reading, _):
        os.close(reading)
        with open_lines(reading) as lines:
            assert [line async for line in lines] == []


def test_pipes_and_sockets_can_be_waited_for(tmp_path: Path) -> None:
    """Files cannot, and neither can what is not open."""
    left, right = socket.socketpair()
    with pipe() as (reading, writing), left, right:
        assert is_pipe(reading) and is_pipe(writing) and is_pipe(left.fileno())
        os.close(reading)
        assert not is_pipe(reading)
    (tmp_path / "file").touch()
    with (tmp_path / "file").open("rb") as file:
        assert not is_pipe(file.fileno())


# Out


async def test_lines_are_written_in_gulps(nursery: trio.Nursery) -> None:
    """What is put while a gulp is on its way goes with the next."""
    gulps: list[bytes] = []
    go = trio.Event()

    async def write(data: bytes) -> None:
        gulps.append(data)
        await go.wait()

    outlet = Outlet(write)
    nursery.start_soon(outlet.run)
    await outlet.put(b"a")
    await trio.testing.wait_all_tasks_blocked()
    await outlet.put(b"b")
    await outlet.put(b"c")
    await trio.testing.wait_all_tasks_blocked()
    assert gulps == [b"a\n"]
    go.set()
    await outlet.flush()
    assert gulps == [b"a\n", b"b\nc\n"]
    await outlet.flush()
    nursery.cancel_scope.cancel()


async def test_an_outlet_that_is_full_makes_wait(nursery: trio.Nursery) -> None:
    """It holds a bound of bytes, and the line that went over it."""
    taken = trio.Event()

    async def write(data: bytes) -> None:
        await taken.wait()

    outlet = Outlet(write)
    nursery.start_soon(outlet.run)
    await outlet.put(b"x" * (OUTLET - 1))
    with trio.move_on_after(0) as scope:
        await outlet.put(b"y")
    assert scope.cancelled_caught
    taken.set()
    await outlet.flush()
    nursery.cancel_scope.cancel()


async def test_all_is_written_to_a_file_and_to_a_pipe(tmp_path: Path) -> None:
    """Also if it is more than a pipe takes at once."""
    data = bytes(range(256)) * 4096
    file = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    with open_writer(file) as write:
        await write(data)
    os.close(file)
    assert (tmp_path / "file").read_bytes() == data
    with pipe() as (reading, writing), open_writer(writing) as write, open_lines(reading) as lines:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(write, data + b"\n")
            got = [await anext(lines) for _ in range(data.count(b"\n") + 1)]
    assert b"\n".join(got) == data.replace(b"\r\n", b"\n")


async def test_a_reader_that_went_away_is_a_broken_pipe() -> None:
    """Whoever runs the command knows what that means."""
    with pipe() as (reading, writing), open_writer(writing) as write:
        os.close(reading)
        with pytest.raises(BrokenPipeError):
            await write(b"x")
