"""The inputs that are kept: for each target a text file, an input a line, in base64.

So they are small, they can be read in a diff, and no tool takes them for anything else.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parent / "corpus"

MAX_INPUT = 400
MAX_INPUTS = 60
"""What is kept of a target: so many inputs, short ones and long ones, none longer than that."""


def load(target: str) -> list[bytes]:
    """Return the inputs that are kept for a target."""
    path = FOLDER / f"{target}.txt"
    if not path.exists():
        return []
    return [base64.b64decode(line) for line in path.read_text(encoding="ascii").split()]


def keep(target: str, inputs: Iterable[bytes]) -> int:
    """Write the file of a target; return how many inputs it has."""
    some = sorted(
        {each for each in inputs if 0 < len(each) <= MAX_INPUT}, key=lambda each: (len(each), each)
    )
    step = max(1.0, len(some) / MAX_INPUTS)
    chosen = [some[int(place * step)] for place in range(min(len(some), MAX_INPUTS))]
    lines = [base64.b64encode(each).decode() + "\n" for each in chosen]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{target}.txt").write_text("".join(lines), encoding="ascii")
    return len(lines)


def unpack(inputs: Iterable[bytes], folder: Path) -> None:
    """Write inputs into a folder, a file each, as libFuzzer wants them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, each in enumerate(inputs):
        (folder / f"{number:04}").write_bytes(each)
