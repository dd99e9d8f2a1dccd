"""A receiver on the only socket of a run waits for the socket, not for the bell.

Why that pays is told in `_transport.lone_socket`; what has to stay true is this.

The poller has set the socket aside, so nothing rings.
The task reads when it wakes (`Reader.answer`), and leaves the socket to the poller *behind* that:
before it, what is about to be read would ring.
If it is cancelled, it leaves the socket to the poller at once.

It keeps a place among the receivers, so that it is counted, and woken by a message in the queue
and by the end.  Unlike a parked task it may be cancelled first and woken then, in one turn.
What it was woken for is then for another receiver, or for the reader.
"""

from __future__ import annotations

import trio

from .._concurrency.slim import Elsewhere, SlimParkingLot
from .._transport.base import Transport
from .bell import Bell


async def wait_alone(
    transport: Transport, receivers: SlimParkingLot, bell: Bell, lone: Elsewhere
) -> bool:
    """Wait until something can be read, or until woken; return True; a checkpoint."""
    receivers.enter(lone)
    try:
        await lone.wait()
    except (trio.ClosedResourceError, OSError):  # woken; the system refuses
        lone.release()
    except BaseException:  # cancelled
        lone.release()
        transport.take_back()
        if not receivers.leave(lone):
            receivers.unpark()
            bell.wake_reader()
        raise
    else:
        lone.release()
        bell.note_arrival()
    receivers.leave(lone)
    return True
