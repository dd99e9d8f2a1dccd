"""`trio_ws._concurrency.background`: one bare exception leaves a block and the task beside it."""

from __future__ import annotations

import pytest
import trio

from trio_ws._concurrency.background import BackgroundTask


class Mine(Exception):
    pass


async def forever() -> None:
    await trio.sleep_forever()


async def fail() -> None:
    raise Mine


async def fail_when_cancelled() -> None:
    try:
        await trio.sleep_forever()
    finally:
        raise Mine


async def interrupted() -> None:
    raise KeyboardInterrupt


async def test_a_block_that_ends() -> None:
    """When the block ends the task is cancelled, and nothing leaves."""
    async with BackgroundTask(forever, name="task"):
        pass


async def test_a_task_that_ends() -> None:
    """A task that ends by itself is no reason to end the block."""
    async with BackgroundTask(trio.lowlevel.checkpoint, name="task"):
        await trio.testing.wait_all_tasks_blocked()


async def test_the_block_fails() -> None:
    """The block's own exception leaves bare."""
    error = KeyError(1)
    with pytest.raises(KeyError) as caught:
        async with BackgroundTask(forever, name="task"):
            raise error
    assert caught.value is error
    assert error.__context__ is None


async def test_a_group_of_the_block() -> None:
    """A group that the block raised is left as it is."""
    group = ExceptionGroup("mine", [KeyError(1)])
    with pytest.RaisesGroup(KeyError) as caught:
        async with BackgroundTask(forever, name="task"):
            raise group
    assert caught.value is group


async def test_a_group_with_the_cancellation() -> None:
    """Of a group that the block raised because it was cancelled, the rest leaves."""
    with pytest.RaisesGroup(Mine) as caught:
        async with BackgroundTask(fail, name="task"), trio.open_nursery() as nursery:
            nursery.start_soon(fail_when_cancelled)
            await trio.sleep_forever()
    assert isinstance(caught.value, ExceptionGroup)


async def test_a_group_with_an_outer_cancellation() -> None:
    """A scope around both takes its cancellation out of the block's group, and the rest leaves."""
    with pytest.RaisesGroup(Mine) as caught, trio.CancelScope() as scope:
        async with BackgroundTask(forever, name="task"), trio.open_nursery() as nursery:
            nursery.start_soon(fail_when_cancelled)
            nursery.start_soon(forever)
            await trio.testing.wait_all_tasks_blocked()
            scope.cancel()
            await trio.sleep_forever()
    assert isinstance(caught.value, ExceptionGroup)
    assert scope.cancelled_caught


async def test_a_mixed_group_is_untouched() -> None:
    """A group with more than exceptions in it is the same object outside, a failure its context."""
    group = BaseExceptionGroup("mine", [KeyError(1), KeyboardInterrupt()])
    with pytest.RaisesGroup(KeyError, KeyboardInterrupt) as caught:
        async with BackgroundTask(fail_when_cancelled, name="task"):
            await trio.testing.wait_all_tasks_blocked()
            raise group
    assert caught.value is group
    assert isinstance(group.__context__, Mine)


async def test_the_task_fails() -> None:
    """A failure of the task cancels the block, and leaves in its place."""
    with pytest.raises(Mine):
        async with BackgroundTask(fail, name="task"):
            await trio.sleep_forever()


async def test_both_fail() -> None:
    """If both fail the block's exception leaves, and tells of the other."""
    with pytest.raises(KeyError) as caught:
        async with BackgroundTask(fail_when_cancelled, name="task"):
            await trio.testing.wait_all_tasks_blocked()
            raise KeyError(1)
    assert isinstance(caught.value.__context__, Mine)


async def test_the_block_raises_in_an_except() -> None:
    """A context that is there already stays."""
    with pytest.raises(KeyError) as caught:
        async with BackgroundTask(fail_when_cancelled, name="task"):
            await trio.testing.wait_all_tasks_blocked()
            try:
                [].pop()
            except IndexError:
                raise KeyError(1)  # noqa: B904
    assert isinstance(caught.value.__context__, IndexError)


async def test_an_outer_cancellation() -> None:
    """When a scope around both is cancelled, that is what leaves."""
    with trio.CancelScope() as scope:
        async with BackgroundTask(forever, name="task"):
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught


async def test_a_block_that_swallows_an_outer_cancellation() -> None:
    """A cancellation that only the task saw leaves all the same."""
    with trio.CancelScope() as scope:
        async with BackgroundTask(forever, name="task"):
            scope.cancel()
    assert scope.cancelled_caught


async def test_an_interrupted_task() -> None:
    """Ctrl-C in the task leaves bare."""
    with pytest.raises(KeyboardInterrupt):
        async with BackgroundTask(interrupted, name="task"):
            await trio.sleep_forever()


async def test_an_interrupted_task_and_a_group() -> None:
    """Ctrl-C in the task leaves bare also when the block, cancelled by it, raises a group."""
    with pytest.raises(KeyboardInterrupt):
        async with BackgroundTask(interrupted, name="task"), trio.open_nursery() as nursery:
            nursery.start_soon(fail_when_cancelled)
            await trio.sleep_forever()


async def test_what_is_no_exception_leaves_as_it_is() -> None:
    """A group that the task raises is not taken to pieces, whatever is in it."""
    group = BaseExceptionGroup("", [ValueError(), GeneratorExit()])

    async def fail() -> None:
        raise group

    with pytest.raises(BaseExceptionGroup) as caught:  # noqa: ASYNC401 - it is this very one
        async with BackgroundTask(fail, name="test"):
            await trio.sleep_forever()
    assert caught.value is group
