"""The *Quick start* of README.md, as data and as a program.

It has exactly two commands, each alone in a block marked ``sh``;
a block marked ``text`` behind a command shows what it prints.

``python -m tests.quickstart 1`` runs the first command, as a shell would,
and fails if it fails or if a line that README shows is missing from what it printed.
Numbers may differ: they are ports and times.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Command:
    """One command, and the lines that README says it prints."""

    line: str
    shown: tuple[str, ...] = ()


def read(readme: str) -> list[Command]:
    """Find the commands of the section *Quick start*."""
    section = re.search(r"^## Quick start$(.*?)(?=^## |\Z)", readme, re.DOTALL | re.MULTILINE)
    commands: list[Command] = []
    for kind, text in re.findall(
        r"^```(\w*)\n(.*?)^```$", section[1] if section else "", re.DOTALL | re.MULTILINE
    ):
        lines = text.splitlines()
        if kind == "sh":
            commands += [Command(line) for line in lines]
        elif kind == "text" and commands:
            commands[-1] = Command(commands[-1].line, tuple(lines))
    return commands


def missing(command: Command, printed: str) -> list[str]:
    """Return the lines that README shows and the command did not print, numbers aside."""
    seen = {shape(line) for line in printed.splitlines()}
    return [line for line in command.shown if line.strip() and shape(line) not in seen]


def shape(line: str) -> str:
    """Reduce a line to what stays the same from run to run."""
    return re.sub(r"[\d.]*\d", "0", " ".join(line.split()))


def main(number: str) -> int:
    """Run one command and compare; return the exit code."""
    command = read((TOP / "README.md").read_text(encoding="utf-8"))[int(number) - 1]
    print(f"$ {command.line}", flush=True)
    printed = []
    with subprocess.Popen(
        command.line, shell=True, cwd=TOP, text=True, stdout=subprocess.PIPE
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            printed.append(line)
    for line in (absent := missing(command, "".join(printed))):
        print(f"README shows this line, and it was not printed: {line}")
    return process.returncode or (1 if absent else 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
