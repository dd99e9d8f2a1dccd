"""The same faults over real sockets; what the model says holds there, too."""

from __future__ import annotations

import pytest

from .sockets import run_socket_cells, socket_cells


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_faults_over_sockets() -> None:
    """Every fault of the proxy meets every state, in either role, compressed and not."""
    figures = await run_socket_cells()
    assert figures.cells == len(list(socket_cells())) > 250
