"""The conversations, for every library that has a method to receive and a method to send."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from itertools import cycle, repeat
from time import perf_counter, process_time
from typing import Any, ClassVar, NamedTuple, Protocol, TypeAlias

import trio

from ..deflated import MESSAGES, messages
from ..wire import Talk, message
from .line import Options, obey, read_options


class Ends(NamedTuple):
    """The two methods of a connection, and it itself, where a library's fan-out takes that."""

    receive: Callable[[], Awaitable[Any]]
    send: Callable[[Any], Awaitable[Any]]
    connection: Any = None


FanOut: TypeAlias = Callable[[list[Ends], list[Any]], Awaitable[None]]
"""What sends a burst of messages to many connections."""

AUDIENCE: list[Ends] = []
"""The connections of a server that are there to be sent to."""


class Library(Protocol):
    """What a program has to say about its library."""

    def run(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run an event loop."""

    async def at_once(self, work: Callable[[], Coroutine[Any, Any, None]], count: int) -> None:
        """Run so many of it at once."""

    async def serve(self, options: Options) -> None:
        """Tell `line.listening`, and serve until killed."""

    async def work(self, options: Options, job: dict[str, Any]) -> dict[str, Any]:
        """Do what a job asks of a client."""


class OnTrio:
    """A library that runs on Trio."""

    def run(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run an event loop."""
        return trio.run(work)

    async def at_once(self, work: Callable[[], Coroutine[Any, Any, None]], count: int) -> None:
        """Run so many of it at once."""
        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(work)


class OnAsyncio:
    """A library that runs on asyncio."""

    def run(self, work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run an event loop."""
        return asyncio.run(work())

    async def at_once(self, work: Callable[[], Coroutine[Any, Any, None]], count: int) -> None:
        """Run so many of it at once."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(count):
                tasks.create_task(work())


class Talking(Library, Protocol):
    """A library with connections that have `Ends`."""

    def connect(self, url: str, talk: Talk, tls: Any) -> AbstractAsyncContextManager[Ends]:
        """Open a connection."""

    async def work(self, options: Options, job: dict[str, Any]) -> dict[str, Any]:
        """Do what a job asks of a client."""
        talk = Talk(*job["talk"])
        connect = partial(self.connect, job["url"] + talk.path, talk, options.client_tls())
        if talk.conversation == "none":
            return await handshakes(self, connect, job["at_once"], job["seconds"])
        async with connect() as ends:
            if talk.conversation == "echo":
                return await keep_in_flight(ends, talk, job["seconds"])
            watch = Watch()
            if talk.conversation == "sink":  # the other side's word: we send
                count = await source(ends, talk)
                await ends.receive()
            else:
                count = await receive_all(ends, talk)
            return watch.report(count)


class Observer(Protocol):
    """What looks at a client closely while its clocks run."""

    def begin(self) -> None:
        """Begin to look."""

    def end(self) -> dict[str, Any]:
        """End, and tell what was seen."""


class Watch:
    """Two clocks, started at the same time; and an observer, if `sampled` has put one here."""

    observer: ClassVar[Observer | None] = None

    def __init__(self) -> None:
        if self.observer is not None:
            self.observer.begin()
        self.wall = perf_counter()
        self.cpu = process_time()

    def report(self, count: int) -> dict[str, Any]:
        """What the suite wants to know."""
        report: dict[str, Any] = {
            "count": count,
            "seconds": perf_counter() - self.wall,
            "cpu": process_time() - self.cpu,
        }
        if self.observer is not None:
            report["watched"] = self.observer.end()
        return report


# What a server does


async def send_to_each(audience: list[Ends], burst: list[Any]) -> None:
    """Fan messages out, one after the other, with nothing but the method to send."""
    for data in burst:
        for ends in audience:
            await ends.send(data)


async def converse(
    ends: Ends, talk: Talk, fan_out: FanOut = send_to_each, loop: FanOut = send_to_each
) -> None:
    """Do what the path says, until the connection ends with the library's own exception.

    `fan_out` is the library's own way to send to many, `loop` what an application can do itself.
    """
    if talk.conversation == "audience":
        AUDIENCE.append(ends)
        try:
            await ends.receive()
        finally:
            AUDIENCE.remove(ends)
    elif talk.conversation == "conductor":
        await conduct(ends, talk, fan_out)
    elif talk.conversation == "looper":
        await conduct(ends, talk, loop)
    elif talk.conversation == "sink":
        await receive_all(ends, talk)
        await ends.send(message(talk.kind, talk.size))
    elif talk.conversation == "source":
        await source(ends, talk)
    await echo(ends)


async def echo(ends: Ends) -> None:
    """Send back whatever comes."""
    receive, send, _ = ends
    while True:
        await send(await receive())


async def conduct(ends: Ends, talk: Talk, fan_out: FanOut) -> None:
    """For each message that comes send a burst to the audience."""
    while True:
        await ends.receive()
        await fan_out(AUDIENCE, burst_of(talk))


async def receive_all(ends: Ends, talk: Talk) -> int:
    """Take in all messages of the talk."""
    receive = ends.receive
    for _ in range(talk.messages):
        await receive()
    return talk.messages


async def source(ends: Ends, talk: Talk) -> int:
    """Send all messages of the talk."""
    send, data = ends.send, message(talk.kind, talk.size)
    for _ in range(talk.messages):
        await send(data)
    return talk.messages


def burst_of(talk: Talk) -> list[Any]:
    """Make messages that are equal, but not the same object."""
    whole: Any = message(talk.kind, talk.size)
    return [whole[:-1] + whole[-1:] for _ in range(talk.messages)]


# What a client does


def data_of(talk: Talk) -> Iterator[str | bytes]:
    """Yield messages without an end: the same again, or of JSON many different ones."""
    if talk.kind != "json":
        return repeat(message(talk.kind, talk.size))
    return cycle([each.decode() for each in messages(MESSAGES, talk.size)])


async def keep_in_flight(ends: Ends, talk: Talk, seconds: float) -> dict[str, Any]:
    """For each message that comes back send one, for so long; count what came back by then."""
    receive, send, _ = ends
    data = data_of(talk)
    first = next(data)
    watch, count = Watch(), 0
    await send(first)
    for _ in range(talk.messages - 1):
        await send(next(data))
    assert await receive() == first, "this is no echo"
    end = perf_counter() + seconds
    while perf_counter() < end:
        await send(next(data))
        await receive()
        count += 1
    report = watch.report(count)
    for _ in range(talk.messages - 1):
        await receive()
    return report


async def handshakes(
    library: Library,
    connect: Callable[[], AbstractAsyncContextManager[Ends]],
    at_once: int,
    seconds: float,
) -> dict[str, Any]:
    """Open and close connections, so many at once, for so long."""
    count = 0
    watch = Watch()
    end = perf_counter() + seconds

    async def again_and_again() -> None:
        nonlocal count
        while perf_counter() < end:
            async with connect():
                count += 1

    await library.at_once(again_and_again, at_once)
    return watch.report(count)


def main(library: Library) -> None:
    """Be the program of a library."""
    options = read_options()
    if options.role == "server":
        library.run(partial(library.serve, options))
    else:
        obey(lambda job: library.run(partial(library.work, options, job)))
