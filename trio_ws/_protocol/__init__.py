"""An open connection as frames (RFC 6455 §5 to §7): bytes in, bytes out, no I/O.

    bytes ─▶ WebSocketProtocol.feed ─▶ messages, chunks, pongs
    send, ping, pong, close ─▶ SendQueue ─▶ bytes

* `protocol` is one side of a connection; `states` is its table: what to do in each state.
* Whole simple frames take the fast path (`fast_path`, `encoder`, `masking`);
  the `accelerator` does the same in C, where it was built (`in_c`).
  All others take the slow path (`slow_path`), on which wsproto decides (`wsproto_decoder`);
  it is imported here and nowhere else.
* `extensions` change what messages look like on the wire;
  `message_encoder` and `message_decoder` let them.
* `tail` is an incomplete frame that waits for its rest.
* `assembler` joins fragments; `payload_buffer` receives one large frame where it will be used.
* `send_queue` knows which frame goes first.
* `anatomy` and `diagnosis` take frames apart for people, and name every rule that they break.

No clock, and no randomness except for mask keys.
A method changes the protocol and queues the bytes that say so, or raises and changes nothing.
"""
