"""`trio_ws._transport.default_context`: one context for TLS, made once, off the event loop."""

from __future__ import annotations

import resource
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from trio_ws._transport import default_context as module
from trio_ws._transport.default_context import default_context


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Forget the context of the process; list the threads in which one is made."""
    threads: list[str] = []
    create = ssl.create_default_context

    def slow() -> ssl.SSLContext:
        threads.append(threading.current_thread().name)
        time.sleep(0.05)
        return create()

    monkeypatch.setattr(module, "_made", [])
    monkeypatch.setattr(ssl, "create_default_context", slow)
    return threads


async def test_one_for_all(made: list[str]) -> None:
    """However many ask at once, there is one; it is made in a thread, and the loop goes on."""
    found: list[ssl.SSLContext] = []

    async def ask() -> None:
        found.append(await default_context())

    longest = 0.0
    async with trio.open_nursery() as nursery:
        for _ in range(100):
            nursery.start_soon(ask)
        while len(found) < 100:
            before = time.perf_counter()
            await trio.lowlevel.checkpoint()
            longest = max(longest, time.perf_counter() - before)
            await trio.sleep(0.001)
    assert len({id(context) for context in found}) == 1
    assert found[0].verify_mode is ssl.CERT_REQUIRED
    assert len(made) == 1
    assert made[0] != threading.main_thread().name
    assert await default_context() is found[0]
    assert longest < 0.04, "the event loop stood still meanwhile"


def test_for_another_run(made: list[str]) -> None:
    """It is that of the process: the next Trio run has it at once."""
    assert trio.run(default_context) is trio.run(default_context)
    assert len(made) == 1


async def test_virtual_time(made: list[str], autojump_clock: object) -> None:
    """A virtual clock does not jump while it is made."""
    with trio.fail_after(1):
        await default_context()
    assert trio.current_time() == 0


async def test_it_cannot_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong is raised to the one who asked, and the next one tries again."""
    monkeypatch.setattr(module, "_made", [])
    with monkeypatch.context() as patch:
        patch.setattr(ssl, "create_default_context", lambda: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            await default_context()
    assert isinstance(await default_context(), ssl.SSLContext)


async def test_out_of_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the certificates cannot be opened, that is raised; no context without them is kept."""
    monkeypatch.setattr(module, "_made", [])
    make = module._with_certificates
    with monkeypatch.context() as patch:
        patch.setattr(module, "_with_certificates", lambda: without_descriptors(make))
        with pytest.raises(OSError, match="Too many open files"):
            await default_context()
    assert (await default_context()).cert_store_stats()["x509"] > 0


def without_descriptors(call: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """Call a function while this process may open nothing."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        return call()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize("text", ["", "no certificate"])
async def test_a_file_without_certificates(
    text: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A file that holds none is the user's wish, or mistake: then no server is trusted."""
    (tmp_path / "none.pem").write_text(text)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setattr(module, "_made", [])
    assert (await default_context()).cert_store_stats()["x509"] == 0


async def test_no_file_of_certificates(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A system that has them in a folder alone reads each when it is needed."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "nowhere.pem"))
    monkeypatch.setattr(module, "_made", [])
    assert (await default_context()).verify_mode is ssl.CERT_REQUIRED


async def test_cancelled(made: list[str]) -> None:
    """Who does not wait for it leaves it to the next."""
    with trio.move_on_after(0) as scope:
        await default_context()
    assert scope.cancelled_caught
    assert isinstance(await default_context(), ssl.SSLContext)
