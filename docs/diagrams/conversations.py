"""The conversations that pages show as sequences: closing, a handshake, three fragments."""

from __future__ import annotations

from docs.snippets import closings, three_fragments

from .sequences import Panel, arrow, overhear, side_by_side
from .svg import box, line, picture, text


def closing() -> str:
    """Draw a close by the client, one by the server, and one that is not answered."""
    return side_by_side(
        "A connection is closed by its client, by its server, and by the time",
        Panel("the client closes", overhear(closings.closed_by_the_client)),
        Panel("the server closes", overhear(closings.closed_by_the_server)),
        Panel("no answer comes", overhear(closings.closed_by_the_time, until=20)),
    )


def fragments() -> str:
    """Draw a message in three fragments, and a ping in the middle of it."""
    entries = overhear(three_fragments.main)
    panel = Panel("", entries, width=560, raw_client=True)
    return side_by_side("A message in three fragments, with a ping in between", panel)


HANDSHAKE = [
    (0, "TCP: SYN"),
    (1, "SYN, ACK"),
    (0, "GET /room, Upgrade: websocket"),
    (1, "101 Switching Protocols"),
    (1, "frame: Text 'Hello'"),
    (0, "frames, in both directions"),
]
"""Who says what: 0 is the client."""


def handshake() -> str:
    """Draw an opening handshake, with the token in the middle."""
    left, right, step, top = 132, 460, 46, 60
    parts = [text(left, 26, "client", "name", anchor="middle")]
    parts += [text(right, 26, "server", "name", anchor="middle")]
    bottom = top + step * len(HANDSHAKE)
    parts += [line(x, 34, x, bottom, "dashed") for x in (left, right)]
    for number, (side, what) in enumerate(HANDSHAKE):
        y = top + step * number
        start, end = (left, right) if side == 0 else (right, left)
        parts += arrow(start, y, end, y + step * 0.5, what)
    y = top + step * 2
    parts += [text(left - 12, y + 4, "a new key", "minor", anchor="end")]
    parts += [text(right + 12, y + step * 0.5 + 4, "key + GUID,", "minor")]
    parts += [text(right + 12, y + step * 0.5 + 20, "SHA-1, base64", "minor")]
    parts += [text(left - 12, y + step * 1.5 + 4, "compares", "minor", anchor="end")]
    parts += [box(left - 115, y - 18, right - left + 250, step * 2.05, "dashed")]
    parts += [text(right + 128, y - 4, "HTTP", "minor", anchor="end")]
    title = f"An opening handshake: {'; '.join(what for _, what in HANDSHAKE)}"
    return picture(title, right + 150, int(bottom), *parts)
