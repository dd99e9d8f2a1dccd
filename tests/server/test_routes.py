"""`trio_ws._server.routes`: patterns, and which of them a path belongs to."""

from __future__ import annotations

import re
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_ws._server.routes import Pattern, RouteTable, parse_pattern

from ..cpu import cpu_seconds


def table_of(*texts: str) -> RouteTable[str]:
    """Return a table in which each pattern leads to its own text."""
    table: RouteTable[str] = RouteTable()
    for text in texts:
        assert table.put(parse_pattern(text), text) == text
    return table


def find(table: RouteTable[str], path: str) -> tuple[str, dict[str, Any]] | None:
    return table.find(path[1:].split("/"))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("/", ()),
        ("/a/b/", ()),
        ("/rooms/{room}/{seat:int}", ("room", "seat")),
        ("/{rest:path}", ("rest",)),
        ("/{größe:str}/ä b", ("größe",)),
    ],
)
def test_patterns(text: str, names: tuple[str, ...]) -> None:
    """A pattern knows the names of its parameters, in order."""
    assert parse_pattern(text).names == names


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "path must begin with '/', as '/rooms/{room}' does; got ''"),
        ("rooms", "path must begin with '/'"),
        ("http://a/b", "path must begin with '/'"),
        ("//a", "is dead: '//' leads nowhere"),
        ("/a//b", "is dead: '//' leads nowhere"),
        ("/a/../b", "path '/a/../b' is dead: a client resolves '.' and '..'; see '..'"),
        ("/a?b", "is dead: a query follows the path"),
        ("/a%20b", "is dead: a route is written decoded"),
        ("/a{b}", "a parameter is a whole segment, as {name} is; see 'a{b}'"),
        ("/{a", "a parameter is a whole segment"),
        ("/<int:a>", "a parameter is written {name} or {name:int}, not '<int:a>'"),
        ("/<a>/b", "a parameter is written {name} or {name:int}, not '<a>'"),
        ("/{a:b:c}", "a parameter is a whole segment"),
        ("/{a/b}", "a parameter is a whole segment"),
        ("/{}", "a parameter has a name as variables have, not ''"),
        ("/{:int}", "a parameter has a name as variables have, not ''"),
        ("/{a b}", "a parameter has a name as variables have, not 'a b'"),
        ("/{a:}", "of kind int, str or path, not ''"),
        ("/{a:float}", "of kind int, str or path, not 'float'"),
        ("/{a}/b/{a}", "has two parameters 'a'"),
        ("/{a:path}/b", "is dead: nothing can follow a parameter of kind path"),
        ("/{a:path}/", "is dead: nothing can follow a parameter of kind path"),
    ],
)
def test_no_patterns(text: str, why: str) -> None:
    """What no request can match is refused, with the reason."""
    with pytest.raises(ValueError, match=re.escape(why)):
        parse_pattern(text)


@pytest.mark.parametrize("text", [None, b"/a", 5, re.compile("/a")])
def test_no_text(text: Any) -> None:
    """A pattern is a text."""
    with pytest.raises(TypeError, match="path must be a str, not"):
        parse_pattern(text)


TABLE = [
    *("/", "/a", "/a/", "/a/b", "/a/{x}", "/a/{x:int}", "/a/{x:path}"),
    *("/{y}/b/c", "/{y:int}/b", "/files/{rest:path}", "/deep/{a:int}/{b}/{c:int}"),
]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/", ("/", {})),
        ("/a", ("/a", {})),
        ("/a/", ("/a/", {})),
        ("/a/b", ("/a/b", {})),
        ("/a/c", ("/a/{x}", {"x": "c"})),
        ("/a/5", ("/a/{x:int}", {"x": 5})),
        ("/a/0", ("/a/{x:int}", {"x": 0})),
        ("/a/007", ("/a/{x}", {"x": "007"})),
        ("/a/-5", ("/a/{x}", {"x": "-5"})),
        ("/a/٥", ("/a/{x}", {"x": "٥"})),
        ("/a/" + "9" * 18, ("/a/{x:int}", {"x": 10**18 - 1})),
        ("/a/" + "9" * 19, ("/a/{x}", {"x": "9" * 19})),
        ("/a/" + "9" * 5000, ("/a/{x}", {"x": "9" * 5000})),
        ("/a/b/c", ("/a/{x:path}", {"x": "b/c"})),
        ("/a/b/", ("/a/{x:path}", {"x": "b/"})),
        ("/5/b/c", ("/{y}/b/c", {"y": "5"})),
        ("/5/b", ("/{y:int}/b", {"y": 5})),
        ("/files/x", ("/files/{rest:path}", {"rest": "x"})),
        ("/files/x/y/z", ("/files/{rest:path}", {"rest": "x/y/z"})),
        ("/deep/1/2/3", ("/deep/{a:int}/{b}/{c:int}", {"a": 1, "b": "2", "c": 3})),
        ("/files/", None),
        ("/files", None),
        ("/A", None),
        ("/x", None),
        ("/x/b", None),
        ("/deep/1/2/x", None),
        ("/deep/1/2/3/4", None),
        ("/5/b/c/d", None),
    ],
)
def test_found(path: str, found: Any) -> None:
    """The most specific pattern is chosen; a branch that leads nowhere is left again."""
    assert find(table_of(*TABLE), path) == found


def test_the_order_does_not_matter() -> None:
    """In whatever order routes are added, a path belongs to the same one."""
    patterns = ["/{x}", "/{x:int}", "/{x:path}", "/a"]
    for order in permutations(patterns):
        table = table_of(*order)
        found = [find(table, path) for path in ("/a", "/1", "/b", "/b/c")]
        assert [each and each[0] for each in found] == ["/a", "/{x:int}", "/{x}", "/{x:path}"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/{a}", "/{b}"),
        ("/x/{a:int}/y", "/x/{b:int}/y"),
        ("/{a:path}", "/{b:path}"),
        ("/{a}/{b}", "/{b}/{a}"),
    ],
)
def test_conflicts(one: str, other: str) -> None:
    """Two patterns that match the same paths conflict; the error names both."""
    table = table_of(one)
    with pytest.raises(ValueError, match=re.escape(f"{other!r} conflicts with {one!r}")):
        table.put(parse_pattern(other), other)
    assert table.put(parse_pattern(one), "another") == one


# Compared with a definition that is slow and plain

WEIGHT = {"int": 1, "str": 2, "path": 3}
STEPS = st.sampled_from(["a", "b", "1", "{:int}", "{:str}"])
PATTERNS = st.builds(
    lambda steps, last: "/" + "/".join([*steps, *last]),
    st.lists(STEPS, max_size=3),
    st.sampled_from([["a"], ["{:int}"], ["{:str}"], ["{:path}"], [""]]),
)


def named(text: str) -> str:
    """Give each parameter of a pattern its number for a name."""
    numbers = iter(range(9))
    return re.sub("{", lambda _: f"{{p{next(numbers)}", text)


def as_expression(pattern: Pattern) -> str:
    kinds = {"int": "(0|[1-9][0-9]{0,17})", "str": "([^/]+)", "path": "([^/]+(?:/.*)?)"}
    steps = [
        re.escape(s.literal) if s.literal is not None else kinds[s.kind] for s in pattern.steps
    ]
    return "/" + "/".join(steps)


def weight(pattern: Pattern) -> list[int]:
    return [0 if step.literal is not None else WEIGHT[step.kind] for step in pattern.steps]


@given(
    st.lists(PATTERNS.map(named), unique=True, max_size=8),
    st.lists(st.sampled_from(["a", "b", "1", "x"]), max_size=4),
    st.booleans(),
)
def test_as_defined(texts: list[str], segments: list[str], slash: bool) -> None:
    """It finds what trying all patterns finds, from the most specific to the least."""
    path = "/" + "/".join(segments) + "/" * (slash and bool(segments))
    patterns = sorted(map(parse_pattern, texts), key=weight)
    fits = [(p, m) for p in patterns if (m := re.fullmatch(as_expression(p), path))]
    found = find(table_of(*texts), path)
    if not fits:
        assert found is None
    else:
        pattern, match = fits[0]
        assert found is not None
        assert found[0] == pattern.text
        assert [str(value) for value in found[1].values()] == list(match.groups())


def test_no_path_is_slow() -> None:
    """A path that comes close to many routes costs a visit to each of their nodes, no more."""
    kinds = ["a", "{:int}", "{:str}"]
    texts = [
        named(f"/{x}/{y}/{z}/{w}/end") for x in kinds for y in kinds for z in kinds for w in kinds
    ]
    table = table_of(*[text.replace("a", "1") for text in texts])
    segments = ["1"] * 4 + ["x"] * 4000
    with cpu_seconds() as spent:
        for _ in range(100):
            assert table.find(segments) is None
    assert spent[0] < 0.5
