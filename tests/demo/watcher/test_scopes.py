"""Which blocks a task is in, found without Trio's private names."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from typing import Any

import pytest
import trio
import trio.testing

from trio_ws._concurrency.background import BackgroundTask
from trio_ws._demo.watcher.scopes import Entered, entered_blocks, frame_of, iter_awaited
from trio_ws._demo.world.world import World

from ..truth import scopes_of, tree_of

Body = Callable[[], Awaitable[None]]


async def blocks_of(body: Body) -> tuple[trio.lowlevel.Task, list[Entered]]:
    """Let a task run into its body until it waits, and look at it."""
    found: list[Any] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(body)
        await trio.testing.wait_all_tasks_blocked()
        (task,) = nursery.child_tasks
        found = [task, entered_blocks(task)]
        assert [block.scope for block in found[1]] == scopes_of(task)
        for block in found[1]:
            block.scope.cancel()
        nursery.cancel_scope.cancel()
    return found[0], found[1]


def functions(blocks: list[Entered]) -> list[str]:
    """Return the last part of the names of the functions."""
    return [block.function.rpartition(".")[2] for block in blocks]


async def test_scopes_and_nurseries_in_their_order() -> None:
    """The outermost comes first, through all functions that wait for each other."""

    async def inner() -> None:
        with trio.fail_after(9), trio.CancelScope(shield=True, deadline=trio.current_time() + 8):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(trio.sleep_forever)
                with suppress(ValueError):
                    await trio.Event().wait()

    async def outer() -> None:
        with trio.move_on_after(5):
            await inner()

    _, blocks = await blocks_of(outer)
    assert functions(blocks) == ["outer", "inner", "inner", "inner"]
    assert [block.scope.shield for block in blocks] == [False, False, True, False]
    assert [block.nursery is not None for block in blocks] == [False, False, False, True]
    assert {block.maker for block in blocks} == {""}
    assert blocks[0].file == __file__


async def test_a_nursery_that_waits_for_its_tasks() -> None:
    """A block that is being left counts until it is left."""

    async def body() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            with suppress(ValueError), trio.CancelScope():
                raise ValueError

    _, blocks = await blocks_of(body)
    assert functions(blocks) == ["body"]
    assert blocks[0].nursery is not None


async def test_a_nursery_that_an_exception_leaves() -> None:
    """It is not counted twice while the ``with`` still holds what it leaves."""

    async def lasting() -> None:
        with trio.CancelScope(shield=True) as scope:
            scopes.append(scope)
            await trio.sleep_forever()

    async def body() -> None:
        with suppress(ExceptionGroup):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(lasting)
                await trio.testing.wait_all_tasks_blocked()
                raise ValueError

    scopes: list[trio.CancelScope] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(body)
        await trio.testing.wait_all_tasks_blocked(0.001)
        await trio.testing.wait_all_tasks_blocked(0.001)
        (task,) = nursery.child_tasks
        blocks = entered_blocks(task)
        assert [block.scope for block in blocks] == scopes_of(task)
        assert len(blocks) == 1
        scopes[0].cancel()


async def test_a_block_of_ours_that_waits_for_its_nursery() -> None:
    """It says which nursery that is, and so does the nursery: it is one box."""

    async def stubborn() -> None:
        with trio.CancelScope(shield=True) as scope:
            scopes.append(scope)
            await trio.sleep_forever()

    async def body() -> None:
        async with BackgroundTask(stubborn, name="stubborn"):
            await trio.testing.wait_all_tasks_blocked()

    scopes: list[trio.CancelScope] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(body)
        await trio.testing.wait_all_tasks_blocked(0.001)
        (task,) = nursery.child_tasks
        (block,) = entered_blocks(task)
        assert [block.scope] == scopes_of(task)
        assert block.maker == "BackgroundTask"
        scopes[0].cancel()


async def test_generators_are_looked_into() -> None:
    """What `contextlib` makes of a generator holds what the generator holds."""

    @contextmanager
    def patient() -> Generator[None]:
        with trio.CancelScope():
            yield

    @asynccontextmanager
    async def crowded() -> AsyncGenerator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            with trio.CancelScope():  # noqa: ASYNC100
                yield
            nursery.cancel_scope.cancel()

    async def body() -> None:
        async with crowded():
            with patient():
                await trio.sleep_forever()

    _, blocks = await blocks_of(body)
    assert functions(blocks) == ["body", "body", "body"]
    assert [block.nursery is not None for block in blocks] == [True, False, False]


async def test_async_generators_are_followed() -> None:
    """A task that waits for the next item waits within the generator."""

    async def items() -> AsyncGenerator[int]:  # noqa: ASYNC900
        with trio.CancelScope():
            await trio.sleep_forever()
        yield 1

    async def body() -> None:
        async for _ in items():
            pass

    _, blocks = await blocks_of(body)
    assert functions(blocks) == ["items"]


async def test_a_task_that_has_not_begun() -> None:
    """It is in nothing, and it is where its function begins."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep, 0)
        (task,) = nursery.child_tasks
        assert entered_blocks(task) == []
        assert len(list(iter_awaited(task))) == 1


async def test_what_is_unknown_is_left_out() -> None:
    """A manager that is no scope and none of ours: no box, and no error."""

    class Unknown:
        async def __aenter__(self) -> None:
            await trio.lowlevel.checkpoint()

        async def __aexit__(self, *args: object) -> None:
            await trio.sleep_forever()  # noqa: ASYNC102

    async def body() -> None:
        async with AsyncExitStack(), Unknown():
            raise ValueError

    _, blocks = await blocks_of(body)
    assert blocks == []


async def test_an_awaitable_of_another_kind_ends_the_way() -> None:
    """What is neither a coroutine nor a generator has no frame."""

    class Waiting:
        def __await__(self) -> Generator[Any, Any, None]:
            return trio.sleep_forever().__await__()  # noqa: ASYNC105

    async def body() -> None:
        await Waiting()

    task, blocks = await blocks_of(body)
    assert blocks == []
    assert frame_of(task) is None


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="CPython's way")
def test_an_ordinary_generator_has_a_frame() -> None:
    """`frame_of` knows all three kinds."""

    def generator() -> Generator[None]:
        yield

    assert frame_of(generator()) is not None
    assert frame_of(None) is None


async def test_blocks_of_the_library_are_known(autojump_clock: trio.testing.MockClock) -> None:
    """They enter scopes and nurseries by hand; each of them is found, and under whose name."""
    world = World(lambda kind, **facts: None, seed=1)
    async with trio.open_nursery() as nursery:
        top = await nursery.start(world.run)
        await trio.sleep(3)
        tasks = [task for task, _, _ in tree_of(top)]
        makers = set()
        for task in tasks:
            blocks = entered_blocks(task)
            assert [block.scope for block in blocks] == scopes_of(task)
            makers |= {block.maker for block in blocks}
        assert makers >= {"SupervisedBlock", "ConnectionBlock", "BackgroundTask", "MemoryNetwork"}
        nursery.cancel_scope.cancel()
    assert len(tasks) == 16
