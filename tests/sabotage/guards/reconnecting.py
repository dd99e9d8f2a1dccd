"""A reconnecting channel: `channel`, `incoming`, `outgoing`, `block`."""

from __future__ import annotations

from ..guard import Guard

GUARDS = [
    Guard(
        "a channel's messages stay in order",
        "_reconnecting/channel.py",
        ("        async with self._lane:\n            while not await"),
        ("        if True:\n            while not await"),
        ("reconnecting/test_channel.py::test_sending_in_order",),
    ),
    Guard(
        "a sender wakes when the buffer has room again",
        "_reconnecting/channel.py",
        (
            "                with trio.move_on_at(self._outgoing.next_expiry):\n"
            "                    await self._changed.park()"
        ),
        "                await self._changed.park()",
        ("reconnecting/test_channel.py::test_room_by_expiry",),
        hangs=True,
    ),
    Guard(
        "an iteration raises a fatal failure",
        "_reconnecting/channel.py",
        ("            if error is self._failure:\n                raise\n"),
        "",
        ("reconnecting/test_channel.py::test_a_fatal_close",),
    ),
    Guard(
        "the end wakes the senders",
        "_reconnecting/channel.py",
        ("            self._finished.set()\n            self._changed.unpark_all()\n"),
        "            self._finished.set()\n",
        ("reconnecting/test_channel.py::test_fatal",),
    ),
    Guard(
        "the end wakes the receivers of a channel",
        "_reconnecting/channel.py",
        (
            "            self._incoming.wake_all()\n"
            "\n"
            "    @trio.lowlevel.enable_ki_protection\n"
            "    async def _session"
        ),
        ("            pass\n\n    @trio.lowlevel.enable_ki_protection\n    async def _session"),
        ("reconnecting/test_channel.py::test_receiving",),
        hangs=True,
    ),
    Guard(
        "what waited goes out before anything newer",
        "_reconnecting/channel.py",
        ("            await self._send_waiting(delivery)\n            self._delivery = delivery\n"),
        ("            self._delivery = delivery\n            await self._send_waiting(delivery)\n"),
        ("reconnecting/test_channel.py::test_nothing_overtakes_what_waited",),
    ),
    Guard(
        "a connection that is over is not sent on",
        "_reconnecting/channel.py",
        ("            self._detach(delivery)\n            self._settle(delivery)"),
        "            self._settle(delivery)",
        ("reconnecting/test_channel.py::test_leaving_at_any_point",),
    ),
    Guard(
        "what a lost connection had queued is sent again",
        "_reconnecting/channel.py",
        "        self._outgoing.end(in_doubt=delivery.in_doubt)\n",
        "        pass\n",
        ("reconnecting/test_channel.py::test_at_most_once",),
    ),
    Guard(
        "what is sent again is not sent twice",
        "_reconnecting/channel.py",
        (
            "        delivery.take_back()  # or the writer might send what is going to "
            "be sent again\n"
        ),
        "",
        ("reconnecting/test_channel.py::test_never_handed_over_twice",),
    ),
    Guard(
        "doubts are dispelled by a ping",
        "_reconnecting/channel.py",
        "                    await delivery.ws.ping()\n",
        "                    pass\n",
        ("reconnecting/test_channel.py::test_doubts_are_dispelled",),
    ),
    Guard(
        "a channel that is closed does not connect again",
        "_reconnecting/channel.py",
        ("        if not self._closing:\n            raise closed(ending)"),
        "        raise closed(ending)",
        ("reconnecting/test_channel.py::test_leaving_with_an_exception",),
        hangs=True,
    ),
    Guard(
        "text for a channel is valid Unicode",
        "_reconnecting/channel.py",
        ("        message.encode()\n    except"),
        ("        pass\n    except"),
        ("reconnecting/test_channel.py::test_what_cannot_be_sent",),
    ),
    Guard(
        "a channel that closes takes no more",
        "_reconnecting/channel.py",
        "        if self._closing or self._finished.is_set():",
        "        if self._finished.is_set():",
        ("reconnecting/test_channel.py::test_sending_while_it_closes",),
    ),
    Guard(
        "an earlier connection is read to its end first",
        "_reconnecting/incoming.py",
        "            source = self._sources[0]",
        "            source = self._sources[-1]",
        ("reconnecting/test_incoming.py::test_one_after_another",),
    ),
    Guard(
        "what is kept of ended connections is bounded",
        "_reconnecting/incoming.py",
        "        if delivery.unread and kept < delivery.receive_buffer:",
        "        if delivery.unread:",
        ("reconnecting/test_incoming.py::test_bounds",),
    ),
    Guard(
        "a connection wakes the receivers",
        "_reconnecting/incoming.py",
        ("        self._sources.append(delivery)\n        self._arrived.unpark_all()"),
        "        self._sources.append(delivery)",
        ("reconnecting/test_incoming.py::test_waiting_for_a_connection",),
        hangs=True,
    ),
    Guard(
        "what is put back keeps its order",
        "_reconnecting/outgoing.py",
        "        self._waiting.appendleft(item)\n",
        "        self._waiting.append(item)\n",
        ("reconnecting/test_outgoing.py::test_what_was_not_written_goes_out_again",),
    ),
    Guard(
        "what comes back comes back in order",
        "_reconnecting/outgoing.py",
        "            receipt, item = self._accepted.pop()",
        "            receipt, item = self._accepted.popleft()",
        ("reconnecting/test_outgoing.py::test_what_was_not_written_goes_out_again",),
    ),
    Guard(
        "a buffered message has an age",
        "_reconnecting/outgoing.py",
        "while self._waiting and self._waiting[0].expires <= now:",
        "while False:",
        ("reconnecting/test_outgoing.py::test_messages_expire",),
    ),
    Guard(
        "a buffer has a number of messages",
        "_reconnecting/outgoing.py",
        ("return len(self) < self._buffer.max_messages and size <= self._buffer.max_bytes"),
        "return size <= self._buffer.max_bytes",
        ("reconnecting/test_outgoing.py::test_bounds",),
    ),
    Guard(
        "a buffer has a size",
        "_reconnecting/outgoing.py",
        ("return len(self) < self._buffer.max_messages and size <= self._buffer.max_bytes"),
        "return len(self) < self._buffer.max_messages",
        ("reconnecting/test_outgoing.py::test_bounds",),
    ),
    Guard(
        "what was written is never sent again",
        "_reconnecting/outgoing.py",
        (
            "            if receipt.state is DeliveryState.WAITING:\n"
            "                self._put_back(item)"
        ),
        ("            if True:\n                self._put_back(item)"),
        ("reconnecting/test_outgoing.py::test_what_was_not_written_goes_out_again",),
    ),
    Guard(
        "what is in hand at the loss is not lost",
        "_reconnecting/outgoing.py",
        "            self._put_back(self._in_hand)\n",
        "            pass\n",
        ("reconnecting/test_outgoing.py::test_a_message_in_hand_does_not_expire",),
    ),
    Guard(
        "a block's own exception outranks the interruption",
        "_reconnecting/block.py",
        ("            if failure is None or not isinstance(interruption, trio.Cancelled | None):"),
        "            if True:",
        ("reconnecting/test_block.py::test_a_cancellation_during_the_goodbye",),
    ),
]
