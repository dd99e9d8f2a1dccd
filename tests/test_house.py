"""The house itself: what is public, what the documents say, what the tree may hold."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import tomllib
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

import trio_ws

from . import quickstart

TOP = Path(__file__).resolve().parent.parent
PACKAGE = Path(trio_ws.__file__).parent

PUBLIC = ["trio_ws", "trio_ws.debug", "trio_ws.instruments", "trio_ws.testing"]

TOP_LEVEL = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "docs",
    "examples",
    "pyproject.toml",
    "tests",
    "trio_ws",
}

FOREIGN = {
    "a place on the machine it was written on": r"(?<![\w.~])/(?:root|home|work|Users)/\w",
    "a folder outside the project": r"\.\./shared",
    "a host of a package registry": r"\b(?:pypi|pythonhosted|npmjs|debian)\.(?:org|com)\b",
}


def tracked() -> list[Path]:
    """List the files that git knows, or skip: an unpacked archive has no list."""
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=TOP, check=False, capture_output=True, text=True
    )
    if done.returncode or not done.stdout:
        pytest.skip("not a git checkout")
    return [Path(name) for name in done.stdout.split("\0") if name]


def public_objects() -> list[tuple[str, str, object]]:
    """List (module, name, object) for every public name."""
    modules = [importlib.import_module(name) for name in PUBLIC]
    return [(m.__name__, name, getattr(m, name)) for m in modules for name in m.__all__]


def documentable(thing: object) -> bool:
    """Tell what can carry a docstring and a module of its own."""
    return inspect.isclass(thing) or inspect.isroutine(thing)


@pytest.mark.parametrize("module", PUBLIC)
def test_all_is_complete(module: str) -> None:
    """``__all__`` names each public name of its module, once."""
    found = importlib.import_module(module)
    public = {
        name
        for name in dir(found)
        if not name.startswith("_") and not inspect.ismodule(getattr(found, name))
    }
    assert sorted(found.__all__) == sorted(public - {"annotations"})


def test_public_names_live_where_they_are_imported_from() -> None:
    """A public class or function says that it comes from the public module."""
    strangers = [
        f"{thing.__module__}.{name}"
        for module, name, thing in public_objects()
        if documentable(thing) and thing.__module__ != module
    ]
    assert strangers == []


def test_public_names_are_documented() -> None:
    """Every public class and function, and every public member of a class, has a docstring."""
    bare = []
    for module, name, thing in public_objects():
        if documentable(thing):
            members = [(name, thing), *public_members(name, thing)]
            bare += [f"{module}.{n}" for n, t in members if not inspect.getdoc(t)]
    assert bare == []


def public_members(owner: str, thing: object) -> list[tuple[str, object]]:
    """List the methods and properties that a class defines itself and lets others use."""
    return [
        (f"{owner}.{name}", value)
        for name, value in vars(thing).items()
        if not name.startswith("_") and (documentable(value) or isinstance(value, property))
    ]


def test_the_reference_has_every_public_name() -> None:
    """docs/reference.rst documents exactly the public names, each once."""
    documented: list[str] = []
    module = ""
    for line in (TOP / "docs" / "reference.rst").read_text(encoding="utf-8").splitlines():
        if found := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = found[1]
        elif found := re.match(r"\.\. auto(?!module)\w+:: (\w+)", line):
            documented.append(f"{module}.{found[1]}")
    assert sorted(documented) == sorted(f"{module}.{name}" for module, name, _ in public_objects())


def types_in(annotation: object) -> set[type]:
    """Return the classes that an annotation names, however deep."""
    if isinstance(annotation, type) and not get_args(annotation):
        return {annotation}
    inner = [
        part for arg in get_args(annotation) for part in (arg if isinstance(arg, list) else [arg])
    ]
    return set().union(*map(types_in, inner))


def signatures_of(thing: object) -> list[object]:
    """List what has a signature that users meet: a function, or what a class lets others use."""
    if not inspect.isclass(thing):
        return [thing] if inspect.isroutine(thing) else []
    if thing is trio_ws.Throttle:  # made and handed over; its methods are not documented
        return []
    members = [value for _, value in public_members("", thing)]
    return [value.fget if isinstance(value, property) else value for value in members]


def test_types_of_public_signatures_are_public() -> None:
    """Whoever wraps a function of ours can write down each type that stands in its signature."""
    public = {thing for _, _, thing in public_objects() if inspect.isclass(thing)}
    private = set()
    for _, name, thing in public_objects():
        for function in signatures_of(thing):
            hints = get_type_hints(function)
            used = set().union(*map(types_in, hints.values()))
            private |= {
                f"{name}: {kind.__qualname__}"
                for kind in used - public
                if kind.__module__.startswith("trio_ws")
            }
    assert private == set()


def test_the_version_is_known_without_looking_it_up() -> None:
    """`trio_ws.__version__` is that of pyproject.toml, and importing it reads no metadata."""
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert trio_ws.__version__ == project["version"]


def test_every_example_and_module_says_what_it_is() -> None:
    """Each file of the package and of examples/ opens with a docstring."""
    files = [*PACKAGE.rglob("*.py"), *(TOP / "examples").rglob("*.py")]
    assert [
        path.name
        for path in files
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ] == []


def test_the_top_level_is_the_agreed_one() -> None:
    """Nothing is tracked at the top but what the design names, dot-files aside."""
    assert {p.parts[0] for p in tracked() if not p.parts[0].startswith(".")} == TOP_LEVEL


@pytest.mark.parametrize("what", FOREIGN)
def test_the_tree_names_nothing_foreign(what: str) -> None:
    """A user has the project and nothing else, so the project must not name more."""
    named = []
    for path in tracked():
        try:
            text = (TOP / path).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        named += [f"{path}: {found[0]}" for found in re.finditer(FOREIGN[what], text)]
    assert named == []


def test_quick_start_has_two_commands() -> None:
    """README's quick start runs the main job, then the tests, and needs no third command."""
    job, test = quickstart.read((TOP / "README.md").read_text(encoding="utf-8"))
    assert job.shown
    assert test.line.endswith(" && python -m tests")


README = """\
```sh
elsewhere
```
## Quick start
```sh
one
```
```text
at 1.5 s
```
```sh
two
```
## More
```sh
elsewhere
```
"""


def test_quick_start_is_read_as_data() -> None:
    """Commands come from ``sh`` blocks of the one section, what they print from ``text`` blocks."""
    one, two = quickstart.read(README)
    assert (one.line, two.line) == ("one", "two")
    assert quickstart.missing(one, "  at 22 s\n") == []
    assert quickstart.missing(one, "on 22 s\n") == ["at 1.5 s"]


def test_the_changelog_tells_of_this_version() -> None:
    """CHANGELOG.md has an entry for what is unreleased, or for the version of pyproject.toml."""
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    changelog = (TOP / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]
    newest = sections[0]
    assert newest.startswith(("[Unreleased]", f"[{project['version']}]"))
    assert re.search(r"^- ", newest, re.MULTILINE)


CONTRIBUTING = (TOP / "CONTRIBUTING.md").read_text(encoding="utf-8")

BANNED = [
    "everybody",
    "fast lane",
    "gulp",
    "in a hurry",
    "inbox",
    "journal",
    "judge",
    "lobby",
    "nobody",
    "outbox",
    "patience",
    "reception",
    "somebody",
    "tally",
    "whoever",
]
"""Words for which the glossary has others, or of persons where the code has things."""


def section(title: str) -> str:
    """Return a section of CONTRIBUTING.md."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## )", CONTRIBUTING, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def glossary() -> dict[str, str]:
    """Return each word of the glossary with the file in which it is at home."""
    rows = re.findall(r"^\| ([\w ]+) \| .* \| `([\w/.]+)` \|$", section("Words"), re.MULTILINE)
    return dict(rows)


def test_the_walks_lead_through_files_that_are_there() -> None:
    """Each file that a walk through the house names exists."""
    files = re.findall(r"`(\w+(?:/\w+)*\.py)`", section("How to find your way"))
    assert len(files) > 30
    assert [name for name in files if not (PACKAGE / name).is_file()] == []


@pytest.mark.parametrize(("word", "file"), glossary().items())
def test_the_glossary_speaks_of_the_code(word: str, file: str) -> None:
    """A word of the glossary stands in the file that the glossary names for it."""
    text = (PACKAGE / file).read_text(encoding="utf-8").lower()
    names = {word, word.replace(" ", "_"), word.replace(" ", "")}
    assert any(name in text for name in names)


def test_the_glossary_is_one() -> None:
    """It has its words in order, and some forty of them at least."""
    words = list(glossary())
    assert words == sorted(words)
    assert len(words) >= 40


@pytest.mark.parametrize("word", BANNED)
def test_words_of_another_house(word: str) -> None:
    """A word has one meaning in the tree; some have none any more."""
    found = [
        f"{path.relative_to(PACKAGE)}:{number}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(rf"\b{word}s?\b", line, re.IGNORECASE)
    ]
    assert found == []
