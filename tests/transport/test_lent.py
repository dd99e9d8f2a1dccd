"""`trio_ws._transport.lent`: streams that the application has, too."""

from __future__ import annotations

import gc
import weakref

import trio
from trio.testing import memory_stream_pair

from trio_ws._transport.lent import is_lent, lend

from ..streams import socket_pair


async def test_lending() -> None:
    """A stream is lent once that is said; others are not."""
    ours, theirs = socket_pair()
    assert isinstance(ours, trio.SocketStream)
    assert isinstance(theirs, trio.SocketStream)
    lend(ours)
    assert is_lent(ours)
    assert not is_lent(theirs)
    await ours.aclose()
    await theirs.aclose()


async def test_nothing_is_kept() -> None:
    """A stream that is lent is freed like any other; what is no socket is not noted at all."""
    lend(memory_stream_pair()[0])
    ours, theirs = socket_pair()
    lend(ours)
    await ours.aclose()
    await theirs.aclose()
    found = weakref.ref(ours)
    del ours
    gc.collect()
    assert found() is None
