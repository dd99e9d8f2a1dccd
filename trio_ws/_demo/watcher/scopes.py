"""Which blocks a task is in: its cancel scopes and nurseries, the outermost first.

Trio's public interface shows the nurseries of a task and the cancel scope of each.
A scope that the code opens itself is shown nowhere: ``with trio.move_on_after(5):``.
But the interpreter knows it.  While a coroutine waits inside a ``with`` block, it holds the
bound method ``__exit__`` of what it will leave, and `gc.get_referents` lists what it holds,
in the order in which the blocks were entered.  (Trio finds its way through async generators
by the same function.)  That is CPython's way, not a promise of the language.

Three kinds of things are found so:

* a `trio.CancelScope`;
* what `contextlib` makes of a generator (`trio.fail_after` is that): the generator is looked into;
* a nursery: Trio says which.

A block that is being left is found by the ``self`` of its ``__aexit__``:
a nursery waits there for its tasks.
What is only being entered, or left, and is still held, does not count.

**Where that ends, our own objects speak.**  A block of the library enters a nursery or a scope
by hand, in its ``__aenter__``.  No frame shows it, so `NURSERIES`, `SCOPES` and `BLOCKS` say
under which private names it keeps them.
This is the only place of the demo that uses names which are not public.
"""

from __future__ import annotations

import gc
import inspect
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType, FrameType, MethodType
from typing import Any

import trio

LEAVES = frozenset({"__exit__", "__aexit__"})
PASSING = frozenset({"__aenter__", "__aexit__"})

NURSERIES = {"ConnectionBlock": "_nursery_manager", "BackgroundTask": "_nursery_manager"}
"""By the name of a class: the nursery that its ``__aenter__`` opens; it is open to the end."""

SCOPES = {
    "ConnectionBlock": "_connection.core.body",
    "BackgroundTask": "_body",
    "HandshakeSlot": "_scope",
}
"""The scope that is entered after that; the first thing that is left."""

BLOCKS = {"SupervisedBlock": "_block", "Block": "_manager", "MemoryNetwork": "_block"}
"""The block around which it is a block."""


@dataclass(frozen=True, slots=True)
class Entered:
    """A block that a task is in.

    Attributes:
        scope: the cancel scope; that of the nursery, if it is one.
        nursery: the nursery, or None.
        function: the name of the function that entered it.
        file: where that is.
        maker: the name of the class of ours that entered it, or "".
    """

    scope: trio.CancelScope
    nursery: trio.Nursery | None
    function: str
    file: str
    maker: str


def iter_awaited(task: trio.lowlevel.Task) -> Iterator[Any]:
    """Yield what a task waits in: coroutines, generators, async generators; the outermost first."""
    waiting: Any = task.coro
    while waiting is not None and frame_of(waiting) is not None:
        yield waiting
        waiting = _awaited_by(waiting)
        while waiting is not None and frame_of(waiting) is None:  # an `anext`, or the like
            waiting = next(filter(frame_of, gc.get_referents(waiting)), None)


def _kind(waiting: Any) -> str:
    """Return how the names begin that Python gives to the parts of such an object."""
    if inspect.iscoroutine(waiting):
        return "cr"
    if inspect.isasyncgen(waiting):
        return "ag"
    return "gi" if inspect.isgenerator(waiting) else ""


def _awaited_by(waiting: Any) -> Any:
    kind = _kind(waiting)
    return getattr(waiting, "gi_yieldfrom" if kind == "gi" else f"{kind}_await")


def frame_of(waiting: Any) -> FrameType | None:
    """Return the frame of a coroutine, a generator, or an async generator; else None."""
    kind = _kind(waiting)
    frame: FrameType | None = getattr(waiting, f"{kind}_frame") if kind else None
    return frame


def entered_blocks(task: trio.lowlevel.Task) -> list[Entered]:
    """Return the blocks that a task is in; it must be waiting, or not have begun."""
    nurseries = iter(task.child_nurseries)
    managers = set()
    blocks = []
    place = "", ""
    for waiting, then in itertools.pairwise([*iter_awaited(task), None]):
        if (code := _code(waiting)).co_name not in PASSING:
            place = code.co_qualname.replace(".<locals>", ""), code.co_filename
        for found, maker in (*_left(waiting), *_held(waiting, then)):
            if isinstance(found, trio.CancelScope):
                blocks.append(Entered(found, None, *place, maker))
            elif id(found) not in managers:
                managers.add(id(found))
                nursery = next(nurseries)
                blocks.append(Entered(nursery.cancel_scope, nursery, *place, maker))
    # On an interpreter that holds its blocks otherwise, no task gets lost.
    blocks += [Entered(nursery.cancel_scope, nursery, *place, "") for nursery in nurseries]
    return blocks


def _code(waiting: Any) -> CodeType:
    frame = frame_of(waiting)
    assert frame is not None  # `iter_awaited` yields no other
    return frame.f_code


# Each of these yields scopes, and the managers of nurseries; with each, which class of ours has it.

Found = Iterator[tuple[Any, str]]


def _held(waiting: Any, then: Any = None) -> Found:
    """Yield what a coroutine or generator will leave, but for what it just enters or leaves."""
    passing = _passing(then)
    for held in gc.get_referents(waiting):
        if isinstance(held, MethodType) and held.__name__ in LEAVES:
            manager = held.__self__
            if passing is None or not _is_around(manager, passing):
                yield from _within(manager, "")


def _passing(then: Any) -> Any:
    """Return the manager that is entered or left by a coroutine; None: it does neither."""
    frame = frame_of(then)
    if frame is None or frame.f_code.co_name not in PASSING:
        return None
    return frame.f_locals.get("self")


def _is_around(manager: Any, inner: Any) -> bool:
    """Return True if `inner` is the manager, or the block within it."""
    while manager is not None and manager is not inner:
        manager = _follow(manager, BLOCKS.get(type(manager).__name__))
    return manager is inner


def _left(waiting: Any) -> Found:
    """Yield the nursery of a block that is being left, and waits for it."""
    if _code(waiting).co_name == "__aexit__":
        yield from _nursery_of(_passing(waiting), "")


def _nursery_of(manager: Any, maker: str) -> Found:
    name = type(manager).__name__
    if name == "NurseryManager":
        yield manager, maker
    elif (inner := _follow(manager, NURSERIES.get(name))) is not None:
        yield from _nursery_of(inner, name)


def _within(manager: Any, maker: str) -> Found:
    """Yield what a manager has entered."""
    name = type(manager).__name__
    if isinstance(manager, trio.CancelScope):
        yield manager, maker
    elif frame_of(getattr(manager, "gen", None)) is not None:  # what `contextlib` makes
        for found, inside in _held(manager.gen):
            yield found, maker or inside
    else:
        yield from _nursery_of(manager, maker)
        for inner in (_follow(manager, SCOPES.get(name)), _follow(manager, BLOCKS.get(name))):
            if inner is not None:
                yield from _within(inner, maker or name)


def _follow(thing: Any, path: str | None) -> Any:
    for name in path.split(".") if path else ():
        thing = getattr(thing, name, None)
    return thing if path else None
