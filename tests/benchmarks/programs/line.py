"""How a program talks with the suite: arguments, and JSON by the line."""

from __future__ import annotations

import argparse
import gc
import json
import os
import ssl
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Options:
    """What a program is told when it is started."""

    role: str
    heartbeat: bool
    collect: int | None
    certificate: str | None
    trust: str | None
    without: str | None

    def server_tls(self) -> ssl.SSLContext | None:
        """What a server shows, if it speaks TLS."""
        if self.certificate is None:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate)
        return context

    def client_tls(self) -> ssl.SSLContext | None:
        """Whom a client trusts, if it speaks TLS."""
        return ssl.create_default_context(cafile=self.trust) if self.trust else None


def read_options() -> Options:
    """Read the command line, and do what it says about the whole process.

    The module that `--without` names is hidden, as if it did not exist.  A process that has to do
    without anything does without the accelerator as well.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["server", "client"])
    parser.add_argument("--heartbeat", action="store_true")
    parser.add_argument("--collect", type=int, help="the first threshold of gc")
    parser.add_argument("--certificate")
    parser.add_argument("--trust")
    parser.add_argument("--without")
    options = Options(**vars(parser.parse_args()))
    if options.collect is not None:
        gc.set_threshold(options.collect)
    if options.without:
        sys.modules[options.without] = None  # type: ignore[assignment]
        os.environ["TRIO_WS_PURE"] = "1"
    return options


def tell(value: object) -> None:
    """Write a line to the suite."""
    print(json.dumps(value), flush=True)


def listening(port: int) -> None:
    """Say that a server is ready; from now on it ends when the suite does."""
    tell(port)
    threading.Thread(target=_end_with_the_suite, daemon=True).start()


def _end_with_the_suite() -> None:
    sys.stdin.read()
    os._exit(0)


def obey(do: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Do jobs for a client, until the suite has no more."""
    tell(0)
    for line in sys.stdin:
        tell(do(json.loads(line)))
