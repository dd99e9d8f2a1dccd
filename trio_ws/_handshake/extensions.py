"""Extensions in the opening handshake (RFC 6455 §9.1): offers, and what is chosen of them.

The header ``Sec-WebSocket-Extensions`` is a list; each element is a name with parameters::

    permessage-deflate; server_max_window_bits=10, permessage-deflate

In a request these are offers, the most wanted first, and several may have the same name.
In a 101 they are what the server chose, each name once.
No two extensions of a connection may own the same reserved bit, so an offer that needs one
that is taken already is declined.
An empty header says nothing, and is never sent: some peers fail over it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from .._errors import LocalProtocolError
from .._http import is_token
from .._protocol.extensions.base import Extension, ExtensionCodec, Parameters
from .._text import printable
from .._validation import kind_of
from .http_head import elements

HEADER = "Sec-WebSocket-Extensions"

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")


class Element(NamedTuple):
    """An element of the header: an offer, or what was chosen."""

    name: str
    parameters: Parameters

    def __str__(self) -> str:
        """Write it as it stands in the header."""
        return "; ".join([self.name, *(_parameter(*each) for each in self.parameters)])


class NegotiatedExtension(NamedTuple):
    """An extension that both sides agreed on, and the codec that comes of it."""

    element: Element
    codec: ExtensionCodec


class Malformed(ValueError):
    """A header that does not follow the grammar."""


class BadAnswer(ValueError):
    """A choice that was not offered."""


def read_extensions(values: Iterable[str]) -> list[Element]:
    """Return the elements of all lines of the header.

    Raises:
        Malformed: it does not follow the grammar of RFC 6455 §9.1.
    """
    lines = list(values)
    for quoted in _QUOTED.findall(",".join(lines)):
        if not is_token(_ESCAPED.sub(r"\1", quoted)):  # a comma, for example, at which we split
            raise Malformed("a quoted value is no token")
    return [_read_element(each) for each in elements(lines)]


def _read_element(text: str) -> Element:
    name, *rest = (part.strip(" \t") for part in text.split(";"))
    if not is_token(name):
        raise Malformed("the name of an extension is no token")
    return Element(name, tuple(_read_parameter(part) for part in rest))


def _read_parameter(text: str) -> tuple[str, str | None]:
    name, equals, value = (part.strip(" \t") for part in text.partition("="))
    if quoted := _QUOTED.fullmatch(value):
        value = _ESCAPED.sub(r"\1", quoted[1])
    if not is_token(name) or (equals and not is_token(value)):
        raise Malformed("a parameter of an extension is malformed")
    return name, value if equals else None


def _parameter(name: str, value: str | None) -> str:
    return name if value is None else f"{name}={value}"


def offers(extensions: Sequence[Extension]) -> str:
    """Return the value of a client's header, empty if there is nothing to offer."""
    return ", ".join(
        _write(Element(extension.name, parameters))
        for extension in extensions
        for parameters in extension.offers()
    )


def answer(chosen: Iterable[NegotiatedExtension]) -> str:
    """Return the value of a server's header, empty if there is nothing to answer."""
    return ", ".join(_write(each.element) for each in chosen)


def _write(element: Element) -> str:
    words = [word for parameter in element.parameters for word in parameter if word is not None]
    if not all(map(is_token, (element.name, *words))):
        raise LocalProtocolError(
            f"the extension {printable(element.name)!r} has a name or a parameter that is no token"
        )
    return str(element)


def check_extensions(extensions: Iterable[Extension]) -> tuple[Extension, ...]:
    """Return `extensions` if each is an `Extension`, and no name comes twice.

    Raises:
        TypeError, LocalProtocolError: otherwise.
    """
    given: object = extensions
    if not isinstance(given, Iterable):
        raise TypeError(f"extensions must be a list of Extension, not {kind_of(given)}")
    known = tuple(extensions)
    for each in known:
        if not isinstance(each, Extension):
            raise TypeError(f"extensions must be values of type Extension; got {each!r}")
    if len({each.name for each in known}) < len(known):
        raise LocalProtocolError("an extension is named twice")
    return known


def choose(
    offered: Iterable[Element], known: Sequence[Extension]
) -> tuple[NegotiatedExtension, ...]:
    """Return what a server accepts of the offers, in the client's order of preference."""
    chosen: list[NegotiatedExtension] = []
    for offer in offered:
        extension = _find(offer.name, known)
        if extension is None or offer.name in _names(chosen):
            continue
        agreement = extension.accept_offer(offer.parameters)
        if agreement is not None and not _bits(chosen) & agreement.codec.rsv:
            element = Element(offer.name, agreement.parameters)
            chosen.append(NegotiatedExtension(element, agreement.codec))
    return tuple(chosen)


def check_answer(
    answered: Iterable[Element], offered: Sequence[Extension]
) -> tuple[NegotiatedExtension, ...]:
    """Return what the server chose of our offers.

    Raises:
        BadAnswer: it was not offered, or it contradicts itself.
    """
    chosen: list[NegotiatedExtension] = []
    for element in answered:
        extension = _find(element.name, offered)
        if extension is None:
            raise BadAnswer("it chose an extension that was not offered")
        if element.name in _names(chosen):
            raise BadAnswer(f"it chose the extension {element.name} twice")
        codec = extension.accept_answer(element.parameters)
        if codec is None:
            raise BadAnswer(f"it chose parameters for {element.name} that were not offered")
        if _bits(chosen) & codec.rsv:
            raise BadAnswer("it chose two extensions for the same reserved bit")
        chosen.append(NegotiatedExtension(element, codec))
    return tuple(chosen)


def agree(
    extensions: Sequence[Extension],
) -> tuple[tuple[NegotiatedExtension, ...], tuple[NegotiatedExtension, ...]]:
    """Return what a client and a server that have the same extensions would agree on."""
    theirs = choose(read_extensions([offers(extensions)]), extensions)
    return check_answer([each.element for each in theirs], extensions), theirs


def _find(name: str, extensions: Iterable[Extension]) -> Extension | None:
    return next((each for each in extensions if each.name == name), None)


def _names(chosen: Iterable[NegotiatedExtension]) -> set[str]:
    return {each.element.name for each in chosen}


def _bits(chosen: Iterable[NegotiatedExtension]) -> int:
    bits = 0
    for each in chosen:
        bits |= each.codec.rsv
    return bits
