"""A parking lot that costs nothing until somebody parks.

`trio.lowlevel.ParkingLot` takes some 400 bytes even when it is empty.
A connection has several, and most connections are idle most of the time.
"""

from __future__ import annotations

import trio


class QuietLot:
    """`trio.lowlevel.ParkingLot`, made when it is first needed."""

    __slots__ = ("_lot",)

    def __init__(self) -> None:
        self._lot: trio.lowlevel.ParkingLot | None = None

    def __len__(self) -> int:
        return 0 if self._lot is None else len(self._lot)

    async def park(self) -> None:
        """Wait until `unpark_all`; a checkpoint."""
        if self._lot is None:
            self._lot = trio.lowlevel.ParkingLot()
        await self._lot.park()

    def unpark_all(self) -> None:
        """Wake everybody."""
        if self._lot is not None:
            self._lot.unpark_all()
