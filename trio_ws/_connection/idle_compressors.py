"""Compressors that have nothing to do give their memory back (`Deflate.idle_release`).

One task of the run looks at all of them now and then.  So a message costs nothing more,
and a connection no timer: what counts is whether the number of messages has changed
since the last look.  That is at least `idle_release` seconds without a message, at most twice that.
"""

from __future__ import annotations

from typing import final

import trio

from .._concurrency.per_run import PerRun
from .._protocol.extensions.deflate import DeflateCodec


class _Watched:
    """A compressor, and what was seen of it."""

    __slots__ = ("codec", "seconds", "seen", "since")

    def __init__(self, codec: DeflateCodec, seconds: float, now: float) -> None:
        self.codec = codec
        self.seconds = seconds
        self.since = now
        self.seen = codec.messages_sent

    def look(self, now: float) -> None:
        """Release the compressor if it has had nothing to do for long enough."""
        if self.codec.messages_sent != self.seen:
            self.seen, self.since = self.codec.messages_sent, now
        elif now >= self.since + self.seconds:
            self.codec.release()


@final
class IdleCompressors:
    """The compressors of one Trio run."""

    def __init__(self) -> None:
        self._watched: dict[DeflateCodec, _Watched] = {}
        self._nap: trio.CancelScope | None = None

    def watch(self, codec: DeflateCodec) -> None:
        """Release a compressor when it is idle, until `forget` is called."""
        if codec.idle_release is None:
            return
        now = trio.current_time()
        self._watched[codec] = _Watched(codec, codec.idle_release, now)
        if self._nap is None:
            self._nap = trio.CancelScope(deadline=now + codec.idle_release)
            trio.lowlevel.spawn_system_task(self._run, name="trio_ws idle compressors")
        else:
            self._nap.deadline = min(self._nap.deadline, now + codec.idle_release)

    def forget(self, codec: DeflateCodec) -> None:
        """Look after a compressor no more: its connection is over."""
        self._watched.pop(codec, None)
        if not self._watched and self._nap is not None:
            self._nap.cancel()

    async def _run(self) -> None:
        """Look at all of them, as often as the most impatient one wants it."""
        while self._watched:
            assert self._nap is not None
            with self._nap:
                await trio.sleep_forever()
            now = trio.current_time()
            for watched in self._watched.values():
                watched.look(now)
            nearest = min((each.seconds for each in self._watched.values()), default=0.0)
            self._nap = trio.CancelScope(deadline=now + max(nearest, 1.0))
        self._nap = None


current_idle_compressors: PerRun[IdleCompressors] = PerRun(
    "trio_ws idle compressors", IdleCompressors
)
