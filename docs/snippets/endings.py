"""How connections end, as ``str(ending)`` tells it."""

from __future__ import annotations

from trio_ws import Close, Ending, Loss

ENDINGS = [
    Ending(sent=Close(1000), received=Close(1000)),
    Ending(received=Close(1001, "bye"), sent=Close(1001), received_first=True),
    Ending(loss=Loss.EOF),
    Ending(
        loss=Loss.HEARTBEAT,
        detail="nothing heard for 40.0 s; a ping sent 20.0 s ago was not answered",
        sent=Close(1011, "heartbeat timeout"),
    ),
    Ending(
        loss=Loss.VIOLATION,
        detail="invalid UTF-8",
        sent=Close(1007, "invalid UTF-8"),
    ),
    Ending(loss=Loss.UNANSWERED, detail="no answer in time", sent=Close(1000)),
]


def main() -> None:
    for ending in ENDINGS:
        print(ending)


if __name__ == "__main__":
    main()
