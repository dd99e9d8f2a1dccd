"""Why large messages can cost twice what they should, and what is done about it.

A fresh page of memory has to be mapped and cleared by the operating system,
which takes longer than to fill it.  So it matters whether the memory of one message
is used again for the next.

glibc gives free memory at the end of its heap back to the system as soon as there is more of it
than a threshold, and asks for blocks above another threshold from the system directly.
Both begin at 128 KiB, far too little for messages of that size: each one is mapped and cleared
anew.  Both are raised whenever a larger block is freed, in the expectation of more of its kind.
So `expect_large_blocks` frees one, without ever having touched it.

The price: a process that has seen one large message may keep up to 16 MiB that are free.
Elsewhere than with glibc it does nothing.
"""

from __future__ import annotations

from functools import cache

BLOCK = 8 * 1024 * 1024


@cache
def expect_large_blocks() -> None:
    """Let the heap expect large blocks, once in the life of the process."""
    bytes(BLOCK)
