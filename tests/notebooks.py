"""Instruments that write down what they are told, and one that fails."""

from __future__ import annotations

from trio_ws import (
    Ending,
    HandshakeError,
    Instrument,
    MessageKind,
    Request,
    Response,
    Transition,
    WebSocket,
)


class Notebook(Instrument):
    """It writes down everything that it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def connection_opened(self, ws: WebSocket) -> None:
        self.told.append(("opened", ws))

    def connection_closed(self, ws: WebSocket, ending: Ending) -> None:
        self.told.append(("closed", ws, ending))

    def connection_refused(self, request: Request | None, response: Response) -> None:
        self.told.append(("refused", request and request.path, response.status))

    def connection_failed(self, error: HandshakeError) -> None:
        self.told.append(("failed", error))

    def message_sent(self, ws: WebSocket, kind: MessageKind, size: int) -> None:
        self.told.append(("sent", ws, kind, size))

    def message_received(self, ws: WebSocket, kind: MessageKind, size: int) -> None:
        self.told.append(("received", ws, kind, size))

    def ping_answered(self, ws: WebSocket, round_trip: float) -> None:
        self.told.append(("ping", ws, round_trip))

    def transition(self, supervisor: str, transition: Transition) -> None:
        self.told.append(("transition", supervisor, transition.state.value))

    def words(self) -> list[object]:
        """Return what kinds of things it was told, in order."""
        return [what for what, *_ in self.told]


class Faulty(Notebook):
    """It raises when it is told of one kind of event."""

    def __init__(self, event: str, error: BaseException) -> None:
        super().__init__()
        self.calls = 0

        def fail(*what: object) -> None:
            self.calls += 1
            raise error

        setattr(self, event, fail)
