"""Commands run in this process: what is given, what is written, how it ends."""

from __future__ import annotations

import argparse
import importlib
import io
import re
from typing import Any

from trio_ws._cli.console import Console


class Screen(Console):
    """A console that keeps what was written."""

    def __init__(self, *, colour: bool = False) -> None:
        super().__init__(io.StringIO(), io.StringIO(), colour=colour)

    @property
    def shown(self) -> str:
        """What was asked for."""
        assert isinstance(self.out, io.StringIO)
        return self.out.getvalue()

    @property
    def said(self) -> str:
        """The news."""
        assert isinstance(self.err, io.StringIO)
        return self.err.getvalue()


def parse(command: str, *words: str) -> argparse.Namespace:
    """Read the arguments of a command."""
    parser = argparse.ArgumentParser()
    module: Any = importlib.import_module(f"trio_ws._cli.{command}")
    module.add_arguments(parser)
    return parser.parse_args(words)


def timeless(text: str) -> str:
    """Reduce milliseconds, ports and keys to what stays the same from run to run."""
    text = re.sub(r" +\d+\.\d ms", " … ms", text)
    text = re.sub(r"port \d+", "port …", text)
    return re.sub(r":\d{4,5}\b", ":…", text)
