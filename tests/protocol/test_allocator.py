"""`trio_ws._protocol.allocator`: large messages use the same memory again."""

from __future__ import annotations

import platform
import subprocess
import sys
import tracemalloc

import pytest

from trio_ws._protocol import allocator

FAULTS = """
import resource
from trio_ws._protocol import allocator

SIZE = 100_000

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        [bytearray(b"x") * SIZE for _ in range(4)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

allocator.expect_large_blocks()
faults()
print(faults())
"""


def test_once() -> None:
    """However often it is called, only the first call of a process does something."""
    allocator.expect_large_blocks.cache_clear()
    tracemalloc.start()
    allocator.expect_large_blocks()
    first = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    allocator.expect_large_blocks()
    again = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert first >= allocator.BLOCK
    assert again < 10_000


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the heap is not that of glibc")
def test_memory_is_used_again() -> None:
    """Once four large messages were there at a time, hundreds more need no new pages."""
    done = subprocess.run(
        [sys.executable, "-c", FAULTS], check=True, capture_output=True, text=True
    )
    assert int(done.stdout) < 100
