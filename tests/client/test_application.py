"""`trio_ws._client.application`: what the network does to an application's function may pass."""

from __future__ import annotations

import errno

import pytest
import trio

from trio_ws import HandshakeError
from trio_ws._client.application import failed_by_the_network


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
        OSError(errno.EMFILE, "too many files", "a file"),
        trio.TooSlowError(),
        TimeoutError(),
    ],
)
def test_of_the_network(error: Exception) -> None:
    """A service that cannot be reached may be reached later."""
    with (
        pytest.raises(HandshakeError, match="the headers function failed") as caught,
        failed_by_the_network("headers"),
    ):
        raise error
    assert caught.value.transient is True
    assert caught.value.__cause__ is error


@pytest.mark.parametrize(
    "error",
    [
        FileNotFoundError(errno.ENOENT, "no such file", "token"),
        OSError(errno.EACCES, "no", "token"),
        OSError(errno.EISDIR, "a folder"),
        OSError(errno.EAFNOSUPPORT, "no such family"),
        KeyError("token"),
    ],
)
def test_of_its_own(error: Exception) -> None:
    """A mistake of the function's own leaves as it is."""
    with pytest.raises(type(error)) as caught, failed_by_the_network("headers"):
        raise error
    assert caught.value is error


def test_nothing_wrong() -> None:
    """Otherwise nothing happens."""
    with failed_by_the_network("headers"):
        pass
