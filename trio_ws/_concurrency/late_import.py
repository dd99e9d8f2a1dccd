"""Imports a module in a thread, while the event loop goes on.

An import may take a tenth of a second, and until it is over no other task could run.
In a thread it still needs the interpreter's lock, but gives it back every few milliseconds.

The thread belongs to no Trio run: it may outlive the run that wanted it.
It is no daemon.  A process that ends meanwhile waits until the import is over,
because to stop a thread inside an extension module that is being initialized can crash the process.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType


def import_in_thread(name: str, then: Callable[[ModuleType], None]) -> None:
    """Start to import a module; once it is there, call `then` with it, in that thread.

    `then` is not called if the module is missing or if its import raises `ImportError`.
    Any other exception goes to `threading.excepthook`.
    """

    def run() -> None:
        with suppress(ImportError):
            then(importlib.import_module(name))

    # RuntimeError: the system refuses a thread, or has none.  Then the module is done without.
    with suppress(RuntimeError):
        threading.Thread(target=run, name=f"trio_ws imports {name}", daemon=False).start()
