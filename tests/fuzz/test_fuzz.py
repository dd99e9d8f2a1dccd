"""The fuzzing targets in each run of the tests: what was kept, and some mutations of it."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from ..mutations import mutated
from . import __main__ as command
from . import corpora
from .targets import TARGETS, Fuzzed

MUTATIONS = 300


@pytest.mark.parametrize("target", TARGETS)
def test_what_was_kept(target: str) -> None:
    """Inputs that once reached something new, or failed, are read as documented."""
    for data in command.inputs_of(target):
        TARGETS[target].play(data)


@pytest.mark.parametrize("target", TARGETS)
def test_mutations(target: str) -> None:
    """So are some that are made of them."""
    chance, known = Random(target), command.inputs_of(target)
    for _ in range(MUTATIONS * TARGETS[target].share // 100):
        data = mutated(chance, chance.choice(known))
        try:
            TARGETS[target].play(data)
        except Exception as error:
            error.add_note(f"with {data!r}")
            raise


def test_shares() -> None:
    """All targets together get all the inputs."""
    assert sum(target.share for target in TARGETS.values()) == 1000


def test_corpora(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inputs are kept as text, short ones and long ones, each once."""
    monkeypatch.setattr(corpora, "FOLDER", tmp_path / "new")
    assert corpora.load("x") == []
    many = [bytes([number]) * number for number in range(1, 2 * corpora.MAX_INPUTS + 1)]
    assert corpora.keep("x", [*many, *many, bytes(corpora.MAX_INPUT + 1)]) == corpora.MAX_INPUTS
    assert corpora.load("x") == many[::2]
    corpora.unpack([b"a", b"b"], tmp_path / "out")
    assert [path.read_bytes() for path in sorted((tmp_path / "out").iterdir())] == [b"a", b"b"]


def test_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An input that fails is saved, and told with the command that plays it again."""

    def fail(data: bytes) -> None:
        assert data != b"bad", "it is bad"

    monkeypatch.setitem(TARGETS, "urls", Fuzzed(fail, 1, [b"good", b"bad"]))
    monkeypatch.setattr(command, "CRASHES", tmp_path)
    outcome = command.mutate("urls", 10, 1, tmp_path)
    assert outcome.inputs == 1
    saved = tmp_path / "urls-1"
    assert saved.read_bytes() == b"bad"
    assert outcome.failure.endswith(f"python -m tests.fuzz urls --file {saved}")
    with pytest.raises(AssertionError, match="it is bad"):
        command.play_file("urls", saved, keep=False)
