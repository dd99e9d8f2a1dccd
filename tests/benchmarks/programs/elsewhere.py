"""A program with the library from another folder.

``elsewhere server FOLDER PROGRAM ...`` is ``PROGRAM server ...``
with the ``trio_ws`` that lies in FOLDER.
The program itself stays the one of this tree.
"""

from __future__ import annotations

import runpy
import sys
from importlib.util import find_spec
from pathlib import Path


def main() -> None:
    """Be the program that the third argument names."""
    _, role, folder, program, *arguments = sys.argv
    sys.path.insert(0, folder)
    found = find_spec("trio_ws")
    if found is None or found.origin is None or Path(folder) not in Path(found.origin).parents:
        sys.exit(f"trio_ws comes from {found and found.origin}, not from {folder}")
    sys.argv[1:] = [role, *arguments]
    runpy.run_module(f"{__spec__.parent}.{program}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
