"""The accelerator does nothing that C does not define, and touches no memory that is not its own.

It is built with the sanitizers of addresses and of undefined behaviour, into a copy of the project.
There the tests of the protocol run, with the mutated streams and the corpora of the fuzzer.
What a sanitizer finds ends the process, and fails the test.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ...sabotage.copies import copy_project, environment

build_hook = pytest.importorskip(
    "trio_ws._protocol.in_c.build_hook", reason="a wheel does not have what it was built with"
)
PLACE, WARNINGS, compile_to = build_hook.PLACE, build_hook.WARNINGS, build_hook.compile_to

SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-O1", "-g"]

SOURCE = "trio_ws/_protocol/in_c/accelerator.c"

TESTS = [
    "protocol/test_accelerator.py",
    "protocol/test_fast_path.py",
    "protocol/test_fast_path_runs.py",
    "protocol/test_masking.py",
    "protocol/test_payload_buffer.py",
    "protocol/test_properties.py",
    "protocol/test_protocol_limits.py",
    "protocol/test_send_queue.py",
    "fuzz/test_fuzz.py",
    "hazards/test_mutations.py",
]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.peer,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        shutil.which("gcc") is None, reason="no gcc: install it (Debian: apt-get install gcc)"
    ),
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with such an accelerator."""
    copy = copy_project(tmp_path_factory.mktemp("sanitizers") / "project")
    compile_to(copy / PLACE, [*WARNINGS, *SANITIZERS])
    return copy


def run(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a Python that is ready for what was built with the sanitizers."""
    libraries = [
        subprocess.check_output(["gcc", f"-print-file-name={name}.so"], text=True).strip()
        for name in ("libasan", "libubsan")
    ]
    prepared = {
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",  # Python keeps its own
        "PYTHONMALLOC": "malloc",  # so that each object is a block that can be watched
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=project,
        env=environment(project) | prepared,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def test_the_sanitizers_are_at_work(project: Path) -> None:
    """A byte that is read behind a buffer ends the process, and is told."""
    beyond = project / "beyond"
    beyond.mkdir()
    source = (project / SOURCE).read_text(encoding="utf-8")
    spoilt = source.replace("length > (uint64_t)(end - here)", "0")
    assert spoilt != source
    (beyond / "accelerator.c").write_text(spoilt, encoding="utf-8")
    compile_to(beyond / "_accelerator.so", SANITIZERS, source=beyond / "accelerator.c")
    program = "import _accelerator; _accelerator.read_frames(bytes(0) + b'%s', 0, 0, 99, 1, [])"
    done = run(beyond, "-c", program % "\\x82\\x50abc")
    assert done.returncode != 0
    assert "heap-buffer-overflow" in done.stdout


def test_the_protocol_with_the_sanitizers(project: Path) -> None:
    """All streams, whole and spoilt, are read without a finding."""
    found = run(project, "-c", "from trio_ws._protocol import accelerator as a; print(a.compiled)")
    assert str(project / PLACE) in found.stdout
    tests = [f"tests/{each}" for each in TESTS]
    done = run(project, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", *tests)
    assert done.returncode == 0, done.stdout[-6000:]
