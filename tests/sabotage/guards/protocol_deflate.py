"""The protocol: from `deflate` to `message_encoder`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "a decompressor gives a limited amount",
        "_protocol/extensions/deflate.py",
        "return decompressor.decompress(data, most)",
        "return decompressor.decompress(data)",
        ("protocol/extensions/test_deflate.py::test_parts",),
    ),
    Guard(
        "a decompressor gives a limited amount at first",
        "_protocol/extensions/deflate.py",
        "out = decompressor.decompress(payload, most)",
        "out = decompressor.decompress(payload)",
        ("protocol/extensions/test_deflate.py::test_max_size",),
    ),
    Guard(
        "final blocks are counted",
        "_protocol/extensions/deflate.py",
        "if self._final_blocks > MAX_FINAL_BLOCKS:",
        "if False:",
        ("protocol/extensions/test_deflate.py::test_too_many_final_blocks",),
    ),
    Guard(
        "a stream that ends within a message begins anew",
        "_protocol/extensions/deflate.py",
        "if len(out) < most and not decompressor.eof:",
        "if len(out) < most:",
        ("protocol/extensions/test_deflate.py::test_final_blocks",),
    ),
    Guard(
        "our compressor forgets if it was agreed on",
        "_protocol/extensions/deflate.py",
        "            if not self.takeover or sent[1] >= self._renew_at:",
        "            if sent[1] >= self._renew_at:",
        ("protocol/extensions/test_deflate.py::test_nothing_is_kept_without_takeover",),
    ),
    Guard(
        "their context is dropped if it was agreed on",
        "_protocol/extensions/deflate.py",
        ("        if not self._their_takeover:\n            self._decompressor = None\n"),
        "",
        ("protocol/extensions/test_deflate.py::test_nothing_is_kept_without_takeover",),
    ),
    Guard(
        "a compressor in the middle of a message keeps its memory",
        "_protocol/extensions/deflate.py",
        ("        if not self._mid_message:\n            self._compressor = None\n"),
        "        self._compressor = None\n",
        ("protocol/extensions/test_deflate.py::test_no_release_within_a_message",),
    ),
    Guard(
        "a shared message makes our compressor begin afresh",
        "_protocol/extensions/deflate.py",
        (
            "        self._compressor = None\n"
            "        sent = self._sent\n"
            "        sent[0] += 1\n"
            "        sent[1] += size"
        ),
        ("        sent = self._sent\n        sent[0] += 1\n        sent[1] += size"),
        ("protocol/extensions/test_deflate.py::test_a_message_of_another_compressor",),
    ),
    Guard(
        "a parameter that comes twice is declined",
        "_protocol/extensions/deflate.py",
        "if len(known) < len(parameters) or not",
        "if not",
        ("protocol/extensions/test_deflate.py::test_declined",),
    ),
    Guard(
        "an unknown parameter is declined",
        "_protocol/extensions/deflate.py",
        " or not known.keys() <= {*_FLAGS, *_SIZES}:",
        ":",
        ("protocol/extensions/test_deflate.py::test_declined",),
    ),
    Guard(
        "our window is never larger than the peer asks",
        "_protocol/extensions/deflate.py",
        "            ours=min(self.window_bits, asked.client_bits or LARGEST),",
        "            ours=self.window_bits,",
        ("protocol/extensions/test_deflate.py::test_accepted_answer",),
    ),
    Guard(
        "a window of eight bits is read with nine",
        "_protocol/extensions/deflate.py",
        "self._their_bits = max(theirs, 9)",
        "self._their_bits = theirs",
        ("protocol/extensions/test_deflate.py::test_a_window_of_nine_where_eight_was_agreed",),
    ),
    Guard(
        "an empty compressed message is one byte",
        "_protocol/extensions/deflate.py",
        'data = data[:-4] if data else b"\\x00"',
        "data = data[:-4]",
        ("protocol/extensions/test_deflate.py::test_an_empty_message_of_which_nothing_comes",),
    ),
    Guard(
        "a promised length reserves little memory",
        "_protocol/payload_buffer.py",
        "room = min(self._length, max(INITIAL_SIZE, MAX_GROWTH * (self.size + more)))",
        "room = self._length",
        ("protocol/test_payload_buffer.py::test_a_promise_is_not_believed",),
    ),
    Guard(
        "a limited number of pongs waits",
        "_protocol/send_queue.py",
        "        del self._pongs[:-MAX_PENDING_PONGS]\n",
        "",
        ("protocol/test_send_queue.py::test_pongs",),
    ),
    Guard(
        "control frames go ahead of data",
        "_protocol/send_queue.py",
        "pieces = self._take_control() if self._pongs or self._control else []",
        (
            "pieces = self._take_control() if (self._pongs or self._control) and not "
            "self._data else []"
        ),
        ("protocol/test_send_queue.py::test_a_clients_frames_are_masked_when_they_are_taken",),
    ),
    Guard(
        "our Close waits for the data before it",
        "_protocol/send_queue.py",
        "if self._close is not None and not self._data:",
        "if self._close is not None:",
        ("protocol/test_send_queue.py::test_close_waits_for_the_data",),
    ),
    Guard(
        "what was not written goes first next time",
        "_protocol/send_queue.py",
        (
            "        if self._leftover:\n"
            "            rest, self._leftover = self._leftover, ()\n"
            "            return rest\n"
            "        pieces = self._take_control() if self._pongs or self._control else []"
        ),
        (
            "        pieces = self._take_control() if self._pongs or self._control else "
            "[]\n"
            "        pieces += self._leftover\n"
            "        self._leftover = ()"
        ),
        ("protocol/test_send_queue.py::test_put_back",),
    ),
    Guard(
        "a batch is bounded",
        "_protocol/send_queue.py",
        "if size and size + more > MAX_BATCH:",
        "if False:",
        ("protocol/test_send_queue.py::test_close_waits_for_the_data",),
    ),
    Guard(
        "a frame counts with what it costs to keep",
        "_protocol/send_queue.py",
        "            self.size += len(frame) + QUEUE_ITEM_OVERHEAD",
        "            self.size += len(frame)",
        ("protocol/test_send_queue.py::test_a_clients_frames_are_masked_when_they_are_taken",),
    ),
    Guard(
        "cleared frames still count as queued",
        "_protocol/send_queue.py",
        "        self._cleared += len(self._data)\n",
        "",
        ("protocol/test_send_queue.py::test_sizes",),
    ),
    Guard(
        "each frame has a key of its own",
        "_protocol/masking.py",
        "        self._position = position + 4\n",
        "",
        ("protocol/test_masking.py::test_a_key_is_not_a_slice_of_its_neighbour",),
    ),
    Guard(
        "keys come from the system's entropy",
        "_protocol/masking.py",
        "self._bytes = (self._entropy or os.urandom)(KEY_POOL_SIZE)",
        "self._bytes = bytes(KEY_POOL_SIZE)",
        ("protocol/test_masking.py::test_a_forked_child_does_not_share_the_keys_of_its_parent",),
    ),
    Guard(
        "a fork throws the keys away",
        "_protocol/masking.py",
        "    os.register_at_fork(after_in_child=mask_keys.forget)",
        "    pass",
        ("protocol/test_masking.py::test_a_forked_child_does_not_share_the_keys_of_its_parent",),
    ),
    Guard(
        "a close code that may not be sent is refused",
        "_protocol/validation.py",
        "if not may_be_sent(code):",
        "if False:",
        ("protocol/test_validation.py::test_close_codes",),
    ),
    Guard(
        "a close reason that is too long is refused",
        "_protocol/validation.py",
        "if size > MAX_CONTROL_PAYLOAD - 2:",
        "if False:",
        ("protocol/test_validation.py::test_close_reasons",),
    ),
    Guard(
        "a message is either text or binary",
        "_protocol/validation.py",
        "if began not in (None, kind):",
        "if False:",
        ("protocol/test_validation.py::test_kind",),
    ),
    Guard(
        "a control frame's payload has a bound",
        "_protocol/validation.py",
        "if len(payload) > MAX_CONTROL_PAYLOAD:",
        "if False:",
        ("protocol/test_validation.py::test_control",),
    ),
    Guard(
        "a reason that is cut stays UTF-8",
        "_protocol/validation.py",
        '.decode(errors="ignore")',
        '.decode(errors="replace")',
        ("protocol/test_validation.py::test_truncate",),
    ),
    Guard(
        "text that is no Unicode is refused",
        "_protocol/message_encoder.py",
        ("            as_utf8(message)\n\n    def check_between"),
        ("            pass\n\n    def check_between"),
        ("protocol/test_message_encoder.py::test_check",),
    ),
]
