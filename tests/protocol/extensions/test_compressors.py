"""`trio_ws._protocol.extensions.compressors`: zlib, or isal where it is installed."""

from __future__ import annotations

import sys
import zlib
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from trio_ws._protocol.extensions import compressors
from trio_ws._protocol.extensions.compressors import (
    RENEWAL,
    bytes_between_renewals,
    find_isal,
    new_compressor,
)

TEXT = b"".join(b'{"id": %d, "name": "alice"}' % number for number in range(2_000))


@pytest.fixture(autouse=True)
def look_again() -> Iterator[None]:
    """Look for isal anew, before and after."""
    find_isal.cache_clear()
    yield
    find_isal.cache_clear()


def decompressed(data: bytes, bits: int) -> bytes:
    """Decompress with a window of so many bits."""
    return zlib.decompressobj(-bits).decompress(data)


@pytest.mark.parametrize("bits", range(8, 16))
@pytest.mark.parametrize("level", [None, 0, 1, 9])
@pytest.mark.parametrize("mem_level", [1, 5, 9])
def test_windows(bits: int, level: int | None, mem_level: int) -> None:
    """What is compressed can be decompressed with the window that was agreed on."""
    compressor = new_compressor(bits, level, mem_level)
    for _ in range(3):
        data = compressor.compress(TEXT) + compressor.flush(zlib.Z_SYNC_FLUSH)
        assert data.endswith(b"\x00\x00\xff\xff")
    fresh = new_compressor(bits, level, mem_level)
    data = fresh.compress(TEXT) + fresh.flush(zlib.Z_SYNC_FLUSH)
    assert decompressed(data, bits) == TEXT


def test_eight_bits() -> None:
    """For the smallest window only runs are looked for, and nothing further back is named."""
    compressor = new_compressor(8, None, 8)
    far = b"abcdefgh" + bytes(300) + b"abcdefgh" * 50
    data = compressor.compress(far) + compressor.flush(zlib.Z_SYNC_FLUSH)
    assert decompressed(data, 8) == far
    assert len(data) < len(far)


def test_isal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Isal compresses where no level was asked for."""
    made: list[tuple[object, ...]] = []

    def compressobj(*how: object) -> object:
        made.append(how)
        return zlib.compressobj()

    isal = SimpleNamespace(compressobj=compressobj)
    monkeypatch.setitem(sys.modules, "isal", SimpleNamespace(isal_zlib=isal))
    monkeypatch.setitem(sys.modules, "isal.isal_zlib", isal)
    for bits, level in ((12, None), (12, 6), (8, None)):
        new_compressor(bits, level, 5)
    assert made == [(1, zlib.DEFLATED, -12, 5)]


def test_renewals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only isal begins anew, and never before two and a half windows."""
    monkeypatch.setitem(sys.modules, "isal", SimpleNamespace(isal_zlib=zlib))
    monkeypatch.setitem(sys.modules, "isal.isal_zlib", zlib)
    found = [bytes_between_renewals(bits, None) for bits in range(8, 16)]
    assert found == [sys.maxsize, *[RENEWAL] * 4, 2 * RENEWAL, 4 * RENEWAL, 8 * RENEWAL]
    assert bytes_between_renewals(12, 1) == sys.maxsize


def test_no_renewals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without isal nothing begins anew: zlib takes no more memory however much it is given."""
    monkeypatch.setitem(sys.modules, "isal.isal_zlib", None)
    assert bytes_between_renewals(12, None) == sys.maxsize


def test_without_isal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is optional."""
    monkeypatch.setitem(sys.modules, "isal.isal_zlib", None)
    assert compressors.find_isal() is None
    assert isinstance(new_compressor(12, None, 5), type(zlib.compressobj()))


def test_real_isal() -> None:
    """Isal keeps to the window, and zlib understands it."""
    isal = pytest.importorskip("isal.isal_zlib", reason="the extra `deflate` is not installed")
    assert find_isal() is isal
    for bits in range(9, 16):
        compressor = new_compressor(bits, None, 5)
        decompressor = zlib.decompressobj(-bits)
        for _ in range(20):
            data = compressor.compress(TEXT) + compressor.flush(zlib.Z_SYNC_FLUSH)
            assert decompressor.decompress(data) == TEXT
