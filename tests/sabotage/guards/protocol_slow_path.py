"""The protocol: `slow_path`, `wsproto_decoder`, `fast_path`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "the size of a frame is checked by its header",
        "_protocol/slow_path.py",
        ("        if size is not None:\n            return iter((size,))\n"),
        "",
        ("protocol/test_slow_path.py::test_size",),
    ),
    Guard(
        "a control frame over 125 bytes is not waited for",
        "_protocol/slow_path.py",
        "if header.payload_length <= MAX_CONTROL_PAYLOAD and header.end > len(data):",
        "if header.end > len(data):",
        ("protocol/test_protocol_hazards.py::test_long_control_frames",),
    ),
    Guard(
        "the header of an encoded frame is checked",
        "_protocol/slow_path.py",
        "if violation := self._wsproto.check_frame(head, header, encoded.rsv):",
        ("if (violation := self._wsproto.check_frame(head, header, encoded.rsv)) and False:"),
        ("protocol/test_slow_path.py::test_a_long_length",),
    ),
    Guard(
        "fragments are counted",
        "_protocol/wsproto_decoder.py",
        "if self._fragments > self._limits.max_fragments and not streamed:",
        "if False:",
        ("protocol/test_wsproto_decoder.py::test_number_of_fragments",),
    ),
    Guard(
        "the sizes of fragments add up",
        "_protocol/wsproto_decoder.py",
        "self._size += header.payload_length",
        "self._size = header.payload_length",
        ("protocol/test_wsproto_decoder.py::test_size_of_fragments",),
    ),
    Guard(
        "fragments of a streamed message are not counted",
        "_protocol/wsproto_decoder.py",
        "self._limits.max_fragments and not streamed:",
        "self._limits.max_fragments:",
        ("protocol/test_protocol_limits.py::test_fragments_of_a_stream_are_not_counted",),
    ),
    Guard(
        "a length that is not in its shortest form stays as it is",
        "_protocol/wsproto_decoder.py",
        "if len(head) == shortest_head(header.payload_length, masked=masked):",
        "if True:",
        ("protocol/test_wsproto_decoder.py::test_frame_with_a_long_length",),
    ),
    Guard(
        "a violation is told from a Close by the state",
        "_protocol/wsproto_decoder.py",
        "if self._wsproto.state is ConnectionState.OPEN:",
        "if False:",
        ("protocol/test_wsproto_decoder.py::test_a_violation_is_no_close",),
    ),
    Guard(
        "close code 1014 is accepted",
        "_protocol/wsproto_decoder.py",
        "if close_code(frame, header) != CloseCode.BAD_GATEWAY:",
        "if True:",
        ("protocol/test_wsproto_decoder.py::test_bad_gateway",),
    ),
    Guard(
        "a frame over the limit is left to the slow path",
        "_protocol/fast_path.py",
        ("            if length > limit:\n                break\n"),
        "",
        ("protocol/test_protocol_limits.py::test_text_is_counted_in_bytes",),
    ),
    Guard(
        "a length in a longer form is left to the slow path",
        "_protocol/fast_path.py",
        ("                if length < shortest:\n                    break\n"),
        "",
        (
            "protocol/test_fast_path.py::test_a_length_that_is_not_in_its_shortest_form_is_left_to_wsproto",
        ),
    ),
    Guard(
        "a frame with the wrong masking is left to the slow path",
        "_protocol/fast_path.py",
        "if first not in firsts or (second >= 0x80) is not masked:",
        "if first not in firsts:",
        ("protocol/test_fast_path.py::test_a_pong_is_the_same_on_both_paths",),
    ),
    Guard(
        "a long frame over the limit gets no buffer",
        "_protocol/fast_path.py",
        "masked is not self._masked or length > self._limit:",
        "masked is not self._masked:",
        ("protocol/test_fast_path.py::test_random_bytes_give_the_same_on_both_paths",),
    ),
    Guard(
        "a long frame with the wrong masking gets no buffer",
        "_protocol/fast_path.py",
        "header.end <= len(data) or masked is not self._masked or",
        "header.end <= len(data) or",
        ("protocol/test_fast_path.py::test_random_bytes_give_the_same_on_both_paths",),
    ),
    Guard(
        "a long frame's length has its shortest form",
        "_protocol/fast_path.py",
        "if header.payload_start - position != shortest_head(length, masked=masked):",
        "if False:",
        (
            "protocol/test_fast_path.py::test_a_length_that_is_not_in_its_shortest_form_is_left_to_wsproto",
        ),
    ),
    Guard(
        "a Close with the wrong masking is left to the slow path",
        "_protocol/fast_path.py",
        "too_long or (second >= 0x80) is not masked:",
        "too_long:",
        ("protocol/test_fast_path.py::test_a_close_is_the_same_on_both_paths",),
    ),
    Guard(
        "a close code that may not be sent is left to the slow path",
        "_protocol/fast_path.py",
        "if len(payload) < 2 or not may_be_sent(code):",
        "if len(payload) < 2:",
        ("protocol/test_fast_path.py::test_a_close_is_the_same_on_both_paths",),
    ),
    Guard(
        "a pong over 125 bytes is left to the slow path",
        "_protocol/fast_path.py",
        "return Pong(payload=payload) if len(payload) <= MAX_CONTROL_PAYLOAD else None",
        "return Pong(payload=payload)",
        ("protocol/test_fast_path.py::test_a_pong_is_the_same_on_both_paths",),
    ),
    Guard(
        "text that is not UTF-8 is left to the slow path",
        "_protocol/fast_path.py",
        (
            "    try:\n"
            "        return payload.decode()\n"
            "    except UnicodeDecodeError:\n"
            "        return None"
        ),
        "    return payload.decode(errors='replace')",
        (
            "protocol/test_fast_path.py::test_any_stream_in_any_chunking_gives_the_same_on_both_paths",
        ),
    ),
]
