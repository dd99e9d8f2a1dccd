"""How the documentation is built: ``python -m sphinx -W -n docs docs/_build``."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.ext.napoleon import Config, GoogleDocstring
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective

TOP = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TOP), str(TOP / "docs")]  # document the checkout that these pages lie in

import remedies  # noqa: E402
import states  # noqa: E402

from trio_ws._handshake.origins import OriginRule  # noqa: E402

project = "trio_ws"
author = "the trio_ws authors"
copyright = f"2026, {author}"
release = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
rst_prolog = ".. currentmodule:: trio_ws\n"

# `name` in backticks is a link where the name is documented here, and code where it is not.
default_role = "py:obj"

MADE_BY_US = {
    f"trio_ws.{name}"
    for name in ("IncomingMessage", "ReconnectingWebSocket", "Server", "Supervisor", "WebSocket")
} | {
    f"trio_ws.testing.{name}"
    for name in ("FaultProxy", "Injection", "LeftBehind", "ScriptMismatch", "Transcript")
}
autoclass_content = "class"
autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True

# Strict about links between these pages, lenient about names that live elsewhere:
# inventories of other projects are not fetched, so that the build needs no network.
nitpicky = True
nitpick_ignore_regex = [
    ("py:obj", r".*"),
    ("py:class", r"dict\[str"),  # a field's type, split at its comma beside a default factory
    ("py:.*", r"trio_ws\._.*"),
    ("py:.*", r"(trio|ssl|typing|collections|contextlib|types|enum|dataclasses)\..*"),
    ("py:.*", r"(?!trio_ws\b)[a-z]\w*(\.\w+)*"),
    ("py:.*", r"[A-Z]\w*Error|[A-Z]\w*Exception|Exception|None|Any|Callable|Iterable|Iterator"),
]

html_theme = "furo"
html_title = f"trio_ws {release}"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["pages.css"]
python_maximum_signature_line_length = 80
pygments_style = "friendly"
pygments_dark_style = "monokai"


def read_sections(
    app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Read Google-style sections (``Attributes:`` and so on) in docstrings.

    The extension napoleon would do it too,
    but takes "word: sentence" in a property's docstring for a type and its description.
    """
    if isinstance(obj, OriginRule):  # ask for what is written behind it, not for its class's
        rules = ModuleAnalyzer.for_module("trio_ws._handshake.origins").find_attr_docs()
        lines[:] = rules["", name.rpartition(".")[2]]
    lines[:] = GoogleDocstring(lines, Config(napoleon_use_ivar=False)).lines()


def hide_constructors(
    app: Sphinx, what: str, name: str, obj: object, options: object, signature: str, returns: str
) -> tuple[str, str] | None:
    """Show no arguments of a class that only the library itself makes instances of.

    A default that is made for each instance has no form that Sphinx could read.
    """
    if name in MADE_BY_US:
        return "", ""
    return (signature.replace("<factory>", "...") if signature else signature), returns


class Diagram(SphinxDirective):
    """``.. diagram:: NAME`` is a picture of ``diagrams/``, in the colours of the page."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make it."""
        path = TOP / "docs" / "diagrams" / f"{self.arguments[0]}.svg"
        self.env.note_dependency(str(path))
        return [nodes.raw("", path.read_text(encoding="utf-8"), format="html")]


class ProtocolTable(SphinxDirective):
    """``.. protocol-table::`` is the table of `states.rows`."""

    def run(self) -> list[nodes.Node]:
        """Make it."""
        self.env.note_dependency(states.__file__)
        return [table(states.rows())]


class RemedyTable(SphinxDirective):
    """``.. remedy-table::`` is the table of `remedies.rows`."""

    def run(self) -> list[nodes.Node]:
        """Make it."""
        self.env.note_dependency(remedies.__file__)
        return [table(remedies.rows())]


def table(rows: list[list[str]]) -> nodes.table:
    """Make a table; the first row is its head."""
    head, *body = rows
    group = nodes.tgroup("", cols=len(head))
    group += [nodes.colspec("", colwidth=1) for _ in head]
    group += nodes.thead("", row(head))
    group += nodes.tbody("", *map(row, body))
    return nodes.table("", group)


def row(cells: list[str]) -> nodes.row:
    """Make a row of a table."""
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", text)) for text in cells))


def setup(app: Sphinx) -> None:
    """Hook into the build."""
    app.connect("autodoc-process-docstring", read_sections)
    app.connect("autodoc-process-signature", hide_constructors)
    app.add_directive("diagram", Diagram)
    app.add_directive("protocol-table", ProtocolTable)
    app.add_directive("remedy-table", RemedyTable)
