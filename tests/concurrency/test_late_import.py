"""`trio_ws._concurrency.late_import`: a module is imported in a thread, and nobody waits for it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from trio_ws._concurrency.late_import import import_in_thread

from ..protocol.ways import needs_accelerator

NAME = "late_module"
PATIENCE = 20.0


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The file of a module that can be imported; what it holds is up to the test."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / f"{NAME}.py"
    sys.modules.pop(NAME, None)


def threads() -> list[threading.Thread]:
    """The threads that import it."""
    return [thread for thread in threading.enumerate() if NAME in thread.name]


def end_of_threads() -> None:
    """Wait until none imports it any more."""
    for thread in threads():
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_it_is_imported_in_a_thread(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call returns while the import goes on; then that thread hands the module over."""
    gate = ModuleType("late_gate")
    gate.__dict__["go"] = go = threading.Event()
    monkeypatch.setitem(sys.modules, gate.__name__, gate)
    module.write_text(f"import late_gate\nlate_gate.go.wait({PATIENCE})\n")
    got: list[tuple[ModuleType, str]] = []
    import_in_thread(NAME, lambda found: got.append((found, threading.current_thread().name)))
    assert got == []
    go.set()
    end_of_threads()
    assert got == [(sys.modules[NAME], f"trio_ws imports {NAME}")]


def test_what_is_missing_is_done_without(module: Path) -> None:
    """Nothing is handed over, and nothing is reported."""
    import_in_thread(NAME, lambda found: pytest.fail("there is no such module"))
    end_of_threads()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_is_broken_is_reported(module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception of the module that does not say "missing" goes to ``threading.excepthook``."""
    told: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: told.append(args.exc_type))
    module.write_text("raise ValueError('broken')\n")
    import_in_thread(NAME, lambda found: pytest.fail("it is broken"))
    end_of_threads()
    assert told == [ValueError]


def test_without_threads_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the system refuses a thread, the module is done without."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    import_in_thread(NAME, lambda found: pytest.fail("nothing was imported"))


def test_the_thread_is_no_daemon(module: Path) -> None:
    """Also if it is started by a daemon, which would make it one."""
    module.write_text("")
    daemons: list[bool] = []
    starter = threading.Thread(
        target=import_in_thread,
        args=(NAME, lambda found: daemons.append(threading.current_thread().daemon)),
        daemon=True,
    )
    starter.start()
    starter.join(PATIENCE)
    end_of_threads()
    assert daemons == [False]


def run(program: str) -> str:
    """Run a program of its own, which must end well; return what it prints."""
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_process_may_end_meanwhile(tmp_path: Path) -> None:
    """It ends as if nothing were going on, once the import is over."""
    (tmp_path / f"{NAME}.py").write_text("import time\ntime.sleep(0.3)\nprint('imported')\n")
    began = time.monotonic()
    told = run(f"""
        import sys
        sys.path.insert(0, {str(tmp_path)!r})
        from trio_ws._concurrency.late_import import import_in_thread
        import_in_thread({NAME!r}, lambda module: print("handed over"))
        print("the end")
    """)
    assert told.splitlines() == ["the end", "imported", "handed over"]
    assert time.monotonic() - began >= 0.3


ECHO = """
    import os, sys, threading
    os.environ["TRIO_WS_PURE"] = "{pure}"
    import trio, trio_ws
    from trio_ws._protocol import masking
    from trio_ws.testing import open_websocket_pair

    def wait_for_numpy():
        [thread.join() for thread in threading.enumerate() if "numpy" in thread.name]

    async def main():
        data = bytes(range(256)) * {size // 256}
        async with open_websocket_pair() as (client, server):
            for _ in range({times}):
                await client.send(data)
                assert await server.receive() == data
            {then}

    {before}
    trio.run(main)
    {after}
    print(masking.numpy.module is not None, sys.modules.get("numpy") is not None)
"""


SLOW = """
    import importlib
    real, go = importlib.import_module, threading.Event()
    def wait_first(name):
        assert threading.current_thread() is not threading.main_thread()
        go.wait()
        return real(name)
    importlib.import_module = wait_first
""".strip()
"""The import waits until it is let go."""


def echo(size: int, times: int = 1, *, pure: bool = True, **lines: str) -> list[str]:
    """Exchange messages in a process of its own; return if numpy is used, and if it is there."""
    program = ECHO.replace("{size // 256}", str(size // 256)).replace("{times}", str(times))
    program = program.replace("{pure}", str(int(pure)))
    for place in ("before", "then", "after"):
        program = program.replace(f"{{{place}}}", lines.get(place, "pass"))
    return run(program).split()


def test_numpy_comes_with_the_first_large_message() -> None:
    """Not with the library, and not with small messages."""
    pytest.importorskip("numpy", reason="the extra `fast` is not installed")
    assert echo(256, times=200, then="wait_for_numpy()") == ["False", "False"]
    assert echo(65536, then="wait_for_numpy()") == ["True", "True"]


@needs_accelerator
def test_numpy_never_comes_beside_the_accelerator() -> None:
    """Whatever the messages are: it does all that numpy would do."""
    assert echo(65536, times=20, pure=False, then="wait_for_numpy()") == ["False", "False"]
    assert echo(256, times=500, pure=False, then="wait_for_numpy()") == ["False", "False"]


def test_messages_do_not_wait_for_numpy() -> None:
    """Large messages go on in both directions while the import takes its time."""
    pytest.importorskip("numpy", reason="the extra `fast` is not installed")
    then = "assert masking.numpy.module is None; go.set(); wait_for_numpy()"
    assert echo(65536, times=20, then=then, before=SLOW) == ["True", "True"]


def test_a_process_without_numpy_goes_on_without() -> None:
    """The extra is optional."""
    hidden = "sys.modules['numpy'] = None"
    assert echo(65536, times=3, then="wait_for_numpy()", before=hidden) == ["False", "False"]


def test_a_process_may_end_while_numpy_is_imported() -> None:
    """The shortest program that sends a large message ends well, whatever numpy is doing."""
    for _ in range(3):
        assert len(echo(65536)) == 2


def test_a_forked_child_does_without_numpy() -> None:
    """In a child that was forked meanwhile there is no such thread, and nothing waits for it."""
    pytest.importorskip("numpy", reason="the extra `fast` is not installed")
    fork = """
    child = os.fork()
    if not child:
        assert masking.apply_mask(bytes(65536), b"abcd") == b"abcd" * 16384
        assert masking.numpy.module is None
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0
    go.set()
    wait_for_numpy()
    """.strip()
    assert echo(
        65536, before=f"import warnings; warnings.simplefilter('ignore')\n    {SLOW}", after=fork
    ) == ["True", "True"]
