"""The table of buttons."""

from __future__ import annotations

import pytest

from trio_ws import CloseCode
from trio_ws._demo.world.buttons import BUTTONS, CODES
from trio_ws.testing import open_websocket_pair


def test_nine_buttons_with_a_key_each() -> None:
    """No two have the same key, and each says what it does in whole sentences."""
    assert len(BUTTONS) == 9
    assert len({button.key for button in BUTTONS.values()}) == 9
    for name, button in BUTTONS.items():
        assert button.name == name
        assert button.does.endswith(".")
        assert len(button.key) == 1
        assert button.key.isalpha()


@pytest.mark.parametrize("code", CODES)
async def test_each_code_may_be_sent(code: int) -> None:
    """The page offers nothing that the library refuses."""
    async with open_websocket_pair() as (client, server):
        await server.close(code, "as the button wants it")
    assert client.ending is not None
    assert client.ending.code == code
    assert CODES[0] == CloseCode.NORMAL_CLOSURE
