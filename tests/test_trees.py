"""A commit is unpacked as it was, and what is no commit is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from . import trees


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, and a change that is in none."""
    monkeypatch.setattr(trees, "TOP", tmp_path)
    file = tmp_path / "trio_ws" / "__init__.py"
    file.parent.mkdir()
    file.write_text('"""Before."""\n')
    (tmp_path / "README").write_text("not wanted")
    author = ["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "."], [*author, "commit", "-q", "-m", "First"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    file.write_text('"""After."""\n')
    return tmp_path


def test_a_commit_is_unpacked(repository: Path) -> None:
    """The folder holds the package as it was, and nothing else; then it is gone."""
    with trees.exported("HEAD") as folder:
        assert [path.name for path in folder.iterdir()] == ["trio_ws"]
        assert (folder / "trio_ws" / "__init__.py").read_text() == '"""Before."""\n'
    assert not folder.exists()


def test_a_commit_has_a_short_name(repository: Path) -> None:
    """It is the beginning of the long one."""
    command = ["git", "rev-parse", "HEAD"]
    long = subprocess.run(command, cwd=repository, check=True, capture_output=True, text=True)
    assert long.stdout.startswith(trees.described("HEAD"))


def test_what_is_no_commit_is_refused(repository: Path) -> None:
    """The error repeats what git says."""
    with pytest.raises(trees.NoSuchTree, match="nonsense"), trees.exported("nonsense"):
        pass
