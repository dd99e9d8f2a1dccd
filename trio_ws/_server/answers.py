"""What the application answers to a request, checked where it comes back."""

from __future__ import annotations

from .._handshake.server import asks_to_upgrade
from .._http import Accept, Request, Response
from .._validation import kind_of


def checked_answer(name: str, answer: object) -> Response:
    """Return a response; `name` says whose it is.

    Raises:
        TypeError: it is none.
        ValueError: it is not final: more would have to follow (RFC 9110 §15.2).
    """
    if not isinstance(answer, Response):
        raise TypeError(f"{name} must return a Response, not {kind_of(answer)}")
    if answer.status < 200:
        raise ValueError(f"{name} must return a final response, not a {answer.status}")
    return answer


def checked_decision(answer: object, request: Request) -> Response | Accept | None:
    """Return what `on_request` has decided about a request.

    Raises:
        TypeError: it is nothing that can be decided.
        ValueError: it is not final, or accepts what is no upgrade.
    """
    if answer is None:
        return None
    if isinstance(answer, Accept):
        if not asks_to_upgrade(request):
            raise ValueError("on_request has returned Accept for a request that is no upgrade")
        return answer
    if not isinstance(answer, Response):
        raise TypeError(f"on_request must return a Response, Accept or None, not {answer!r}")
    return checked_answer("on_request", answer)
