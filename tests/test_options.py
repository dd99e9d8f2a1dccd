"""The options: each written once as a value, once in a signature, once in a `TypedDict`."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import pytest

from trio_ws import (
    Deflate,
    Instrument,
    LocalProtocolError,
    open_websocket,
    serve_websocket,
    supervise,
)
from trio_ws._client.options import ClientConfig, ClientOptions
from trio_ws._options import ConnectionOptions, PolicyOptions, config_from
from trio_ws._policies import Heartbeat, MessageReply, Watchdog
from trio_ws._server.options import ServerConfig, ServerOptions
from trio_ws._supervision.config import SupervisorConfig, SupervisorOptions

from .toys import IDENTITY


def test_heartbeats() -> None:
    """A connection has no heartbeat policy, one, or several in their order."""
    reply = MessageReply(is_ping=lambda _: False, reply="pong")
    assert ConnectionOptions(heartbeat=None).heartbeats == ()
    assert ConnectionOptions(heartbeat=Watchdog()).heartbeats == (Watchdog(),)
    both = ConnectionOptions(heartbeat=[reply, Heartbeat()])
    assert both.heartbeats == (reply, Heartbeat())
    assert both.beats == (Heartbeat(),)


@pytest.mark.parametrize("name", ["Timeouts", "Limits"])
@pytest.mark.parametrize("value", [3, None, Heartbeat()])
def test_no_policy(name: str, value: Any) -> None:
    """What are no timeouts or no limits is refused; the error says what would do."""
    with pytest.raises(TypeError, match=rf"{name.lower()} must be {name}\(…\), not "):
        ConnectionOptions(**{name.lower(): value})


@pytest.mark.parametrize("value", [20, "20", [Heartbeat(), None], {Heartbeat()}, Heartbeat])
def test_no_heartbeat(value: Any) -> None:
    """What is no heartbeat policy is refused; the error says what would do."""
    with pytest.raises(TypeError, match=r"heartbeat must be Heartbeat\(\), Watchdog\(\)"):
        ConnectionOptions(heartbeat=value)


def test_frozen() -> None:
    """Options cannot be changed once they are made."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        ConnectionOptions().heartbeat = None  # type: ignore[misc]


def signature_of(function: Callable[..., object], *own: str) -> dict[str, tuple[object, object]]:
    """Return type and default of each keyword of a function that is an option."""
    hints = get_type_hints(function)
    return {
        name: (hints[name], parameter.default)
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in own
    }


def fields_of(config: type) -> dict[str, tuple[object, object]]:
    """Return type and default of each field of a value."""
    hints = get_type_hints(config)
    return {f.name: (hints[f.name], f.default) for f in dataclasses.fields(config)}


@pytest.mark.parametrize(
    ("signature", "options", "config"),
    [
        (signature_of(open_websocket), ClientOptions, ClientConfig),
        (signature_of(serve_websocket, "task_status"), ServerOptions, ServerConfig),
    ],
    ids=["client", "server"],
)
def test_an_option_is_the_same_everywhere(
    signature: dict[str, tuple[object, object]], options: type, config: type
) -> None:
    """Signature, dictionary and value have the same names and types, and the same defaults."""
    assert signature == fields_of(config)
    types = {name: kind for name, (kind, _) in signature.items()}
    assert get_type_hints(options) == types


def test_an_option_of_a_supervisor_is_the_same_everywhere() -> None:
    """So it is for `supervise`; the rest of its dictionary are the options of a client."""
    own = fields_of(SupervisorConfig)
    del own["client"]
    assert signature_of(supervise) == own
    types = {name: kind for name, (kind, _) in own.items()}
    assert get_type_hints(SupervisorOptions) == types | get_type_hints(ClientOptions)


def test_policies_are_options_of_both() -> None:
    """What a connection itself needs is the part that both roles share."""
    assert get_type_hints(PolicyOptions) == {
        name: kind for name, (kind, _) in fields_of(ConnectionOptions).items()
    }


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("retries", r"f\(\) has no option 'retries': write backoff=Backoff\(max_attempts=…\)"),
        ("timeout", r"write timeouts=Timeouts\(connect=…\)"),
        ("hartbeat", r"no option 'hartbeat'; did you mean 'heartbeat'\?"),
        ("zzz", "no option 'zzz'; there are .*heartbeat, timeouts, limits"),
    ],
)
def test_unknown(option: str, said: str) -> None:
    """An option that is none is named, with what was meant, or with what there is."""
    with pytest.raises(TypeError, match=said):
        config_from(ConnectionOptions, {option: 5}, "f")


def test_known() -> None:
    """Known options make the value."""
    assert config_from(ConnectionOptions, {"heartbeat": None}, "f").heartbeats == ()
    assert config_from(ClientConfig, {}, "f") == ClientConfig()


def test_extensions() -> None:
    """Compression is an extension, the last one; each name comes once."""
    options = ConnectionOptions(extensions=[IDENTITY], compression=Deflate())
    assert options.all_extensions == (IDENTITY, Deflate())
    assert ConnectionOptions(extensions=iter([IDENTITY])).extensions == (IDENTITY,)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"compression must be Deflate\(…\) or None"):
        ConnectionOptions(compression=True)  # type: ignore[arg-type]
    with pytest.raises(LocalProtocolError, match="named twice"):
        ConnectionOptions(extensions=[Deflate()], compression=Deflate())


def test_instruments() -> None:
    """They are bound when they are given, once: an iterator is read, and the rest shares them."""
    instrument = Instrument()
    options = ConnectionOptions(instruments=iter([instrument]))  # type: ignore[arg-type]
    assert list(options.observers) == [instrument]
    assert options.observers is dataclasses.replace(options).observers
    assert not ConnectionOptions().observers
