"""Exceptions in words: which it is, what it says, and the line of the demo where it came by."""

from __future__ import annotations

import linecache
import traceback
from collections.abc import Iterator
from pathlib import Path

HERE = str(Path(__file__).parent)


def describe(error: BaseException) -> str:
    """Return the type and text of an exception; of a group, with what is in it."""
    if isinstance(error, BaseExceptionGroup):
        inside = ", ".join(describe(leaf) for leaf in error.exceptions)
        return f"{type(error).__name__}({inside})"
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def iter_leaves(error: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions in a group, however deep; of a single one, itself."""
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from iter_leaves(part)
    else:
        yield error


def where(error: BaseException, file: str, function: str) -> str:
    """Return the line of a function of this folder where an exception came by; "" if nowhere."""
    for leaf in iter_leaves(error):
        for frame, number in traceback.walk_tb(leaf.__traceback__):
            code = frame.f_code
            if code.co_filename == f"{HERE}/{file}" and code.co_name == function:
                text = linecache.getline(code.co_filename, number).strip()
                return f"{file}:{number} “{text}”"
    return ""
