"""What a door returns: a block to be entered, which says so when it is used otherwise.

``ws = open_websocket(url)`` opens nothing, and Python finds nothing wrong with it.
The next line would fail with "no attribute 'send'", which is true and does not help.
"""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, NoReturn, TypeVar, final

import trio

T = TypeVar("T")


def check_in_trio(call: str) -> None:
    """Refuse a call from outside Trio, from asyncio perhaps.

    Raises:
        RuntimeError: it is one.
    """
    if not trio.lowlevel.in_trio_task():
        raise RuntimeError(
            f"{call} needs Trio: call it from an async function that trio.run(…) has started"
        )


@final
class Block(AbstractAsyncContextManager[T, Any]):
    """A block of another kind, under the name of the function that returned it."""

    __slots__ = ("_call", "_manager")

    def __init__(self, call: str, manager: AbstractAsyncContextManager[T, Any]) -> None:
        self._call = call
        self._manager = manager

    # These two are no coroutine functions, and protected: a Ctrl-C that landed in their frames
    # would leave the other block open.

    @trio.lowlevel.enable_ki_protection
    def __aenter__(self) -> Any:
        """Enter the other block."""
        check_in_trio(self._call)
        return self._manager.__aenter__()

    @trio.lowlevel.enable_ki_protection
    def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> Coroutine[Any, Any, Any]:
        """Leave the other block."""
        return self._manager.__aexit__(exc_type, exc, traceback)

    def __repr__(self) -> str:
        return f"<a block: {self._remedy}>"

    @property
    def _remedy(self) -> str:
        return f"`async with {self._call} as x:`"

    # What is done with it instead

    def __getattr__(self, name: str) -> NoReturn:
        if name in self.__slots__ or name.startswith("__"):  # Python asks, to copy one perhaps
            raise AttributeError(name)
        raise AttributeError(
            f"{self._call} opens nothing before it is entered: write {self._remedy}, "
            f"and look for {name!r} at x"
        )

    def _refuse(self) -> NoReturn:
        raise TypeError(f"{self._call} must be entered: write {self._remedy}")

    def __await__(self) -> NoReturn:
        self._refuse()

    def __aiter__(self) -> NoReturn:
        self._refuse()

    def __enter__(self) -> NoReturn:
        self._refuse()

    def __exit__(self, *exc_info: object) -> None:
        """Be there, so that ``with`` gets as far as `__enter__`."""
