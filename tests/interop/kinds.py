"""Which peers there are, and what is known about each of them.

The table below says what a peer's library can do or show,
so that a scenario is run only where it makes sense and nothing is skipped in silence.
"""

from __future__ import annotations

import enum
import importlib.util
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
TOP = HERE.parent.parent


class Can(enum.Enum):
    """What not every peer can do, or does not show its user."""

    SERVE = enum.auto()
    """Be the server."""
    PING = enum.auto()
    """Send pings."""
    BEAT = enum.auto()
    """Send pings by itself, at an interval."""
    SHOW_PINGS = enum.auto()
    """Tell that a ping arrived."""
    SHOW_PONGS = enum.auto()
    """Tell that a pong arrived which nobody waited for."""
    FRAGMENT = enum.auto()
    """Send a message in fragments."""
    COUNT_FRAMES = enum.auto()
    """Tell in how many frames a message came."""
    COMPRESS = enum.auto()
    """Offer compression."""
    ABORT = enum.auto()
    """Drop the connection without a close frame."""
    FREEZE = enum.auto()
    """Be stopped by a signal, and go on after another."""
    CLOSE_EMPTY = enum.auto()
    """Send a close frame without a code."""
    CLOSE_AS_ANYBODY = enum.auto()
    """Send the close codes that a browser keeps from its pages: all but 1000 and 3000–4999."""
    SET_HEADERS = enum.auto()
    """Add headers to its handshake."""
    SHOW_REJECTION = enum.auto()
    """Tell the status of a rejected handshake."""
    SHOW_REJECTION_BODY = enum.auto()
    """Tell the body of a rejected handshake."""
    ECHO_CODE = enum.auto()
    """Answer a close frame with the same code."""
    SHOW_REPLY = enum.auto()
    """Tell what stood in the frame that answered its own close frame."""


@dataclass(frozen=True)
class Kind:
    """One peer: its name, what it can do, and what it needs to run."""

    name: str
    abilities: frozenset[Can]
    lacks: Callable[[], str | None]
    command: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.name


def _library(module: str, *cannot: Can) -> Kind:
    name = module.replace("_", "-")

    def lacks() -> str | None:
        if importlib.util.find_spec(module) is None:
            return f'{name} is not installed; `pip install -e ".[bench]"` brings it'
        return None

    command = (sys.executable, "-m", f"{__package__}.peers.{module}_peer")
    return Kind(name, frozenset(Can) - set(cannot), lacks, command)


def _lacks_node() -> str | None:
    if shutil.which("node") is None:
        return "node is not installed"
    if not (HERE / "peers" / "node_modules" / "ws").exists():
        return f"ws for Node is not installed; `python -m {__package__}.install` brings it"
    return None


def _lacks_chromium() -> str | None:
    if shutil.which("chromium") is None:
        return f"chromium is not installed; `python -m {__package__}.install` brings it"
    return None


TRIO_WEBSOCKET = _library(
    "trio_websocket",
    Can.BEAT,
    Can.SHOW_PINGS,
    Can.SHOW_PONGS,
    Can.FRAGMENT,
    Can.COUNT_FRAMES,
    Can.COMPRESS,
    Can.CLOSE_EMPTY,
)

LIBRARIES = (
    _library("websockets", Can.SHOW_PONGS, Can.CLOSE_EMPTY),
    _library(
        "aiohttp",
        Can.FRAGMENT,
        Can.COUNT_FRAMES,
        Can.CLOSE_EMPTY,
        Can.SHOW_REJECTION_BODY,
        Can.ECHO_CODE,
        Can.SHOW_REPLY,
    ),
    TRIO_WEBSOCKET,
    Kind(
        "node-ws",
        frozenset(Can) - {Can.COUNT_FRAMES},
        _lacks_node,
        ("node", str(HERE / "peers" / "node_peer.cjs")),
    ),
)

CHROMIUM = Kind(
    "chromium",
    frozenset({Can.COMPRESS, Can.CLOSE_EMPTY, Can.ECHO_CODE, Can.SHOW_REPLY}),
    _lacks_chromium,
)

KINDS = (*LIBRARIES, CHROMIUM)
