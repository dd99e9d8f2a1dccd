"""Check that each module is covered fully by its own tests, and not by a lucky neighbour's.

The tests of ``trio_ws/_protocol/protocol.py`` are ``tests/protocol/test_protocol*.py``:
folders and names without their leading underscores.
Modules that have the same tests are looked at together, and two lots at a time.
Run it from the top of the project; it takes about two minutes.
``alone.py url session`` looks at the modules named.
"""

import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path


def own_tests(module: Path) -> list[Path]:
    """Return the test files that belong to a module."""
    folders = [folder.lstrip("_") for folder in module.parent.parts[1:]]
    pattern = f"test_{module.stem.lstrip('_')}"
    place = Path("tests", *folders)
    return sorted([*place.glob(f"{pattern}.py"), *place.glob(f"{pattern}_*.py")])


def verdict(tests: tuple[Path, ...], modules: list[Path]) -> tuple[str, list[Path]]:
    """Run tests alone; return what failed, in words, and the modules that they cover fully."""
    if not tests:
        return "", []
    with tempfile.TemporaryDirectory() as folder:
        data = f"--data-file={folder}/coverage"
        told = failure("run", data, "-m", "pytest", "-q", "--no-header", *tests)
        if told:
            return told, []
        reports = {module: failure("report", data, f"--include={module}") for module in modules}
    return "".join(reports.values()), [module for module, told in reports.items() if not told]


def failure(*arguments: str | Path) -> str:
    """Run coverage and return what it says if it fails, else nothing."""
    command = [sys.executable, "-m", "coverage", *arguments]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    return (done.stdout[-3000:] or f"exit code {done.returncode}") if done.returncode else ""


def main(names: list[str]) -> int:
    """Look at every module, or at those named, two at a time, and print a line for each."""
    together: dict[tuple[Path, ...], list[Path]] = {}
    for module in sorted(Path("trio_ws").rglob("*.py")):
        if module.name != "__init__.py" and (not names or module.stem.lstrip("_") in names):
            together.setdefault(tuple(own_tests(module)), []).append(module)
    passed = failed = 0
    with ThreadPoolExecutor(2) as pool:
        for (tests, modules), (told, good) in zip(
            together.items(), pool.map(verdict, together, together.values()), strict=True
        ):
            if told:
                print(told)
            shown = ", ".join(map(str, tests)) or "it has no tests of its own"
            for module in modules:
                print(f"{'covered' if module in good else 'FAILED '} {module}: {shown}", flush=True)
            passed, failed = passed + len(good), failed + len(modules) - len(good)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
