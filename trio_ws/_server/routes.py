"""The table of routes: from the segments of a path to what stands there.

A route is a pattern.  Each segment of it is a literal or takes a segment as a parameter;
the last may take the rest of the path::

    /rooms/{room}/{seat:int}        /files/{rest:path}

===============  ==============================================================================
``{name}``       any segment that is not empty
``{name:int}``   ``0`` to ``999999999999999999``, without sign and leading zeros; an `int`
``{name:path}``  the rest, slashes too, at least one segment
===============  ==============================================================================

The table is a tree with a level for each segment.
At each level a literal goes before an int, an int before any segment, that before the rest.
If a branch leads nowhere, the next one is tried.
So the order in which routes are added does not matter,
and no route hides another unless both are made of the same kinds of segments, which is refused.
A search visits each node of the tree once at most, however the path is made.
"""

from __future__ import annotations

import re
from typing import Any, Generic, NamedTuple, TypeVar

from .._validation import check_text
from .paths import check_literal

T = TypeVar("T")

INT, TEXT, REST = "int", "str", "path"
_PARAMETER = re.compile(r"\{([^{}:]*)(?::([^{}:]*))?\}")
_FOREIGN_PARAMETER = re.compile(r"<[^<>]*>")  # as Flask and werkzeug write it
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")


class Step(NamedTuple):
    """A segment of a pattern: a literal, or the name and the kind of a parameter."""

    literal: str | None = None
    name: str = ""
    kind: str = TEXT


class Pattern(NamedTuple):
    """A pattern, as it was written and as it is read."""

    text: str
    steps: tuple[Step, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the parameters, in order."""
        return tuple(step.name for step in self.steps if step.literal is None)


def parse_pattern(path: object) -> Pattern:
    """Read the pattern of a route.

    Raises:
        TypeError: it is no text.
        ValueError: it is no path, or none that a request can have.
    """
    check_text("path", path)
    assert isinstance(path, str)
    if not path.startswith("/"):
        raise ValueError(f"path must begin with '/', as '/rooms/{{room}}' does; got {path!r}")
    segments = path[1:].split("/")
    if "" in segments[:-1]:
        raise ValueError(f"path {path!r} is dead: '//' leads nowhere")
    pattern = Pattern(path, tuple(_parse_step(path, segment) for segment in segments))
    for name in pattern.names:
        if pattern.names.count(name) > 1:
            raise ValueError(f"path {path!r} has two parameters {name!r}")
    if any(step.kind == REST for step in pattern.steps[:-1]):
        raise ValueError(f"path {path!r} is dead: nothing can follow a parameter of kind path")
    return pattern


def _parse_step(path: str, segment: str) -> Step:
    parameter = _PARAMETER.fullmatch(segment)
    if parameter is None:
        if _FOREIGN_PARAMETER.fullmatch(segment):
            raise ValueError(
                f"path {path!r}: a parameter is written {{name}} or {{name:int}}, not {segment!r}"
            )
        if why := check_literal(segment):
            raise ValueError(f"path {path!r} is dead: {why}; see {segment!r}")
        return Step(segment)
    name, kind = parameter[1], TEXT if parameter[2] is None else parameter[2]
    if not name.isidentifier():
        raise ValueError(f"path {path!r}: a parameter has a name as variables have, not {name!r}")
    if kind not in (INT, TEXT, REST):
        raise ValueError(f"path {path!r}: a parameter is of kind int, str or path, not {kind!r}")
    return Step(None, name, kind)


class Leaf(Generic[T]):
    """What stands at a pattern."""

    __slots__ = ("names", "pattern", "value")

    def __init__(self, pattern: Pattern, value: T) -> None:
        self.pattern = pattern
        self.names = pattern.names
        self.value = value


class _Node(Generic[T]):
    """A place in the tree: what stands here, and what may follow."""

    __slots__ = ("leaf", "literals", "number", "rest", "text")

    def __init__(self) -> None:
        self.leaf: Leaf[T] | None = None
        self.literals: dict[str, _Node[T]] = {}
        self.number: _Node[T] | None = None
        self.text: _Node[T] | None = None
        self.rest: _Node[T] | None = None

    def child(self, step: Step) -> _Node[T]:
        """Return the node of a step, made if there is none yet."""
        if step.literal is not None:
            return self.literals.setdefault(step.literal, _Node())
        if step.kind == INT:
            self.number = self.number or _Node()
            return self.number
        if step.kind == TEXT:
            self.text = self.text or _Node()
            return self.text
        self.rest = self.rest or _Node()
        return self.rest

    def put(self, pattern: Pattern, value: T) -> Leaf[T]:
        """Return the leaf that stands here, made with `value` if there is none yet."""
        self.leaf = self.leaf or Leaf(pattern, value)
        return self.leaf

    def find(self, segments: list[str], at: int, values: list[Any]) -> Leaf[T] | None:
        """Return the leaf of a path; `values` is given what its parameters are."""
        if at == len(segments):
            return self.leaf
        segment = segments[at]
        node = self.literals.get(segment)
        if node and (leaf := node.find(segments, at + 1, values)):
            return leaf
        return self._find_parameter(segments, at, values) if segment else None

    def _find_parameter(self, segments: list[str], at: int, values: list[Any]) -> Leaf[T] | None:
        segment = segments[at]
        if self.number and _NUMBER.fullmatch(segment):
            values.append(int(segment))
            if leaf := self.number.find(segments, at + 1, values):
                return leaf
            values.pop()
        if self.text:
            values.append(segment)
            if leaf := self.text.find(segments, at + 1, values):
                return leaf
            values.pop()
        if self.rest:
            values.append("/".join(segments[at:]))
            return self.rest.leaf
        return None


class RouteTable(Generic[T]):
    """The routes, found by the segments of a path."""

    def __init__(self) -> None:
        self._root: _Node[T] = _Node()

    def put(self, pattern: Pattern, value: T) -> T:
        """Return what stands at a pattern; that is `value` if there is nothing yet.

        Raises:
            ValueError: a pattern of the same kinds of segments has other names.
        """
        node = self._root
        for step in pattern.steps:
            node = node.child(step)
        leaf = node.put(pattern, value)
        if leaf.pattern != pattern:
            raise ValueError(
                f"path {pattern.text!r} conflicts with {leaf.pattern.text!r}: "
                f"both match the same requests"
            )
        return leaf.value

    def find(self, segments: list[str]) -> tuple[T, dict[str, Any]] | None:
        """Return what stands at a path, and its parameters by name; None: nothing does."""
        values: list[Any] = []
        leaf = self._root.find(segments, 0, values)
        if leaf is None:
            return None
        return leaf.value, dict(zip(leaf.names, values, strict=True))
