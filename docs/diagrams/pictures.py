"""All pictures that scripts draw for the documentation, by name.

``python -m docs.diagrams`` writes them beside this file.
A test draws each of them again and compares.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from docs import states

from . import conversations, frames, steps, tree_pictures

FOLDER = Path(__file__).resolve().parent

PICTURES: dict[str, Callable[[], str]] = {
    **{f"tree_{name}": partial(tree_pictures.draw, name) for name in tree_pictures.CHAPTERS},
    "closing": conversations.closing,
    "fragments": conversations.fragments,
    "frame": frames.frame,
    "handshake": conversations.handshake,
    "protocol_states": states.picture,
    "supervisor_steps": steps.supervisor,
}
