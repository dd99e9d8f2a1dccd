"""The tree as values: rows, boxes, lines, and what a cancellation reaches."""

from __future__ import annotations

import trio
import trio.testing

from trio_ws._demo.watcher.walk import Line, Numbers, Picture, lines_of, walk
from trio_ws._demo.world.world import World


async def draw(numbers: Numbers | None = None, *, seconds: float = 3) -> Picture:
    """Draw a world that has run for some seconds."""
    world = World(lambda kind, **facts: None, seed=1)
    async with trio.open_nursery() as nursery:
        top = await nursery.start(world.run)
        await trio.sleep(seconds)
        picture = walk(top, numbers or Numbers())
        nursery.cancel_scope.cancel()
    return picture


def by_name(picture: Picture, name: str) -> int:
    """Return the number of the task whose name is so, but for what counts connections."""
    (number,) = (row.id for row in picture.rows.values() if row.name.partition("-")[0] == name)
    return number


async def test_parents_come_before_their_children(autojump_clock: trio.testing.MockClock) -> None:
    """Each row but the top is within a box that a row before it has."""
    picture = await draw()
    boxes: set[int | None] = {None}
    for row in picture.rows.values():
        assert row.within in boxes
        boxes |= {box.id for box in row.boxes}
    assert len(picture.rows) == 16
    assert set(picture.rows) == set(picture.tasks)
    assert set(picture.scopes) == boxes - {None}


async def test_a_task_waits_at_a_line_of_ours(autojump_clock: trio.testing.MockClock) -> None:
    """First the line of the world's own code, then that of the library."""
    picture = await draw()
    client = picture.rows[by_name(picture, "client")]
    world, library = client.lines
    assert world.file == "trio_ws/_demo/world/client.py"
    assert library.file.startswith("trio_ws/_connection/")
    assert client.lines[0].text == "async for price in ws:"
    assert str(client.lines[0]) == f"client.py:{client.lines[0].number} “async for price in ws:”"
    reader = picture.rows[by_name(picture, "trio_ws reader client")]
    assert [line.file for line in reader.lines] == ["trio_ws/_connection/reader.py"]


async def test_shields_and_deadlines_are_drawn(autojump_clock: trio.testing.MockClock) -> None:
    """The reader waits in a shield whose deadline is the heartbeat; sleeping is a timer."""
    picture = await draw()
    (lease,) = picture.rows[by_name(picture, "trio_ws reader client")].boxes
    assert (lease.shield, lease.nursery, lease.timer) == (True, False, False)
    assert lease.deadline is not None
    assert 3 < lease.deadline <= 6.2
    (sleep,) = picture.rows[by_name(picture, "prices")].boxes
    assert sleep.timer
    body = next(
        box for box in picture.rows[by_name(picture, "client")].boxes if box.deadline is None
    )
    assert not body.cancelled


async def test_a_cancellation_reaches_down_to_shields(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The client's outermost nursery reaches its tasks, but not the reader behind its shield."""
    picture = await draw()
    outer = picture.rows[by_name(picture, "client")].boxes[0]
    reached = [row.name for row in picture.iter_reached(outer.id)]
    assert reached[0] == "client"
    assert {name.partition("-")[0] for name in reached} == {
        *("client", "keyboard", "supervisor", "orders", "book")
    }
    lease = picture.rows[by_name(picture, "trio_ws reader client")].boxes[0]
    (reader,) = picture.iter_reached(lease.id)
    assert reader.name.startswith("trio_ws reader client-")
    assert list(picture.iter_reached(0)) == []


async def test_a_task_behind_its_own_shield_is_not_reached() -> None:
    """Nor is what it started inside."""
    numbers = Numbers()

    async def shielded() -> None:
        with trio.CancelScope(shield=True) as scope:
            scopes.append(scope)
            async with trio.open_nursery() as inner:  # noqa: ASYNC112
                inner.start_soon(trio.sleep_forever, name="inside")

    scopes: list[trio.CancelScope] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(shielded)
        await trio.testing.wait_all_tasks_blocked()
        me = trio.lowlevel.current_task()
        (task,) = nursery.child_tasks
        picture = walk(task, numbers)
        assert [row.name for row in picture.rows.values()][-1] == "inside"
        (shield, inner) = picture.rows[numbers.of(task)].boxes
        assert {row.name for row in picture.iter_reached(shield.id)} == {task.name, "inside"}
        assert {row.name for row in picture.iter_reached(inner.id)} == {task.name, "inside"}
        assert numbers.of(me) == numbers.of(me)
        scopes[0].cancel()


async def test_a_task_that_is_in_nothing_of_ours() -> None:
    """Its line is the innermost outside Trio, if there is such a line."""

    async def waits() -> None:
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(waits)
        nursery.start_soon(trio.sleep_forever)
        await trio.testing.wait_all_tasks_blocked()
        lines = {task.name.rpartition(".")[2]: lines_of(task) for task in nursery.child_tasks}
        nursery.cancel_scope.cancel()
    assert lines["waits"][0].text == "await trio.sleep_forever()"
    assert lines["waits"][0].file == __file__
    assert lines["sleep_forever"][0].file.endswith("_traps.py")
    assert str(Line("a/b.py", 1, "pass")) == "b.py:1 “pass”"


async def test_numbers_stay(autojump_clock: trio.testing.MockClock) -> None:
    """An object keeps its number, and another one gets another."""
    numbers = Numbers()
    one, other = trio.CancelScope(), trio.CancelScope()
    assert numbers.of(one) == numbers.of(one) != numbers.of(other)
