"""Make the Python 2.7 environment that the Autobahn testsuite needs.

It is kept in ``.cache/`` beside this file, under a name made of the requirements,
so that a second call finds it and returns at once, and changed requirements make a new one.
A file written last says that it is whole; half an environment is thrown away.

The interpreter is found where ``PYTHON27`` says, else on the ``PATH``, else by asking pyenv.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "autobahn-requirements.txt"
VIRTUALENV = "virtualenv==16.7.10"  # the last that is one file; brings pip 19.3.1
FIRST = ("setuptools", "wheel")  # they build the others


class CannotInstall(Exception):
    """There is no Python 2.7 here, or its packages cannot be installed."""


def environment() -> Path:
    """Return the interpreter of the suite's environment, made now if need be."""
    text = REQUIREMENTS.read_text()
    digest = hashlib.sha256(f"{VIRTUALENV}\n{text}".encode()).hexdigest()[:12]
    home = HERE / ".cache" / digest
    whole = home / "whole"
    if not whole.exists():
        shutil.rmtree(home, ignore_errors=True)
        _make(home, text.splitlines())
        whole.touch()
    return _interpreter(home)


def _make(home: Path, requirements: list[str]) -> None:
    python27 = find_python27()
    home.mkdir(parents=True)
    (home.parent / ".gitignore").write_text("*\n")
    boot = home / "boot"
    _run(sys.executable, "-m", "pip", "install", "-q", "--no-deps", f"--target={boot}", VIRTUALENV)
    _run(python27, boot / "virtualenv.py", "--quiet", "--no-download", home / "env")
    first = [line for line in requirements if line.startswith(FIRST)]
    _pip(home, *first)
    _pip(home, "--no-build-isolation", "--requirement", REQUIREMENTS)


def _pip(home: Path, *arguments: str | Path) -> None:
    _run(_interpreter(home), "-m", "pip", "install", "--quiet", "--no-deps", *arguments)


def _interpreter(home: Path) -> Path:
    return home / "env" / "bin" / "python"


def _run(*command: str | Path) -> None:
    environ = os.environ | {"PIP_NO_PYTHON_VERSION_WARNING": "1"}
    done = subprocess.run(
        command,
        check=False,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        line = " ".join(map(str, command))
        raise CannotInstall(f"{line} failed:\n{done.stdout[-2000:]}")


def find_python27() -> str:
    """Return the path of a Python 2.7 that runs."""
    for candidate in _candidates():
        if _answer(candidate, "-c", "print('27')") == "27":
            return candidate
    raise CannotInstall("no Python 2.7 found: set PYTHON27 to its path, or `pyenv install 2.7`")


def _candidates() -> Iterator[str]:
    if named := os.environ.get("PYTHON27"):
        yield named
    if found := shutil.which("python2.7"):
        yield found  # pyenv's shim may be there and refuse, so whoever is found must answer
    for version in _answer("pyenv", "versions", "--bare").split():
        if version.startswith("2.7"):
            yield f"{_answer('pyenv', 'prefix', version)}/bin/python2.7"


def _answer(*command: str) -> str:
    """Return what the command prints, or nothing if it is not there or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


if __name__ == "__main__":
    print(environment())
