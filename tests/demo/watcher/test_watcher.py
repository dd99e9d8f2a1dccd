"""The watcher: what it draws is what is there, at each step of each button."""

from __future__ import annotations

import time
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws._demo.watcher import watcher as module
from trio_ws._demo.watcher.ring import Ring
from trio_ws._demo.watcher.watcher import PICTURES, Watcher
from trio_ws._demo.world.buttons import BUTTONS
from trio_ws._demo.world.world import World

from ..truth import Stage

QUIET = 3.0


@pytest.mark.parametrize("button", list(BUTTONS))
async def test_the_picture_is_true(autojump_clock: trio.testing.MockClock, button: str) -> None:
    """Each picture has the tasks, nurseries, scopes and lines that Trio has in that moment."""
    stage = Stage()
    async with trio.open_nursery() as nursery:
        await nursery.start(stage.run)
        await trio.sleep(QUIET)
        before = stage.watcher.compared
        stage.world.press(button)
        await trio.sleep(14)
        assert stage.watcher.differences == []
        assert stage.watcher.compared > before + 5
        nursery.cancel_scope.cancel()


async def test_pressing_everything_at_once(autojump_clock: trio.testing.MockClock) -> None:
    """All buttons in one moment, again and again: the picture stays true, and all comes back."""
    before = trio.lowlevel.current_statistics().tasks_living
    stage = Stage()
    async with trio.open_nursery() as nursery:
        await nursery.start(stage.run)
        for pause in (0.0, 0.01, 1.0, 2.5):
            for button in BUTTONS:
                stage.world.press(button)
            await trio.sleep(pause)
        await trio.sleep(40)
        assert stage.watcher.differences == []
        assert stage.watcher.of("state")[-1]["state"] == "stable"
        assert len(stage.world.leases()) == 2
        nursery.cancel_scope.cancel()
    assert trio.lowlevel.current_statistics().tasks_living == before


async def test_a_cancellation_is_seen_before_anything_unwinds(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The event tells the box, the tasks that it reaches, and the lines at which they wait."""
    stage = Stage()
    async with trio.open_nursery() as nursery:
        await nursery.start(stage.run)
        await trio.sleep(QUIET)
        stage.world.press("cut")
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    bodies = [
        event
        for event in stage.watcher.happened("cancelled")
        if event["maker"] in ("SupervisedBlock", "ConnectionBlock")
    ]
    reached = {event["name"]: event["reached"] for event in bodies}
    names = {task["name"]: task["line"] for task in reached["client"]}
    assert "async for price in ws:" in names["client"]
    assert "await trio.sleep(ORDER_EVERY)" in names["orders"]
    assert "await trio.sleep_forever()" in names["book"]
    ended = [event["name"] for event in stage.watcher.happened("exited")]
    assert ended.index("orders") < ended.index("book")  # which takes a moment to save


@pytest.mark.parametrize("button", ["cut", "raise", "ctrl_c"])
async def test_a_story_tells_what_the_picture_has_shown(
    autojump_clock: trio.testing.MockClock, button: str
) -> None:
    """A box that a story calls cancelled was so in a picture before, and a task had ended."""
    stage = Stage()
    async with trio.open_nursery() as nursery:
        await nursery.start(stage.run)
        await trio.sleep(QUIET)
        begin = len(stage.watcher.records)
        stage.world.press(button)
        await trio.sleep(12)
        nursery.cancel_scope.cancel()
    boxes, ended, stories = set(), 0, 0
    for record in stage.watcher.records[begin:]:
        if record["k"] == "tree":
            boxes |= {why["box"] for why in record["why"] if why["what"] == "cancelled"}
            ended += sum(why["what"] == "exited" for why in record["why"])
        elif record["k"] == "story":
            stories += 1
            assert {each["box"] for each in record["cancelled"]} <= boxes
            assert len(record["unwound"]) <= ended
    assert stories > 3


async def test_nothing_happens_nothing_is_drawn(autojump_clock: trio.testing.MockClock) -> None:
    """A picture is kept only if it is another one; each 40th is complete."""
    watcher = Watcher(Ring())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep_forever)
        await trio.testing.wait_all_tasks_blocked()
        watcher._draw(trio.lowlevel.current_task())
        end = watcher.ring.end
        watcher._draw(trio.lowlevel.current_task())
        assert watcher.ring.end == end == 1
        nursery.cancel_scope.cancel()


async def test_updates_are_counted(autojump_clock: trio.testing.MockClock) -> None:
    """However much happens, updates come 20 times a second at most."""
    stage = Stage()
    async with trio.open_nursery() as nursery:
        await nursery.start(stage.run)
        await trio.sleep(QUIET)
        stage.world.press("flood")
        before = len(stage.watcher.of("tree"))
        await trio.sleep(4)
        trees = stage.watcher.of("tree")[before:]
        assert len([tree for tree in trees if not tree["why"]]) <= 4 * 20
        nursery.cancel_scope.cancel()


async def test_watching_costs_little(autojump_clock: trio.testing.MockClock) -> None:
    """While nothing happens, world and watcher take a tenth of a processor at most."""
    watcher = Watcher(Ring())
    world = World(watcher.tell, seed=1)
    async with trio.open_nursery() as nursery:
        top = await nursery.start(world.run)
        nursery.start_soon(watcher.run, top, world.leases)
        await trio.sleep(QUIET)
        size, began = watcher.ring.size, time.thread_time()
        await trio.sleep(30)
        assert time.thread_time() - began < 3
        assert watcher.ring.size - size < 30 * 8000  # ten minutes fit into the ring
        nursery.cancel_scope.cancel()


async def test_a_crowd_of_events_shares_pictures(autojump_clock: trio.testing.MockClock) -> None:
    """When more tasks come and go than there are pictures, no event is left out."""
    watcher = Watcher(Ring())
    seen: list[dict[str, Any]] = []
    watcher.keep = lambda kind, facts: seen.append(facts)  # type: ignore[method-assign]

    async def crowd(*, task_status: trio.TaskStatus[trio.lowlevel.Task]) -> None:
        async with trio.open_nursery() as nursery:
            task_status.started(trio.lowlevel.current_task())
            await trio.sleep(1)
            for _ in range(2 * PICTURES):
                nursery.start_soon(trio.lowlevel.checkpoint)
            await trio.sleep(3)

    async with trio.open_nursery() as nursery:
        top = await nursery.start(crowd)
        nursery.start_soon(watcher.run, top, list)
        await trio.sleep(2)
        nursery.cancel_scope.cancel()
    exits = [why for facts in seen for why in facts["why"] if why["what"] == "exited"]
    assert len(exits) == 2 * PICTURES
    assert len([facts for facts in seen if facts["why"]]) <= PICTURES + 3


async def test_a_scope_whose_deadline_passes_is_seen(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """Asking a scope may cancel it, which schedules a task, which asks again: once is enough."""
    watcher = Watcher(Ring())
    seen: list[dict[str, Any]] = []
    watcher.keep = lambda kind, facts: seen.append(facts)  # type: ignore[method-assign]

    async def patient(*, task_status: trio.TaskStatus[trio.lowlevel.Task]) -> None:
        with trio.CancelScope(deadline=trio.current_time() + 2) as scope:
            task_status.started(trio.lowlevel.current_task())
            await trio.Event().wait()
        assert scope.cancelled_caught
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        top = await nursery.start(patient)
        nursery.start_soon(watcher.run, top, list)
        await trio.sleep(1)
        nursery.start_soon(trio.lowlevel.checkpoint)  # asks before Trio has seen the deadline
        await trio.sleep(2)
        nursery.cancel_scope.cancel()
    (event,) = (why for facts in seen for why in facts["why"] if why["what"] == "cancelled")
    assert event["reached"][0]["line"].endswith("“await trio.Event().wait()”")


def test_the_limits_are_those_that_are_promised() -> None:
    """20 updates a second."""
    assert pytest.approx(1 / 20) == module.PAUSE
