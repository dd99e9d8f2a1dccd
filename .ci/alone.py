"""Check that each module is covered fully by its own tests, and not by a lucky neighbour's.

The tests of ``trio_ws/_protocol/protocol.py`` are ``tests/protocol/test_protocol*.py``:
folders and names without their leading underscores.
Run it from the top of the project; it takes some seconds per module.
``alone.py url session`` looks at the modules named.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

PARTS = {
    "trio_ws/_connection/reader.py": "connection",
    "trio_ws/_connection/writer.py": "connection",
    "trio_ws/_liveness/grace.py": "lease",
    "trio_ws/_liveness/outgoing.py": "lease",
    "trio_ws/_liveness/timer.py": "lease",
    "trio_ws/_protocol/encoder.py": "fast_path",
    "trio_ws/_protocol/states.py": "protocol",
    "trio_ws/_protocol/validation.py": "protocol",
}
"""Rooms that are parts of another and have its tests: apart from it they do nothing."""


def own_tests(module: Path) -> list[Path]:
    """Return the test files that belong to a module."""
    folders = [folder.lstrip("_") for folder in module.parent.parts[1:]]
    pattern = f"test_{PARTS.get(module.as_posix(), module.stem.lstrip('_'))}"
    place = Path("tests", *folders)
    return sorted([*place.glob(f"{pattern}.py"), *place.glob(f"{pattern}_*.py")])


def covered(module: Path, tests: list[Path]) -> bool:
    """Run the tests alone and tell whether they pass and cover the module."""
    with tempfile.TemporaryDirectory() as folder:
        data = f"--data-file={folder}/coverage"
        return succeeds("run", data, "-m", "pytest", "-q", "--no-header", *tests) and succeeds(
            "report", data, f"--include={module}"
        )


def succeeds(*arguments: str | Path) -> bool:
    """Run coverage and show what it says if it fails."""
    command = [sys.executable, "-m", "coverage", *arguments]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        print(done.stdout[-3000:])
    return done.returncode == 0


def main(names: list[str]) -> int:
    """Look at every module, or at those named, and print a line for each."""
    passed = failed = 0
    for module in sorted(Path("trio_ws").rglob("*.py")):
        name = module.stem.lstrip("_")
        if module.name == "__init__.py" or (names and name not in names):
            continue
        tests = own_tests(module)
        good = bool(tests) and covered(module, tests)
        told = ", ".join(map(str, tests)) or "it has no tests of its own"
        print(f"{'covered' if good else 'FAILED '} {module}: {told}", flush=True)
        passed, failed = passed + good, failed + (not good)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
