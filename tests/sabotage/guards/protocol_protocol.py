"""The protocol: `protocol`, `states`, `assembler`, `message_decoder`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "wsproto is not passed over in the middle of a message",
        "_protocol/protocol.py",
        "return between and self.assembler.mode is _IDLE",
        "return True",
        ("protocol/test_protocol_hazards.py::test_a_message_within_a_message",),
    ),
    Guard(
        "a limited number of frames takes the slow path at once",
        "_protocol/protocol.py",
        "paused = not most or events >=",
        "paused = events >=",
        ("protocol/test_protocol.py::test_so_many_pieces_at_a_time",),
    ),
    Guard(
        "a limited number of messages is taken at once",
        "_protocol/protocol.py",
        "not most or events >= MAX_MESSAGES_PER_FEED or decoding",
        "not most or decoding",
        ("protocol/test_protocol.py::test_a_burst_of_tiny_messages",),
    ),
    Guard(
        "decoding that is not done pauses the reading",
        "_protocol/protocol.py",
        "events >= MAX_MESSAGES_PER_FEED or decoding\n",
        "events >= MAX_MESSAGES_PER_FEED\n",
        ("protocol/test_protocol_extensions.py::test_much_in_little",),
    ),
    Guard(
        "nothing is fed after the end",
        "_protocol/protocol.py",
        (
            "        if self.ending is not None:\n"
            "            return events\n"
            "        decoder, encoded"
        ),
        "        decoder, encoded",
        ("protocol/test_protocol.py::test_table",),
    ),
    Guard(
        "what is kept of a read is no view of the buffer",
        "_protocol/protocol.py",
        "data, position = bytes(data[position:]), 0",
        "data, position = data[position:], 0",
        ("protocol/test_protocol_tail.py::test_secrets",),
    ),
    Guard(
        "a tail waits once only",
        "_protocol/protocol.py",
        "if again or not may_wait",
        "if not may_wait",
        ("protocol/test_protocol_tail.py::test_it_waits_once",),
    ),
    Guard(
        "a tail that waits is counted",
        "_protocol/protocol.py",
        "waiting = len(self.unparsed) if self._tail_waits else 0",
        "waiting = 0",
        ("protocol/test_protocol_tail.py::test_it_is_counted",),
    ),
    Guard(
        "bad text does not wait",
        "_protocol/tail.py",
        "    except UnicodeDecodeError:\n        return False",
        "    except UnicodeDecodeError:\n        return True",
        ("protocol/test_tail.py::test_bad_text",),
    ),
    Guard(
        "text that is taken in chunks does not wait",
        "_protocol/protocol.py",
        '            self.feed(b"")  # text',
        "            pass  # text",
        ("protocol/test_protocol_tail.py::test_a_stream_gets_the_tail",),
    ),
    Guard(
        "a Close that must not wait goes ahead of the data",
        "_protocol/protocol.py",
        ("        if now:\n            self.send_queue.clear()\n        payload"),
        "        payload",
        ("protocol/test_protocol_closing.py::test_close_of_the_peer_drops_the_queue",),
    ),
    Guard(
        "a farewell is only for a peer that may receive it",
        "_protocol/protocol.py",
        "elif self.state is State.OPEN and farewell:",
        "elif farewell:",
        ("protocol/test_protocol_sending.py::test_farewell_after_the_end",),
    ),
    Guard(
        "nothing is sent behind our Close",
        "_protocol/protocol.py",
        "if self._step(Input.SEND) is Action.REFUSE:",
        "if False:",
        ("protocol/test_protocol.py::test_table",),
    ),
    Guard(
        "our close code and reason are checked",
        "_protocol/protocol.py",
        ("        check_close(code, reason)\n        if self._step(Input.SEND_CLOSE)"),
        "        if self._step(Input.SEND_CLOSE)",
        ("protocol/test_protocol_sending.py::test_close_reason",),
    ),
    Guard(
        "a ping's payload is checked",
        "_protocol/protocol.py",
        '        check_control(payload, "ping")\n',
        "",
        ("protocol/test_protocol_sending.py::test_control_frames",),
    ),
    Guard(
        "a shared message does not break into a fragmented one",
        "_protocol/protocol.py",
        "        self._encoder.check_between_messages()\n",
        "",
        ("protocol/test_protocol_extensions.py::test_send_shared_refused",),
    ),
    Guard(
        "the reply to a Close has its code",
        "_protocol/protocol.py",
        "self._queue_close(Close(received.code), now=True)",
        "self._queue_close(Close(1000), now=True)",
        ("protocol/test_protocol.py::test_table",),
    ),
    Guard(
        "a ping is not answered once we close",
        "_protocol/states.py",
        "(State.CLOSING, Input.PING): (State.CLOSING, Action.IGNORE)",
        "(State.CLOSING, Input.PING): (State.CLOSING, Action.ANSWER)",
        ("connection/test_websocket_closing.py::test_receiving_while_we_close",),
    ),
    Guard(
        "a Close of the peer is answered",
        "_protocol/states.py",
        "(State.OPEN, Input.CLOSE): (State.ENDED, Action.REPLY)",
        "(State.OPEN, Input.CLOSE): (State.ENDED, Action.COMPLETE)",
        ("protocol/test_protocol_closing.py::test_close_without_a_code",),
    ),
    Guard(
        "the rest of a message that was left is dropped",
        "_protocol/assembler.py",
        (
            "        if mode is _SKIPPING:\n"
            "            if finished:\n"
            "                self.mode = self._after_skipping\n"
            "            return None\n"
        ),
        "",
        ("protocol/test_assembler.py::test_skip_rest",),
    ),
    Guard(
        "a message that may be a heartbeat is held back",
        "_protocol/assembler.py",
        "if not finished and self.size <= self._hold:",
        "if False:",
        ("protocol/test_assembler.py::test_first_chunk_behind_empty_pieces",),
    ),
    Guard(
        "a left stream that gave nothing keeps its message",
        "_protocol/assembler.py",
        ("        elif self.mode is _HOLDING:\n            self.mode = _KEEPING\n"),
        "",
        ("protocol/test_assembler.py::test_skip_rest_of_what_is_held",),
    ),
    Guard(
        "the size of what is decoded is limited",
        "_protocol/message_decoder.py",
        "if self._size > self._limit:",
        "if False:",
        ("protocol/test_message_decoder.py::test_decode_whole_refuses",),
    ),
    Guard(
        "a message decoded in one part is limited, too",
        "_protocol/message_decoder.py",
        " or len(parts[0]) > self._limit:",
        ":",
        ("protocol/test_message_decoder.py::test_decode_whole_refuses",),
    ),
    Guard(
        "a limited number of bytes is decoded in a turn",
        "_protocol/message_decoder.py",
        "return self._budget <= 0",
        "return False",
        ("protocol/test_message_decoder.py::test_a_turn",),
    ),
    Guard(
        "empty pieces count, too",
        "_protocol/message_decoder.py",
        ("            self._budget -= len(data) + PIECE_COST\n            if self._size"),
        ("            self._budget -= len(data)\n            if self._size"),
        ("protocol/test_message_decoder.py::test_empty_parts_count",),
    ),
    Guard(
        "the mask goes on where the last piece ended",
        "_protocol/message_decoder.py",
        "            self._key = self._key[rotated:] + self._key[:rotated]\n",
        "",
        ("protocol/test_message_decoder.py::test_masks",),
    ),
    Guard(
        "decoded text is checked as it comes",
        "_protocol/message_decoder.py",
        (
            "            return self._utf8.decode(data, final)\n"
            "        except UnicodeDecodeError:\n"
            "            raise _Refused(INVALID_UTF8) from None"
        ),
        (
            "            return self._utf8.decode(data, final)\n"
            "        except UnicodeDecodeError:\n"
            "            return ''"
        ),
        ("protocol/test_message_decoder.py::test_bad_text",),
    ),
]
