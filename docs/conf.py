"""How the documentation is built: ``python -m sphinx -W -n docs docs/_build``."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, GoogleDocstring

TOP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP))  # document the checkout that these pages lie in

project = "trio_ws"
author = "the trio_ws authors"
copyright = f"2026, {author}"
release = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["_build"]

# `name` in backticks is a link where the name is documented here, and code where it is not.
default_role = "py:obj"

autoclass_content = "class"
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True

# Strict about links between these pages, lenient about names that live elsewhere:
# inventories of other projects are not fetched, so that the build needs no network.
nitpicky = True
nitpick_ignore_regex = [
    ("py:obj", r".*"),
    ("py:.*", r"(trio|ssl|typing|collections|contextlib|types|enum|dataclasses)\..*"),
    ("py:.*", r"(?!trio_ws\b)[a-z]\w*(\.\w+)*"),
    ("py:.*", r"[A-Z]\w*Error|[A-Z]\w*Exception|Exception|None|Any|Callable|Iterable|Iterator"),
]

html_theme = "furo"
html_title = f"trio_ws {release}"
html_copy_source = False
pygments_style = "friendly"
pygments_dark_style = "monokai"


def read_sections(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Read Google-style sections (``Attributes:`` and so on) in docstrings.

    The extension napoleon would do it too,
    but takes "word: sentence" in a property's docstring for a type and its description.
    """
    if what not in {"attribute", "data", "property"}:
        lines[:] = GoogleDocstring(lines, Config(napoleon_use_ivar=True)).lines()


def setup(app: Sphinx) -> None:
    """Hook into the build."""
    app.connect("autodoc-process-docstring", read_sections)
