"""Peers of these tests carry the secret that no message may show (`tests.secrecy`)."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from .. import secrecy


@pytest.fixture(scope="module", autouse=True)
def peers_carry_the_secret() -> Generator[None]:
    """Plant it in each upgrade that a raw peer requests.

    Per module: a folder without ``__init__.py`` is no package to pytest, which would undo it
    at the end of the run only.
    """
    with pytest.MonkeyPatch.context() as patch:
        secrecy.let_peers_carry_it(patch)
        yield
