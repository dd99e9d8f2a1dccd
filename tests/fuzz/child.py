"""One target in a process of its own: libFuzzer ends the process when it is done.

::

    python -m tests.fuzz.child TARGET [libFuzzer's options] FOLDER
"""

from __future__ import annotations

import sys

import atheris

INSTRUMENTED = [
    "h11",
    "trio_ws._handshake",
    "trio_ws._http",
    "trio_ws._json",
    "trio_ws._protocol",
    "trio_ws._server.auth",
    "trio_ws._server.router",
    "trio_ws._text",
    "trio_ws._url",
    "wsproto",
]
"""Whose branches lead the fuzzer."""


def main() -> None:
    """Fuzz a target, for ever or for as long as the options say."""
    with atheris.instrument_imports(include=INSTRUMENTED):
        from . import targets
    name, *options = sys.argv[1:]
    atheris.Setup([sys.argv[0], *options], targets.TARGETS[name].play)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
