"""The documentation tells the truth: what it shows runs, and prints what it says.

That the pages can be built at all is CI's stage ``docs``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs import states
from trio_ws._protocol.states import Action, Input, State

from . import quickstart
from .trees import LIBRARY

TOP = Path(__file__).resolve().parent.parent
DOCS = TOP / "docs"
PAGES = sorted(DOCS.rglob("*.rst"))
README = (TOP / "README.md").read_text(encoding="utf-8")

PRINTS = {
    "examples/first_conversation.py": "first_conversation.txt",
    "docs/snippets/endings.py": "endings.txt",
    "docs/snippets/night.py": "night.txt",
    "tests/liveness_simulation.py": "liveness.txt",
}
"""Programs whose output is shown on a page."""


@pytest.mark.parametrize("program", PRINTS)
def test_what_is_shown_is_printed(program: str) -> None:
    """An output in the documentation is that of its program, numbers and order aside."""
    shown = (DOCS / "output" / PRINTS[program]).read_text(encoding="utf-8")
    done = subprocess.run(
        [sys.executable, TOP / program],
        env={**os.environ, "PYTHONPATH": str(TOP)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert sorted(map(shape, done.stdout.splitlines())) == sorted(map(shape, shown.splitlines()))


def shape(line: str) -> str:
    """Reduce a line to what stays the same from run to run."""
    return re.sub(r"pass?ed \S+|b'[^']*'", "…", quickstart.shape(line))


def test_readme_shows_the_demo() -> None:
    """The story in README is the one in the docs; `tests/demo/test_plain.py` compares it."""
    run, _ = quickstart.read(README)
    shown = (DOCS / "output" / "demo.txt").read_text(encoding="utf-8")
    assert list(run.shown) == shown.splitlines()


@pytest.mark.parametrize(
    "block", re.findall(r"^```python\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
)
def test_code_in_readme_is_code_of_an_example(block: str) -> None:
    """README cannot include files, so its code is compared with them."""
    examples = [path.read_text(encoding="utf-8") for path in (TOP / "examples").glob("*.py")]
    assert [code for code in examples if block in code]


def test_links_in_readme_lead_somewhere() -> None:
    """A link to a file of the project names one that is there."""
    links = re.findall(r"\]\(([^):]+)\)", README)
    assert links
    assert [link for link in links if not (TOP / link).exists()] == []


FIGURES = {
    "one message of 32 bytes in flight": "server-32Bx1",
    "64 messages of 32 bytes in flight": "server-32Bx64",
    "64 messages of 1 KiB in flight": "server-1KiBx64",
    "8 messages of 16 KiB in flight": "server-16KiBx8",
}
"""Rows of README's table, and the cells of the benchmark that they come from."""


def measured(cell: str) -> dict[str, float]:
    """Return the medians of a cell of the benchmark: echoes per second of each library."""
    lines = (DOCS / "output" / "speed.txt").read_text(encoding="utf-8").splitlines()
    head = next(line for line in lines if line.startswith("cell "))
    row = next(line for line in lines if line.startswith(f"{cell} ") and "wall /s" in line)
    names = re.split(r" {2,}", head)[2:]
    values = re.split(r" {2,}", re.sub(r" ±\d+%", "", row.split("wall /s")[1].strip()))
    return {name: float(value.replace(" ", "")) for name, value in zip(names, values, strict=True)}


@pytest.mark.parametrize("row", FIGURES)
def test_figures_in_readme_are_measured(row: str) -> None:
    """README's figures are those of the benchmark, rounded."""
    head = re.search(r"^\| (\| trio_ws .*) \|$", README, re.MULTILINE)
    line = re.search(rf"^\| {row} \| (.*) \|$", README, re.MULTILINE)
    assert head
    assert line
    figures = [float(cell.replace(",", "")) for cell in line[1].split(" | ")]
    found = measured(FIGURES[row])
    wanted = [found[name] for name in head[1].removeprefix("| ").split(" | ")]
    assert figures == pytest.approx(wanted, rel=0.03)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_python_on_a_page_is_included(page: Path) -> None:
    """No page has Python code of its own, which nobody would run."""
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"code-block:: *(python|pycon)|^ *>>>", text, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_files_on_a_page_are_there(page: Path) -> None:
    """A page that names a file of the examples, the tests or the library names one that exists."""
    text = page.read_text(encoding="utf-8")
    named = re.findall(r"``((?:examples|tests|docs|trio_ws)/[\w/.]+)``", text)
    named += [f"{module.replace('.', '/')}.py" for module in COMMANDS.findall(text)]
    places = (TOP, LIBRARY)  # where the library is installed, it is not beside the tests
    assert [name for name in named if not any((top / name).exists() for top in places)] == []


COMMANDS = re.compile(r"python -m ((?:examples|docs)\.[\w.]+)")
"""Programs of the documentation that a page says how to run."""


def test_snippets_are_used() -> None:
    """Each snippet and each output is shown on some page."""
    text = "".join(page.read_text("utf-8") for page in PAGES)
    files = [*(DOCS / "snippets").glob("*.[jp][sy]"), *(DOCS / "output").glob("*.txt")]
    hidden = {"endings.py"}  # shown by what it prints
    assert [f.name for f in files if f"/{f.name}" not in text and f.name not in hidden] == []


def test_the_table_of_states_has_every_cell() -> None:
    """The page's table has a row for each input and a column for each state."""
    head, *body = states.rows()
    assert head == ["", "OPEN", "CLOSING", "ENDED"]
    assert [row[0] for row in body] == [what.value for what in Input]
    assert all(len(row) == len(head) and all(row) for row in body)
    assert states.cell(State.OPEN, Input.SEND_CLOSE) == f"{Action.QUEUE.value} → CLOSING"


def test_the_picture_of_states_has_every_step() -> None:
    """The picture names each state and all that leads from one to another."""
    picture = states.picture()
    named = [*(state.name for state in State), Input.SEND_CLOSE.value, Input.LOSS.value]
    assert [name for name in named if name not in picture] == []
    assert picture.count(Input.CLOSE.value) == 2  # from OPEN and from CLOSING


def test_every_promise_and_law_is_on_its_page() -> None:
    """Where code, tests or pages name a promise or a law by number, the page has it."""
    page = (DOCS / "explain" / "promises.rst").read_text(encoding="utf-8")
    promises = set(re.findall(r"^(P\d+)\. ", page, re.MULTILINE))
    laws = set(re.findall(r"^(\d+)\. ", page, re.MULTILINE))
    text = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("trio_ws", "tests", "docs")
        for path in sorted((TOP / folder).rglob("*"))
        if path.suffix in {".py", ".rst"}
    )
    named = set(re.findall(r"(?<![\w.])P\d{1,2}(?![\w.]\d)\b", text)) - {"P2P"}
    assert promises == {f"P{number}" for number in range(1, 14)}
    assert named <= promises
    assert set(re.findall(r"\b[Ll]aw (\d+)", text)) <= laws
