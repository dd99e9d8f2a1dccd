"""A guard of the library, as an entry of the list."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent


class NotFoundOnce(Exception):
    """The text of a guard stands in its file never, or more than once: the list is out of date."""


@dataclass(frozen=True)
class Guard:
    """A few words that keep a promise, and the tests that notice if they are gone.

    Attributes:
        name: what the guard does, in a few words.
        file: where it stands, below ``trio_ws``.
        text: what is replaced; it stands in the file exactly once.
        instead: what takes its place, so that the guard is gone and the module still runs.
        tests: the tests of which one must fail, each as ``file::test`` below ``tests``.
        hangs: whether a test that does not end counts as noticed.
    """

    name: str
    file: str
    text: str
    instead: str
    tests: tuple[str, ...]
    hangs: bool = False

    @property
    def path(self) -> Path:
        """Return the file, from the top of the project."""
        return Path("trio_ws", self.file)

    @property
    def node_ids(self) -> list[str]:
        """Return the tests as pytest takes them."""
        return [f"tests/{test}" for test in self.tests]

    def removed_from(self, source: str) -> str:
        """Return the text of the file without the guard.

        Raises:
            NotFoundOnce: the text is not there exactly once.
        """
        if (count := source.count(self.text)) != 1:
            raise NotFoundOnce(
                f"{self.name}: {self.path} has its text {count} times, and must have it once:\n"
                f"{self.text}"
            )
        return source.replace(self.text, self.instead)
