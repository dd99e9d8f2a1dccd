"""`trio_ws._protocol.shared_burst`: frames of several messages behind each other, built once."""

from __future__ import annotations

import pytest

from trio_ws._errors import LocalProtocolError
from trio_ws._protocol.masking import LARGE
from trio_ws._protocol.send_queue import MAX_BATCH, QUEUE_ITEM_OVERHEAD
from trio_ws._protocol.shared_burst import SharedBurst
from trio_ws.testing import Frame
from trio_ws.testing._peer import BINARY, TEXT

from ..wires import frames_of


def test_the_frames_stand_behind_each_other() -> None:
    """The data is what a server sends: each message as one frame, in order, large ones too."""
    large = bytes(LARGE)
    burst = SharedBurst(["grüße", b"\x00\xff", large, ""])
    assert burst.data is not None
    assert frames_of(burst.data) == [
        Frame(TEXT, "grüße".encode()),
        Frame(BINARY, b"\x00\xff"),
        Frame(BINARY, large),
        Frame(TEXT, b""),
    ]
    assert [message.message for message in burst.messages] == ["grüße", b"\x00\xff", large, ""]


def test_sizes() -> None:
    """Sizes are those of the payloads, in bytes; in a queue each message costs something more."""
    burst = SharedBurst(["grüße", b"abc"])
    assert (burst.count, burst.largest) == (2, 7)
    assert burst.size == 7 + 3 + QUEUE_ITEM_OVERHEAD
    assert SharedBurst([b"abc"]).size == 3


@pytest.mark.parametrize(("size", "whole"), [(MAX_BATCH, True), (MAX_BATCH + 1, False)])
def test_too_much_for_one_write(size: int, whole: bool) -> None:
    """Of more than one write takes no copy is made."""
    burst = SharedBurst([bytes(size)])
    assert (burst.data is not None) is whole


def test_bad_text() -> None:
    """Text must be valid Unicode."""
    with pytest.raises(LocalProtocolError):
        SharedBurst(["fine", "\ud800"])
