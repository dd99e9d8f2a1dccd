"""``trio-ws explain``: what is given is found out, shown whole or short, and checked."""

from __future__ import annotations

import argparse
import base64
import io
import os
from pathlib import Path

import pytest

from trio_ws._cli import explain
from trio_ws._cli.console import Console
from trio_ws._cli.exits import CommandError, Exit

HELLO = bytes.fromhex("818537fa213d7f9f4d5158")


def explained(*words: str, colour: bool = False) -> tuple[int, str]:
    """Run the command; return its exit code and what it wrote."""
    parser = argparse.ArgumentParser()
    explain.add_arguments(parser)
    out = io.StringIO()
    code = explain.run(parser.parse_args(words), Console(out, io.StringIO(), colour=colour))
    return code, out.getvalue()


# What is given


@pytest.mark.parametrize(
    "given",
    [
        "818537fa213d7f9f4d5158",
        "81 85 37 FA 21 3D 7F 9F 4D 51 58",
        "81:85:37:fa:21:3d:7f:9f:4d:51:58",
        "0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58",
        "gYU3+iE9f59NUVg=",
        "gYU3-iE9f59NUVg=",
    ],
)
def test_hex_and_base64_are_read_as_people_write_them(given: str) -> None:
    """With blanks, colons and commas, in either alphabet, as one word or several."""
    assert explain.read_input([given], None) == HELLO
    assert explain.read_input(given.split(), None) == HELLO


@pytest.mark.parametrize(
    "content", [HELLO, HELLO.hex(" ").encode() + b"\n", base64.b64encode(HELLO) + b"\n"]
)
def test_a_file_holds_frames_or_text_that_stands_for_them(tmp_path: Path, content: bytes) -> None:
    """A capture may have been saved as it was, or copied out of a tool."""
    file = tmp_path / "some frames.bin"
    file.write_bytes(content)
    assert explain.read_input([str(file)], None) == HELLO


def test_hex_is_tried_first_and_a_form_can_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text that is hex may also be base64, or a file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "8900").write_bytes(HELLO)
    assert explain.read_input(["8900"], None) == bytes.fromhex("8900")
    assert explain.read_input(["8900"], "base64") == base64.b64decode("8900")
    assert explain.read_input(["8900"], "file") == HELLO
    assert explain.read_input(["./8900"], None) == HELLO


def test_a_path_that_looks_like_base64_is_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All its characters are in the alphabet, and it has slashes, and there is such a file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dir").mkdir()
    assert explain.read_input(["dir/file"], None) == base64.b64decode("dir/file")
    (tmp_path / "dir" / "file").write_bytes(HELLO)
    assert explain.read_input(["dir/file"], None) == HELLO


def test_standard_input_is_a_file_called_dash() -> None:
    """So that another program's output can be explained."""
    reading, writing = os.pipe()
    os.write(writing, HELLO)
    os.close(writing)
    assert explain.read_input(["-"], None, stdin=reading) == HELLO
    os.close(reading)


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ("8", "no hex: it has 1 digits, and a byte is two"),
        ("81z", "no hex: 'z' is no hex digit; no base64: incorrect padding; no file: no such"),
        ("\x1b[2J", r"'\x1b[2J' cannot be explained; it is no hex: '\x1b' is no hex digit"),
        ("/", "no file: is a directory"),
        ("", "no hex: it has 0 digits, and a byte is two; no base64: it is empty; no file:"),
        ("x" * 50, f"'{'x' * 40}…' cannot be explained"),
        ("a\x00b", "no file: embedded null byte"),
        ("\udcff", r"'\udcff' cannot be explained"),
    ],
)
def test_what_cannot_be_read_is_said_for_each_way(given: str, complaint: str) -> None:
    """Which of them the user meant is not known."""
    with pytest.raises(CommandError) as caught:
        explain.read_input([given], None)
    assert complaint in str(caught.value)
    assert caught.value.code == Exit.USAGE


def test_a_large_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a gigabyte no more is read than it takes to see that it is too much."""
    assert explain.MAX_FILE == 1 << 24
    monkeypatch.setattr(explain, "MAX_FILE", 1 << 20)
    file = tmp_path / "gigabyte"
    file.touch()
    os.truncate(file, 1 << 30)
    with pytest.raises(CommandError, match=r"larger than 1 MiB; cut a part out first"):
        explain.read_input([str(file)], None)


def test_an_empty_file_has_nothing_to_explain(tmp_path: Path) -> None:
    """That is said, rather than "0 frames"."""
    (tmp_path / "empty.bin").touch()
    with pytest.raises(CommandError, match="no bytes to explain"):
        explained(str(tmp_path / "empty.bin"))


# What is shown


def test_a_frame_is_shown_whole() -> None:
    """The diagram, each field with its meaning, the message, and a summary."""
    code, shown = explained(HELLO.hex())
    assert code == Exit.OK
    assert "|1|0|0|0|0 0 0 1|1|0 0 0 0 1 0 1|" in shown
    assert shown.endswith(
        """\
  FIN        1, the last frame of its message
  RSV1-3     000, no extension uses them
  opcode     0x1, text
  MASK       1, as a client must
  length     5, in 7 bits
  key        37 fa 21 3d
  payload    7f 9f 4d 51 58
  unmasked   48 65 6c 6c 6f
  as text    "Hello"
  message 1: text, frame 1, 5 bytes: "Hello"

1 frame, 1 message: nothing is wrong
"""
    )


def test_fragments_and_what_is_between_them() -> None:
    """Three frames are one message, and the ping between them is none."""
    assert explained("--brief", "0103486562 8900 80026c6f") == (
        Exit.OK,
        """\
frame 1 at byte 0: text, more follows, not masked, 3 bytes
frame 2 at byte 5: ping, final, not masked, 0 bytes
frame 3 at byte 7: continuation, final, not masked, 2 bytes
  message 1: text, frames 1, 3, 5 bytes: "Heblo"
3 frames, 1 message: nothing is wrong
""",
    )


def test_what_is_wrong_is_told_with_its_rule() -> None:
    """And the exit code says it, too."""
    code, shown = explained("880203ee c100 81")
    assert code == Exit.UNEXPECTED
    assert "means      1006 (abnormal closure)" in shown
    assert (
        "wrong      the close code 1006 must not be sent: it stands for a connection lost "
        "without a Close (RFC 6455 §7.4); a receiver closes with 1002 (protocol error)\n" in shown
    )
    assert "wrong      the header is cut off: at least 1 more bytes" in shown
    assert "frame 3 at byte 6: a header that is cut off" in shown
    assert "bytes      81" in shown
    assert shown.endswith("3 frames, 1 message: 4 problems\n")


def test_a_close_is_shown_with_its_meaning() -> None:
    """Its reason is the peer's text, so it is escaped."""
    _, shown = explained("880603e9 62796505", "--brief")
    assert "close, final, not masked, 6 bytes" in shown
    _, shown = explained("880603e9 62791b05")
    assert r"means      1001 (going away) 'by\x1b\x05'" in shown
    _, shown = explained("8801ff")
    assert "means" not in shown


def test_fields_that_break_a_rule_are_shown_as_they_are() -> None:
    """A control frame with FIN 0, reserved bits, a length in more bits than it needs."""
    _, shown = explained("797e0001ff")
    assert "FIN        0\n" in shown
    assert "RSV1-3     111\n" in shown
    assert "length     1, in 7 and 16 bits" in shown
    _, shown = explained("0100 8000 8900")
    assert "FIN        0, more frames follow" in shown
    assert "FIN        1, as in each control frame" in shown


def test_compressed_messages_are_inflated_when_asked() -> None:
    """Otherwise RSV1 is a reserved bit."""
    code, shown = explained("--brief", "--inflate", "c107f248cdc9c90700")
    assert code == Exit.OK
    assert 'message 1: text, frame 1, 5 bytes inflated: "Hello"' in shown
    assert explained("--brief", "c107f248cdc9c90700")[0] == Exit.UNEXPECTED


def test_the_side_that_sent_the_frames_may_be_told() -> None:
    """Only then is it known whether a single frame is masked as it must be."""
    assert explained("--brief", "8900")[0] == Exit.OK
    assert explained("--brief", "--from", "server", "8900")[0] == Exit.OK
    code, shown = explained("--brief", "--from", "client", "8900")
    assert code == Exit.UNEXPECTED
    assert "it is not masked, but a client masks all frames, and a server none" in shown


def test_long_payloads_are_shortened_unless_asked_for() -> None:
    """A message of binary is shown in hex, and text with what is not printable escaped."""
    frame = "827e0080" + "41" * 127 + "0a"
    _, shown = explained(frame)
    assert "… 120 more bytes of payload" in shown
    assert f"payload    {'41 ' * 63}41 … and 64 more" in shown
    assert f"128 bytes: {'41 ' * 63}41 … and 64 more" in shown
    _, shown = explained("--full", frame)
    assert f"payload    {'41 ' * 127}0a\n" in shown
    assert f'as text    "{"A" * 127}\\n"' in shown


def test_a_terminal_gets_colours() -> None:
    """What is wrong is red."""
    _, shown = explained("--brief", "8900 a900", colour=True)
    assert "\x1b[1mframe 1 at byte 0" in shown
    assert "\x1b[31mwrong\x1b[0m" in shown
