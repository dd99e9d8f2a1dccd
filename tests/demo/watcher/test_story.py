"""The story of a button: what is in it, when it is told, and when it ends."""

from __future__ import annotations

from typing import Any

import pytest
import trio
import trio.testing

from trio_ws._demo.watcher.incident import CALM
from trio_ws._demo.watcher.story import Story, label_of

from ..truth import Stage


class Told:
    """A story that hears what a test says."""

    def __init__(self) -> None:
        self.now = 0.0
        self.stories: list[dict[str, Any]] = []
        self._story = Story(lambda kind, facts: self.stories.append(facts))

    def hear(self, kind: str, **facts: Any) -> None:
        """Let something happen now."""
        self._story.hear(kind, self.now, facts)

    def step(self, state: str, **facts: Any) -> None:
        """Let the supervisor make a step."""
        known = {"delay": None, "away": None, "cause": None, "attempt": 1, "lost": False}
        self.hear("state", state=state, **{**known, **facts})

    def cancel(self, *names: str, function: str = "f", maker: str = "") -> None:
        """Cancel a box of the first task, which reaches all of them."""
        reached = [{"task": name, "name": name, "line": f"{name}.py:1 “x”"} for name in names]
        self.hear(
            "cancelled",
            box=1,
            task=names[0],
            name=names[0],
            function=function,
            maker=maker,
            nursery=not maker and function == "f",
            reached=reached,
        )

    @property
    def last(self) -> dict[str, Any]:
        """The story as it was told last."""
        return self.stories[-1]


LOST = {"cause": "ConnectionLost: broken", "delay": 1.5, "lost": True}


def test_a_loss_from_the_button_to_the_new_connection() -> None:
    """Each event adds what it tells, and nothing before."""
    told = Told()
    told.step("open")
    assert told.stories == []
    told.now = 1
    told.hear("press", button="cut", code=None)
    assert told.last["title"] == "Cut the cable"
    assert (told.last["cancelled"], told.last["exception"], told.last["back"]) == ([], "", "")
    told.hear("exited", name="early", task=9)
    told.cancel("client", "orders", maker="SupervisedBlock")
    told.cancel("orders")  # follows from that
    told.now = 2
    told.hear("exited", name="orders", task=2)
    told.hear("left", error="Cancelled", where="client.py:1 “x”")
    told.step("waiting", **LOST)
    assert told.last["cancelled"] == [
        {
            "box": 1,
            "what": "the body of the client's connection",
            "reached": [
                {"name": "client", "line": "client.py:1 “x”"},
                {"name": "orders", "line": "orders.py:1 “x”"},
            ],
        }
    ]
    assert told.last["unwound"] == [{"name": "orders", "after": 1}]
    assert told.last["exception"] == "ConnectionLost: broken"
    assert told.last["back"] == "attempt 2 in 1.5 s"
    told.step("connecting", attempt=2)
    assert told.last["back"] == "attempt 2 is under way"
    assert not told.last["done"]
    told.step("open", away=1.5)
    assert (told.last["back"], told.last["done"]) == ("a new connection, 1.5 s later", True)
    count = len(told.stories)
    told.hear("handler", error="too late")
    assert len(told.stories) == count


def test_a_loss_without_a_button() -> None:
    """It begins a story, too."""
    told = Told()
    told.step("waiting", **LOST)
    assert told.last["title"] == "The connection was lost"
    assert told.last["does"] == "No button was pressed."
    assert told.last["button"] == ""


def test_a_code_stands_in_the_title() -> None:
    """And the button that is pressed next begins another story."""
    told = Told()
    told.hear("press", button="close", code=1013)
    assert told.last["title"] == "Close with 1013"
    told.hear("press", button="cut", code=None)
    assert told.last["id"] == 2


def test_a_program_that_ends() -> None:
    """The exception is the program's if that was interrupted, and none if it returned."""
    for ended, cause, exception in (
        ("BaseExceptionGroup(KeyboardInterrupt)", None, "BaseExceptionGroup(KeyboardInterrupt)"),
        ("it returned", None, "none"),
        ("ConnectionClosed: 1008", "ConnectionClosed: 1008", "ConnectionClosed: 1008"),
    ):
        told = Told()
        told.hear("press", button="ctrl_c", code=None)
        told.step("closed", cause=cause)
        told.hear("program", up=False, ended=ended, seconds=4.0)
        assert told.last["exception"] == exception
        assert told.last["back"] == "the demo starts the program again in 4 s"
        told.hear("program", up=True, number=2)
        told.step("open")
        assert told.last["back"] == "the demo has started the program again: a new connection"


def test_a_connection_without_a_time() -> None:
    """The first one of a supervisor has been away from nothing."""
    told = Told()
    told.step("waiting", **LOST)
    told.step("open", away=0.0)
    assert told.last["back"] == "a new connection"


def test_the_same_box_of_a_later_connection() -> None:
    """A frozen server answers the handshakes that waited: their handlers are cancelled, too."""
    told = Told()
    told.hear("press", button="freeze", code=None)
    told.cancel("trio_ws server-1", maker="ConnectionBlock")
    told.cancel("trio_ws server-2", maker="ConnectionBlock")
    assert [each["what"] for each in told.last["cancelled"]] == [
        "the body of the server's connection",
        "the body of the server's connection, at a later attempt",
    ]


def test_the_handler_and_the_server_are_heard() -> None:
    """Their boxes say what they are: a scope, a nursery, a body, a shield."""
    told = Told()
    told.hear("press", button="restart", code=None)
    told.cancel("server", function="g")
    told.cancel("trio_ws server-1", maker="ConnectionBlock")
    told.cancel("trio_ws reader server-1", function="Connection.run")
    told.cancel("book", function="f")
    told.cancel("trio_ws reader client-1", function="Reader.run")  # no cancellation
    assert [each["what"] for each in told.last["cancelled"]] == [
        "the scope in g",
        "the body of the server's connection",
        "the shield of the reader (server), at its deadline",
        "the nursery in f",
    ]
    told.hear("server", up=False, number=1, seconds=3.0)
    told.hear("handler", error="RuntimeError: a bug")
    assert "RuntimeError" in told.last["sentences"][0]
    assert told.last["exception"] == ""


def test_pressure_ends_when_the_reader_reads_for_good() -> None:
    """What was full, for how long; a reader that stops again begins anew."""
    told = Told()
    told.hear("lease", leases=[])
    told.hear("press", button="slow", code=None)

    def lease(*, paused: bool, sending: int = 0) -> None:
        client = {"side": "client", "paused": paused, "waiting": 2000, "sending": 0}
        server = {"side": "server", "paused": False, "waiting": 0, "sending": sending}
        told.hear("lease", leases=[client, server])

    lease(paused=False)
    for told.now, paused in ((2.0, True), (3.0, False), (4.0, True), (5.0, False)):
        lease(paused=paused, sending=1)
        assert not told.last["done"]
    told.now = 4.0 + CALM + 0.1
    lease(paused=False)
    assert told.last["done"]
    assert told.last["back"] == "the reader reads again; for 2.0 s it had to stop now and then"


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("trio_ws reader client-3", "reader (client)"),
        ("trio_ws server-1", "handler"),
        ("supervisor-2 stability", "stability timer"),
        ("trio_ws._transport.listening.serve_forever", "accept"),
        ("trio_ws._demo.world.world.World.run", "world"),
        ("orders", "orders"),
        ("trio.sleep", "sleep"),
    ],
)
def test_labels_are_short(name: str, label: str) -> None:
    """A task is called by what it does, and a service of a connection by its side."""
    assert label_of(name) == label


async def test_a_real_story(autojump_clock: trio.testing.MockClock) -> None:
    """From the world itself: black-holed, given up, and back."""
    stage = Stage()
    async with trio.open_nursery() as nursery:
        await nursery.start(stage.run)
        await trio.sleep(3)
        stage.world.press("black_hole")
        await trio.sleep(12)
        nursery.cancel_scope.cancel()
    story = stage.watcher.of("story")[-1]
    assert story["done"]
    assert story["exception"].startswith("HeartbeatTimeout: the peer fell silent")
    names = [each["name"] for each in story["unwound"]]
    assert set(names) >= {"orders", "book", "prices", "buttons", "handler", "reader (client)"}
    assert names.index("orders") < names.index("book") < names.index("reader (client)")
