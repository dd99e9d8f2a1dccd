"""What can be done to the world, as a table: the page draws it, `World.press` obeys it.

Each button has one key, so that all of it works without a mouse.
"""

from __future__ import annotations

from dataclasses import dataclass

CODES = (1000, 1001, 1008, 1011, 1012, 1013, 4000, 4500)
"""The close codes that the page offers; `World.press` takes each code that may be sent."""


@dataclass(frozen=True, slots=True)
class Button:
    """Something that can be done to the world.

    Attributes:
        name: what the page sends.
        label: what it says.
        key: the key that presses it.
        does: what it does, in a sentence.
    """

    name: str
    label: str
    key: str
    does: str


BUTTONS = {
    button.name: button
    for button in (
        Button(
            "cut",
            "Cut the cable",
            "c",
            "Both ends are told at once. For 6 s there is no way to the server.",
        ),
        Button(
            "black_hole",
            "Black-hole it",
            "b",
            "The connection loses every byte from now on, and neither end is told. "
            "A new connection would work.",
        ),
        Button(
            "freeze",
            "Freeze the peer",
            "f",
            "For 12 s the server's host takes bytes and says nothing. Then it goes on.",
        ),
        Button(
            "slow",
            "Slow the application",
            "s",
            "For 12 s the client takes 2 s over each message.",
        ),
        Button(
            "flood",
            "Flood",
            "o",
            "The server sends 600 messages of 4 KiB as fast as it can.",
        ),
        Button(
            "restart",
            "Restart the server",
            "r",
            "The server is cancelled, is down for 3 s, and is started again.",
        ),
        Button(
            "close",
            "Close with a code",
            "k",
            "The server's handler closes the connection with the code beside the button.",
        ),
        Button(
            "raise",
            "Let the handler raise",
            "h",
            "A task of the server's handler raises RuntimeError.",
        ),
        Button(
            "ctrl_c",
            "Ctrl-C",
            "i",
            "KeyboardInterrupt is raised in the client's program, as Ctrl-C would do it.",
        ),
    )
}
