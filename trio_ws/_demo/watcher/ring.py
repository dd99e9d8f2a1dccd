"""What has happened, kept for those who step back: the last 5 MB of it.

A record is JSON, and is written once, however many pages read it.
Each reader has a place of its own in the ring.
If a reader is so slow that the ring has moved past its place, it goes on with the oldest record.
"""

from __future__ import annotations

import json
from collections import deque
from itertools import islice
from typing import Any

import trio

CAPACITY = 5_000_000
BATCH = 256 * 1024
"""So many bytes are read at once, and one record more."""


class Ring:
    """Records, the oldest of which are forgotten.

    Attributes:
        first: the number of the oldest record that is there.
        size: bytes that are kept.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.first = 0
        self.size = 0
        self._capacity = capacity
        self._records: deque[str] = deque()
        self._news = trio.Event()

    @property
    def end(self) -> int:
        """Return the number that the next record will have."""
        return self.first + len(self._records)

    def add(self, record: dict[str, Any]) -> None:
        """Keep a record, and forget the oldest ones if there is no room."""
        text = json.dumps(record, separators=(",", ":"))  # ASCII: a character is a byte
        self._records.append(text)
        self.size += len(text)
        while self.size > self._capacity:
            self.size -= len(self._records.popleft())
            self.first += 1
        news, self._news = self._news, trio.Event()
        news.set()

    def read(self, place: int) -> tuple[str, int]:
        """Return records from a place on, as a JSON array, and the place behind them."""
        start = max(place, self.first)
        texts: list[str] = []
        size = 0
        for text in islice(self._records, start - self.first, None):
            texts.append(text)
            size += len(text)
            if size > BATCH:
                break
        return f"[{','.join(texts)}]", start + len(texts)

    async def wait_beyond(self, place: int) -> None:
        """Wait until there is a record at a place."""
        while self.end <= place:
            await self._news.wait()
