"""Instruments: objects that are told what happens to connections, as Trio's are of tasks.

An option of the doors, ``instruments=(…)``, names them.
They are bound when the options are checked, and not when something happens:
for each event, `Observers` has the function to call, or None if no instrument overrides it.
So without instruments a message takes no call more,
and with one it takes one: that of the instrument's own method.

An instrument is not part of the connection.
If one raises, that is logged once, and it is told of nothing any more, by any connection;
what happened goes on.  (A Ctrl-C and an exit pass, as everywhere.)

Of messages the kind and the size are told, not the content, which may be secret or large.

The types of connections and supervisors stand above this file, and imports go downward only:
the docstrings name them, and `Any` stands in the signatures.
A subclass may write ``ws: WebSocket``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import FunctionType
from typing import Any, Literal, TypeAlias, final, overload
from weakref import WeakSet

import trio

from ._concurrency.exceptions import contain
from ._ending import Ending
from ._errors import HandshakeError
from ._http import Request, Response
from ._log import Log
from ._validation import check_plain_callable, kind_of

MessageKind: TypeAlias = Literal["text", "binary"]
"""What `Instrument.message_sent` and `Instrument.message_received` are told of a message."""

Method: TypeAlias = Callable[..., object]
"""A method of an instrument, bound to it."""

_log = Log("trio_ws.instruments")


def kind_of_message(message: str | bytes) -> MessageKind:
    """Return the word for a message's type (RFC 6455 §5.6)."""
    return "text" if isinstance(message, str) else "binary"


class Instrument:
    """A base for objects that are told what happens; each method does nothing.

    Override what you want to know, and give the object as ``instruments=[…]``
    to `open_websocket`, `serve_websocket`, `supervise` or one of their siblings.
    What is not overridden costs nothing.

    The methods are plain functions, called at once, in the task in which it happens.
    They must be quick, and must only look at the connection.
    If one raises, the exception is logged, and the instrument is told of nothing any more.
    """

    def connection_opened(self, ws: Any) -> None:
        """Take note of a `WebSocket` that is open; its block begins."""

    def connection_closed(self, ws: Any, ending: Ending) -> None:
        """Take note of a `WebSocket` that is over: its transport is closed.

        It comes once for each `connection_opened`, and nothing about this connection follows it,
        but for messages that had arrived and are taken later.
        """

    def connection_refused(self, request: Request | None, response: Response) -> None:
        """Take note that a server answered a request with an error: a status of 400 or more.

        The server refused it, or ``on_request`` did; without a `request` it was not valid HTTP.
        """

    def connection_failed(self, error: HandshakeError) -> None:
        """Take note that a client tried to connect, and no connection was opened."""

    def message_sent(self, ws: Any, kind: MessageKind, size: int) -> None:
        """Take note of a message that `WebSocket.send` has queued whole.

        `size` is in bytes, before compression.
        """

    def message_received(self, ws: Any, kind: MessageKind, size: int) -> None:
        """Take note of a message that a task has taken with `WebSocket.receive`.

        It is called in that task, before `receive` returns.
        A message that is taken in chunks is told of with its last one.
        `size` is in bytes, after decompression.
        """

    def ping_answered(self, ws: Any, round_trip: float) -> None:
        """Take note of a pong; the round trip is in seconds (heartbeats, and `WebSocket.ping`)."""

    def transition(self, supervisor: str, transition: Any) -> None:
        """Take note of a `Transition` of the supervisor that has this name in the log."""

    _bound: WeakSet[Observers] | None = None
    _taken_out = False

    def _bind_to(self, observers: Observers) -> None:
        """Remember what tells it, to be taken out there."""
        if self._bound is None:
            self._bound = WeakSet()
        self._bound.add(observers)

    def _take_out(self, event: str, error: BaseException) -> None:
        """Log what it raised, and let nothing tell it any more."""
        self._taken_out = True
        message = "%s raised in %s, and is told of nothing any more"
        _log.error(message, type(self).__name__, event, error=error)
        for observers in self._bound or ():
            observers.rebind()


EVENTS = tuple(name for name in vars(Instrument) if not name.startswith("_"))
"""The methods of an `Instrument`."""


@final
class Observers(Sequence[Instrument]):
    """The instruments of a connection, a server or a supervisor, bound: a sequence of them.

    Attributes:
        sent: what to call for each message that is sent; None: nothing.
        received: what to call for each message that is received; None: nothing.
    """

    __slots__ = ("__weakref__", "_instruments", "_methods", "received", "sent")

    def __init__(self, instruments: Iterable[Instrument] = ()) -> None:
        self._instruments = tuple(map(_checked, instruments))
        self.rebind()
        for each in self._instruments:
            each._bind_to(self)

    @classmethod
    def on(cls, instruments: Iterable[Instrument]) -> Observers:
        """Return the observers of an option; those that are bound already stay as they are.

        Raises:
            TypeError: it is no list of instruments, or a method of one is async.
        """
        if isinstance(instruments, cls):
            return instruments
        given: object = instruments
        if not isinstance(given, Iterable):
            raise TypeError(f"instruments must be a list of Instrument, not {kind_of(given)}")
        return cls(instruments) if instruments else NO_OBSERVERS

    def rebind(self) -> None:
        """Find out what to call, without the instruments that have been taken out."""
        self._methods: dict[str, Method | None] = {each: self._method(each) for each in EVENTS}
        self.sent = self._methods["message_sent"]
        self.received = self._methods["message_received"]

    def _method(self, event: str) -> Method | None:
        """Return the method of an instrument, or a function that calls those of several."""
        wanted = [each for each in self._instruments if _wants(each, event)]
        methods: list[Method] = [getattr(each, event) for each in wanted]
        if len(methods) > 1:
            return partial(self._tell_each, event, methods)
        return methods[0] if methods else None

    @overload
    def __getitem__(self, index: int) -> Instrument: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Instrument]: ...
    def __getitem__(self, index: int | slice) -> Instrument | Sequence[Instrument]:
        return self._instruments[index]

    def __len__(self) -> int:
        return len(self._instruments)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Observers) and self._instruments == other._instruments

    __hash__ = object.__hash__  # for weak references

    def tell(self, event: str, *what: object) -> None:
        """Tell of an event that is rare; what is frequent is told where it happens."""
        if (method := self._methods[event]) is not None:
            self._tell_each(event, [method], *what)

    def _tell_each(self, event: str, methods: list[Method], *what: object) -> None:
        for method in methods:
            try:
                method(*what)
            except BaseException as error:  # noqa: ASYNC103 - what may pass does
                self.on_error(event, method, error)

    def on_error(self, event: str, method: Method, error: BaseException) -> None:
        """Take out the instrument whose method raised; raise what may pass."""
        contain(error)
        for instrument in self._instruments:
            if getattr(instrument, event) == method and not instrument._taken_out:
                instrument._take_out(event, error)


def _checked(instrument: object) -> Instrument:
    if isinstance(instrument, trio.abc.Instrument):
        raise TypeError(
            f"instruments must be values of type trio_ws.Instrument; {instrument!r} is one of "
            f"Trio's, which trio.run(…, instruments=[…]) takes"
        )
    if not isinstance(instrument, Instrument):
        raise TypeError(f"instruments must be values of type Instrument; got {instrument!r}")
    for event in EVENTS:
        check_plain_callable(
            f"instruments: {type(instrument).__name__}.{event}", getattr(instrument, event)
        )
    _refuse_misspelt(type(instrument))
    return instrument


def _refuse_misspelt(kind: type) -> None:
    """Refuse a method that looks as if it should be called, and never would be.

    That is one with a name like that of an event, and as many parameters,
    or one with a name such as ``on_message``, as other libraries have them.
    """
    for name, method in _own_methods(kind).items():
        meant = _meant(name, method)
        if meant is not None:
            raise TypeError(
                f"instruments: nothing calls {kind.__name__}.{name}; {meant}, "
                f"or begin its name with an underscore"
            )


def _own_methods(kind: type) -> dict[str, FunctionType]:
    """Return the public functions that subclasses of `Instrument` define besides its own."""
    return {
        name: value
        for each in kind.__mro__
        if issubclass(each, Instrument) and each is not Instrument
        for name, value in vars(each).items()
        if isinstance(value, FunctionType) and not name.startswith("_") and name not in EVENTS
    }


def _meant(name: str, method: FunctionType) -> str | None:
    """Return what to do about a method that is probably misspelt; None if it is not."""
    from difflib import get_close_matches  # takes long to import, for something rare

    handler = name.startswith("on_")
    close = get_close_matches(name.removeprefix("on_"), EVENTS, n=1, cutoff=0.6 if handler else 0.8)
    if close:
        event: FunctionType = vars(Instrument)[close[0]]
        if handler or method.__code__.co_argcount == event.__code__.co_argcount:
            return f"did you mean {close[0]!r}? Rename it"
    return f"an instrument is told by {', '.join(EVENTS)}: rename it" if handler else None


def _wants(instrument: Instrument, event: str) -> bool:
    """Return True if an instrument is to be told of an event: it has a method of its own."""
    method = getattr(instrument, event)
    own = getattr(method, "__func__", method) is not getattr(Instrument, event)
    return own and not instrument._taken_out


NO_OBSERVERS = Observers()
"""Of what nothing is told."""
