"""The page on tests can be followed to the letter, outside of the checkout."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
PAGE = (TOP / "docs" / "howto" / "testing.rst").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_examples_run_where_the_page_says(tmp_path: Path) -> None:
    """A copy of the examples, beside the page's last ``pytest.ini``, passes."""
    *_, ini = re.findall(r"code-block:: ini\n\n((?:   .*\n)+)", PAGE)
    (tmp_path / "pytest.ini").write_text(ini.replace("   ", ""), encoding="utf-8")
    shutil.copytree(TOP / "examples", tmp_path / "examples")
    found = re.search(r"\$ pytest (examples/\S+)", PAGE)
    assert found is not None
    files = sorted(map(str, tmp_path.glob(found[1])))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *files],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(TOP)},
        check=False,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert len(files) == 4
