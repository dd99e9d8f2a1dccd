"""`trio_ws._instrument`: what instruments are told, and what becomes of one that raises."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import mode
from types import FrameType
from typing import Any

import pytest
import trio
import trio.testing

import trio_ws
from trio_ws import (
    Backoff,
    CloseCode,
    ConnectionLost,
    Deflate,
    Ending,
    HandshakeError,
    Instrument,
    Loss,
    MessageKind,
    Request,
    Response,
    SupervisorGaveUp,
    Timeouts,
    WebSocket,
    open_reconnecting_websocket,
    open_websocket_on,
    supervise,
)
from trio_ws._instrument import EVENTS, NO_OBSERVERS, Observers
from trio_ws.testing import open_websocket_pair, open_websocket_to_peer
from trio_ws.testing._peer import PONG

from .halls import echo, serving
from .notebooks import Faulty, Notebook
from .wires import both_roles

# What is refused


class Misspelt(Instrument):
    """One with a method of any name, with the parameters that `message_sent` has."""

    def __init_subclass__(cls, name: str) -> None:
        setattr(cls, name, lambda self, ws, kind, size: None)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mesage_sent", r"did you mean 'message_sent'\? Rename it, or begin"),
        ("messages_received", "did you mean 'message_received'"),
        ("on_messge", "did you mean 'message_sent'"),
        ("on_connection_opened", "did you mean 'connection_opened'"),
        ("on_click", "an instrument is told by connection_opened, .*, transition: rename it"),
    ],
)
def test_a_misspelt_method_is_refused(name: str, told: str) -> None:
    """A method that nothing would call is told of where the instrument is given."""

    class Wrong(Misspelt, name=name):
        pass

    for kind in (Wrong, type("Inherits", (Wrong,), {}, name="fine")):
        with pytest.raises(TypeError, match=rf"nothing calls {kind.__name__}\.{name}; .*{told}"):
            Observers([kind()])


def test_methods_of_its_own() -> None:
    """What an instrument has besides is its own: helpers, counters, what it inherits elsewhere."""

    class Widget:
        def on_click(self) -> None:
            """Nothing to do with instruments."""

    class Fine(Widget, Instrument):
        messages_sent = 0

        def message_sent(self, ws: WebSocket, kind: MessageKind, size: int) -> None:
            self.messages_sent += 1

        def messages_received(self) -> int:
            return 0

        def render(self) -> str:
            return f"{self.messages_sent}"

        def _on_message(self) -> None:
            pass

    assert Observers([Fine()]).sent is not None


# What is told


async def test_the_life_of_a_connection(autojump_clock: trio.testing.MockClock) -> None:
    """Both ends are told of their opening, messages in both directions, and their end, once."""
    ours, theirs = Notebook(), Notebook()
    async with (
        serving(instruments=[theirs]) as hall,
        hall.open(instruments=[ours]) as ws,
    ):
        await ws.send("grüße")
        await ws.send(b"12345")
        assert [await ws.receive(), await ws.receive()] == ["grüße", b"12345"]
        await ws.close()
    text, binary = ("text", 7), ("binary", 5)
    assert ours.told == [
        ("opened", ws),
        ("sent", ws, *text),
        ("sent", ws, *binary),
        ("received", ws, *text),
        ("received", ws, *binary),
        ("closed", ws, ws.ending),
    ]
    assert sorted(map(str, theirs.words())) == sorted(
        ["opened", "received", "sent", "received", "sent", "closed"]
    )
    assert (theirs.words()[0], theirs.words()[-1]) == ("opened", "closed")


@both_roles
async def test_a_ping(client: bool, autojump_clock: trio.testing.MockClock) -> None:
    """An answered ping is told with its round trip; a pong that answers none is not."""
    notebook = Notebook()
    async with (
        open_websocket_to_peer(client=client, instruments=[notebook]) as (ws, peer),
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(ws.ping, b"1")
        await peer.receive_frame()
        await trio.sleep(2)
        await peer.send_frame(PONG, b"1")
        await peer.send_frame(PONG, b"2")
        await trio.testing.wait_all_tasks_blocked()
        await peer.send_close()
        await peer.aclose()
    assert notebook.told[1] == ("ping", ws, 2)
    assert notebook.words() == ["opened", "ping", "closed"]


async def test_a_message_in_fragments(autojump_clock: trio.testing.MockClock) -> None:
    """It is one message, with its size in bytes; so is one that is taken in chunks."""
    notebook = Notebook()
    async with open_websocket_pair(instruments=[notebook]) as (client, server):
        await client.send(["grü", "ße"])
        async with server.receive_stream() as chunks:
            assert "".join([str(each) async for each in chunks]) == "grüße"
        await client.send(b"whole")
        async with server.receive_stream() as chunks:
            assert [each async for each in chunks] == [b"whole"]
    assert [each for each in notebook.told if each[0] in ("sent", "received")] == [
        ("sent", client, "text", 7),
        ("received", server, "text", 7),
        ("sent", client, "binary", 5),
        ("received", server, "binary", 5),
    ]


async def test_compressed_messages(autojump_clock: trio.testing.MockClock) -> None:
    """The size that is told is that of the message, not what goes over the wire."""
    notebook = Notebook()
    pair = open_websocket_pair(instruments=[notebook], compression=Deflate())
    async with pair as (client, server):
        client.send_nowait("a" * 10_000)
        await server.receive()
    assert ("sent", client, "text", 10_000) in notebook.told
    assert ("received", server, "text", 10_000) in notebook.told


async def test_messages_that_are_taken_after_the_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """They count like all others, and they alone come behind the end."""
    notebook = Notebook()
    async with open_websocket_to_peer(client=True, instruments=[notebook]) as (ws, peer):
        await peer.send_text("last")
        await peer.send_close()
        await peer.aclose()
        await ws.wait_closed()
        assert await ws.receive() == "last"
    assert notebook.words() == ["opened", "closed", "received"]


async def test_a_loss(autojump_clock: trio.testing.MockClock) -> None:
    """A connection that is lost is closed with that ending."""
    notebook = Notebook()
    with pytest.raises(ConnectionLost, match="without a closing handshake") as caught:
        async with open_websocket_to_peer(client=True, instruments=[notebook]) as (ws, peer):
            await peer.aclose()
            await ws.receive()
    assert notebook.told[1:] == [("closed", ws, caught.value.ending)]
    assert caught.value.ending.loss is Loss.EOF


async def test_refusals(autojump_clock: trio.testing.MockClock) -> None:
    """A server tells of each answer that is an error, whether it was its own or `on_request`'s."""
    notebook = Notebook()

    def on_request(request: Request) -> Response | None:
        answers = {"/health": Response(200), "/secret": Response(401)}
        return answers.get(request.path)

    async with serving(on_request=on_request, instruments=[notebook]) as hall:
        for path in ("/health", "/secret", "/nothing"):
            async with hall.raw() as peer:
                await peer.send_bytes(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                await peer.receive_head()
        async with hall.raw() as peer:
            await peer.send_bytes(b"\0\r\n\r\n")
            await peer.receive_head()
    assert notebook.told == [
        ("refused", "/secret", 401),
        ("refused", "/nothing", 426),
        ("refused", None, 400),
    ]


async def test_a_client_that_fails(autojump_clock: trio.testing.MockClock) -> None:
    """A client tells of an attempt that led to no connection; its server of the refusal."""
    ours, theirs = Notebook(), Notebook()
    async with serving(on_request=lambda _: Response(403), instruments=[theirs]) as hall:
        with pytest.raises(HandshakeError) as caught:
            await hall.open(instruments=[ours]).__aenter__()
    assert ours.told == [("failed", caught.value)]
    assert theirs.told == [("refused", "/", 403)]


async def test_a_supervisor(autojump_clock: trio.testing.MockClock) -> None:
    """A supervisor tells of its transitions, and its connections of what they do."""
    notebook = Notebook()

    def connect(url: str, **options: Any) -> Any:
        assert options["instruments"] == Observers([notebook])
        return hall.open(**options)

    async def session(ws: WebSocket) -> None:
        await ws.send("hello")

    async with serving() as hall:
        await supervise(session, "ws://a", connect=connect, instruments=iter([notebook]))  # type: ignore[arg-type]
    names = {each[1] for each in notebook.told if each[0] == "transition"}
    assert len(names) == 1
    assert notebook.words() == [
        *["transition", "opened", "transition", "sent", "closed", "transition"]
    ]


async def test_a_supervisor_that_gives_up(autojump_clock: trio.testing.MockClock) -> None:
    """An observer is told of the end, too."""
    notebook = Notebook()

    def connect(url: str, **options: Any) -> Any:
        raise HandshakeError("refused", transient=True)

    with pytest.raises(SupervisorGaveUp):
        async with open_reconnecting_websocket(
            "ws://a", connect=connect, backoff=Backoff(max_attempts=1), instruments=[notebook]
        ):
            await trio.sleep_forever()
    assert [each[2] for each in notebook.told] == ["connecting", "failed"]


def test_the_base_does_nothing() -> None:
    """Each method of the base takes what it is told, and returns."""
    instrument: Any = Instrument()
    arguments = {"message_sent": 3, "message_received": 3, "connection_opened": 1}
    for event in EVENTS:
        count = arguments.get(event, 1 if event == "connection_failed" else 2)
        assert getattr(instrument, event)(*[None] * count) is None


# What it costs


HOUSE = f"{Path(trio_ws.__file__).parent}"


async def calls_for_a_message(instruments: list[Instrument]) -> int:
    """Count what Python enters, here and in the library, to send a message and to take another.

    Time ends turns, too, so the most frequent of several counts is right.
    """
    entered: list[FrameType] = []

    def look(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if event == "call" and (code.co_filename.startswith(HOUSE) or code in TOLD):
            entered.append(frame)

    counts = []
    async with open_websocket_pair(instruments=instruments) as (client, server):
        for _ in range(25):
            server.send_nowait("hello")
            await trio.testing.wait_all_tasks_blocked()
            entered.clear()
            sys.setprofile(look)
            client.send_nowait("hello")
            await client.receive()
            sys.setprofile(None)
            await server.receive()
            counts.append(len(entered))
    return mode(counts)


class Messages(Instrument):
    """It does nothing when it is told of messages."""

    def message_sent(self, ws: WebSocket, kind: MessageKind, size: int) -> None:
        pass

    def message_received(self, ws: WebSocket, kind: MessageKind, size: int) -> None:
        pass


TOLD = {Messages.message_sent.__code__, Messages.message_received.__code__}


class Ends(Instrument):
    """It wants to know of ends only."""

    def connection_closed(self, ws: WebSocket, ending: Ending) -> None:
        pass


async def test_what_a_message_costs() -> None:
    """Not a call more if no instrument wants it; else the calls of it, and one for the size."""
    none = await calls_for_a_message([])
    assert none > 10
    assert await calls_for_a_message([Instrument(), Ends()]) == none
    assert await calls_for_a_message([Messages()]) == none + 3


# What raises is out


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ("connection_opened", []),
        ("message_sent", ["opened"] * 2),
        ("message_received", ["opened"] * 2 + ["sent"]),
        ("connection_closed", ["opened"] * 2 + ["sent", "received"] * 2),
    ],
)
async def test_one_that_raises_is_told_of_nothing_more(
    event: str,
    told: list[str],
    caplog: pytest.LogCaptureFixture,
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It is logged once, it hears nothing more, and the connections and its neighbours go on."""
    faulty, notebook = Faulty(event, KeyError("no such counter")), Notebook()
    pair = open_websocket_pair(instruments=[faulty, notebook])
    async with pair as (client, server):
        await client.send("one")
        assert await server.receive() == "one"
        await server.send(["t", "wo"])
        assert await client.receive() == "two"
    assert client.ending is not None
    assert client.ending.code == CloseCode.NORMAL_CLOSURE
    assert faulty.calls == 1
    assert faulty.words() == told
    assert notebook.words() == ["opened"] * 2 + ["sent", "received"] * 2 + ["closed"] * 2
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("trio_ws.instruments", logging.ERROR)
    assert record.getMessage() == f"Faulty raised in {event}, and is told of nothing any more"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], KeyError)


async def test_one_that_raises_is_out_everywhere(
    caplog: pytest.LogCaptureFixture, autojump_clock: trio.testing.MockClock
) -> None:
    """Connections that were made with it before, or are made with it later, leave it alone."""
    faulty = Faulty("message_sent", ValueError())
    async with open_websocket_pair(instruments=[faulty]) as (one, _):
        async with open_websocket_pair(instruments=[faulty]) as (other, _):
            await one.send("raises")
            faulty.told.clear()
            await other.send("does not")
        async with open_websocket_pair(instruments=[faulty]) as (third, _):
            await third.send("does not")
    assert (faulty.calls, faulty.told, len(caplog.records)) == (1, [], 1)


async def test_errors_in_rare_events(
    caplog: pytest.LogCaptureFixture, autojump_clock: trio.testing.MockClock
) -> None:
    """What is raised about a refusal, a failure or a transition is no more than logged."""
    refused, failed, stepped = (
        Faulty(event, ZeroDivisionError())
        for event in ("connection_refused", "connection_failed", "transition")
    )
    async with serving(on_request=lambda _: Response(403), instruments=[refused]) as hall:
        for _ in range(2):
            with pytest.raises(HandshakeError, match="403"):
                await supervise(
                    echo,
                    "ws://a",
                    connect=lambda url, **options: hall.open(**options),
                    instruments=[failed, stepped],
                )
    assert (refused.calls, failed.calls, stepped.calls) == (1, 1, 1)
    assert [each.name for each in caplog.records].count("trio_ws.instruments") == 3


@pytest.mark.parametrize("event", ["connection_opened", "message_sent", "connection_closed"])
async def test_an_exit_leaves(event: str, autojump_clock: trio.testing.MockClock) -> None:
    """What an instrument raises to end the program is not kept: it leaves the block."""
    faulty = Faulty(event, SystemExit(3))
    with pytest.raises(SystemExit):
        async with open_websocket_to_peer(
            client=True, instruments=[faulty], timeouts=Timeouts(close=1)
        ) as (ws, _):
            await ws.send("hello")
    assert faulty.calls == 1


async def test_an_error_while_another_is_told(
    caplog: pytest.LogCaptureFixture, autojump_clock: trio.testing.MockClock
) -> None:
    """One that raises twice, since another one sent a message meanwhile, is logged once."""
    faulty = Faulty("message_sent", ValueError())

    class Talker(Instrument):
        def message_sent(self, ws: WebSocket, kind: MessageKind, size: int) -> None:
            if size < 3:
                ws.send_nowait("x" * 3)

    async with open_websocket_pair(instruments=[Talker(), faulty]) as (client, _):
        await client.send("1")
    assert faulty.calls == 2
    assert len(caplog.records) == 1


# What is no instrument


def check_refused(instruments: Any, match: str) -> None:
    with pytest.raises(TypeError, match=match):
        open_websocket_on(trio.testing.memory_stream_pair()[0], "ws://a", instruments=instruments)


def test_what_is_no_instrument() -> None:
    """It is refused, with what it must be."""
    check_refused(5, "instruments must be a list of Instrument, not a value of type int")
    check_refused([5], "instruments must be values of type Instrument; got 5")
    check_refused([Instrument], "instruments must be values of type Instrument; got <class")


def test_an_instrument_of_trio() -> None:
    """An instrument of Trio's is refused, with the place where it belongs."""
    check_refused([trio.abc.Instrument()], r"trio\.run\(…, instruments=\[…\]\)")


def test_an_async_method() -> None:
    """A method that nothing would wait for is refused at once."""

    class Late(Instrument):
        async def message_sent(self, *what: object) -> None:  # type: ignore[override]
            pass

    check_refused([Late()], r"instruments: Late\.message_sent must be a plain function")


# The value


def test_observers_are_a_sequence() -> None:
    """They compare by their instruments, and are bound once."""
    one, other = Instrument(), Instrument()
    observers = Observers.on([one, other])
    assert Observers.on(observers) is observers
    assert list(observers) == [one, other]
    assert observers[:1] == (one,)
    assert observers == Observers([one, other])
    assert observers != Observers([one])
    assert observers != (one, other)
    assert not NO_OBSERVERS


@pytest.mark.parametrize("event", EVENTS)
def test_what_is_not_overridden_is_not_called(event: str) -> None:
    """Only the methods that an instrument has of its own are bound."""

    def told(*what: object) -> None:
        seen.append(what)

    seen: list[object] = []
    method: Callable[..., None] = lambda self, *what: told(*what)  # noqa: E731
    instrument = type("One", (Instrument,), {event: method})()
    observers = Observers([instrument, Instrument()])
    for each in EVENTS:
        observers.tell(each, each)
    assert seen == [(event,)]
