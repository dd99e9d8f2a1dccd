"""Draw the pictures of the documentation anew: ``python -m docs.diagrams``."""

from __future__ import annotations

from .pictures import FOLDER, PICTURES

for name, draw in PICTURES.items():
    (FOLDER / f"{name}.svg").write_text(draw(), encoding="utf-8")
    print(f"{name}.svg")
