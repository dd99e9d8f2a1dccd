"""A client that trusts an authority of one's own, as one has it in a company or a test.

    python secure_client.py wss://localhost:8765 authority.pem

For servers with a certificate from a public authority none of this is needed:
``open_websocket("wss://…")`` checks it against the ones that the system trusts.
"""

from __future__ import annotations

import ssl
import sys

import trio

from trio_ws import TLSError, open_websocket


async def main(url: str, authority: str) -> None:
    """Say one thing, print what comes back, or print what is wrong with the certificate."""
    context = ssl.create_default_context(cafile=authority)
    try:
        async with open_websocket(url, ssl_context=context) as ws:
            await ws.send("Is this line secure?")
            print(await ws.receive())
    except TLSError as error:
        print(error)


if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2])
