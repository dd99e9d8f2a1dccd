"""The world: its buttons in any order, its leases, its end."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from trio_ws._demo.world.buttons import BUTTONS
from trio_ws._demo.world.world import World


class Heard:
    """What a world told."""

    def __init__(self) -> None:
        self.records: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, kind: str, **facts: Any) -> None:
        self.records.append((kind, facts))

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The records of a kind."""
        return [facts for each, facts in self.records if each == kind]

    @property
    def state(self) -> str:
        """The state of the supervisor."""
        return str(self.of("state")[-1]["state"])


@pytest.mark.parametrize("button", list(BUTTONS))
async def test_each_button_and_back(autojump_clock: trio.testing.MockClock, button: str) -> None:
    """Whatever was pressed, half a minute later there is a connection; the press was told."""
    heard = Heard()
    world = World(heard, seed=2)
    async with trio.open_nursery() as nursery:
        await nursery.start(world.run)
        await trio.sleep(3)
        world.press(button, 1013)
        code = 1013 if button == "close" else None
        assert heard.of("press") == [{"button": button, "code": code}]
        await trio.sleep(35)
        assert heard.state == "stable"
        nursery.cancel_scope.cancel()


async def test_a_lease_tells_what_the_library_knows(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """When each side heard something last, whether it reads, what waits."""
    world = World(Heard(), seed=2)
    async with trio.open_nursery() as nursery:
        top = await nursery.start(world.run)
        assert top.name.endswith("World.run")
        assert world.leases() == []
        await trio.sleep(3)
        client, server = world.leases()
        assert (client["side"], client["paused"], client["waiting"]) == ("client", False, 0)
        assert (server["side"], server["sending"]) == ("server", 0)
        assert 2 < float(str(client["heard"])) <= 3
        world.press("slow")
        await trio.sleep(11)
        assert world.leases()[0]["paused"]
        nursery.cancel_scope.cancel()


def test_what_is_no_button_is_refused() -> None:
    """The name and the code are checked."""
    world = World(Heard())
    with pytest.raises(ValueError, match=r"name must be one of cut, .*; got 'explode'"):
        world.press("explode")
    with pytest.raises(ValueError, match=r"code must be one of 1000, .*; got 1006"):
        world.press("close", 1006)


async def test_nothing_is_left(autojump_clock: trio.testing.MockClock) -> None:
    """A world that is cancelled in the middle of everything leaves no task."""
    before = trio.lowlevel.current_statistics().tasks_living
    world = World(Heard(), seed=2)
    async with trio.open_nursery() as nursery:
        await nursery.start(world.run)
        await trio.sleep(3)
        for button in BUTTONS:
            world.press(button)
        nursery.cancel_scope.cancel()
    assert trio.lowlevel.current_statistics().tasks_living == before
