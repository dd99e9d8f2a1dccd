"""The fixed counterpart of a client: a server that knows beforehand what it will be told.

It reads the path, and then counts bytes: frames of a known size come in, prebuilt ones go out.
"""

from __future__ import annotations

import argparse
import json
import socket
import ssl
import threading
from contextlib import suppress

from .deflated import Counter, Sender
from .wire import CLOSE, frame, frame_size, payload, read_talk, response, target

READ_SIZE = 256 * 1024
BATCH = 128 * 1024


class Conversation:
    """One connection, served by blocking calls."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def serve(self) -> None:
        """Shake hands, and do what the path says; then say goodbye if the client does."""
        head = b""
        while b"\r\n\r\n" not in head:
            data = self.sock.recv(READ_SIZE)
            if not data:
                return
            head += data
        head, _, rest = head.partition(b"\r\n\r\n")
        self.talk = read_talk(target(head))
        self.sock.sendall(response(head))
        if self.talk.kind == "json":
            self.deflated_echo(rest)
            return
        self.one = frame(self.talk.kind, payload(self.talk.kind, self.talk.size), masked=False)
        self.size = frame_size(self.talk.size, masked=True)
        getattr(self, self.talk.conversation)(len(rest))

    def echo(self, arrived: int) -> None:
        """Answer frames with as many of ours, until a Close comes."""
        many = memoryview(self.one * self.talk.messages)
        while data := self.sock.recv(READ_SIZE):
            whole, arrived = divmod(arrived + len(data), self.size)
            self.sock.sendall(many[: whole * len(self.one)])
            if 0 < arrived <= len(data) and data[-arrived] == CLOSE[0]:
                self.say_goodbye()
                return

    def deflated_echo(self, arrived: bytes) -> None:
        """Answer compressed frames with as many of ours, until a Close comes."""
        sender, counter = Sender(self.talk.size, masked=False), Counter()
        while arrived := arrived or self.sock.recv(READ_SIZE):
            self.sock.sendall(sender.next(counter.count(arrived)))
            if counter.closing:
                self.say_goodbye()
                return
            arrived = b""

    def sink(self, arrived: int) -> None:
        """Take in all frames, and send one."""
        missing = self.talk.messages * self.size - arrived
        while missing > 0 and (data := self.sock.recv(READ_SIZE)):
            missing -= len(data)
        self.sock.sendall(self.one)
        self.none(0)

    def source(self, _: int) -> None:
        """Send all frames."""
        batch = BATCH // len(self.one) + 1
        many = memoryview(self.one * batch)
        for sent in range(0, self.talk.messages, batch):
            self.sock.sendall(many[: min(batch, self.talk.messages - sent) * len(self.one)])
        self.none(0)

    def none(self, _: int) -> None:
        """Expect nothing but a Close."""
        if self.sock.recv(READ_SIZE):
            self.say_goodbye()

    def say_goodbye(self) -> None:
        """Answer the Close, and end first (RFC 6455 §7.1.1)."""
        self.sock.sendall(b"\x88\x02\x03\xe8")
        self.sock.shutdown(socket.SHUT_WR)
        while self.sock.recv(READ_SIZE):
            pass


def serve(sock: socket.socket, tls: ssl.SSLContext | None) -> None:
    """Serve one connection; a client may go as it likes."""
    with suppress(OSError), sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is None:
            Conversation(sock).serve()
        else:
            with tls.wrap_socket(sock, server_side=True) as secure:
                Conversation(secure).serve()


def main() -> None:
    """Serve on a port of the kernel's choice, which is the only thing printed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--certificate")
    certificate = parser.parse_args().certificate
    tls = None
    if certificate is not None:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(certificate)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
    print(json.dumps(listener.getsockname()[1]), flush=True)
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=serve, args=(sock, tls), daemon=True).start()


if __name__ == "__main__":
    main()
