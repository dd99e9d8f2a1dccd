"""`tests.interop.install`: what is missing is installed, without a question, or asked for.

The package managers are fakes: programs on a ``PATH`` of ours that write down how they are called.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from . import install

FAKE = """#!/bin/sh
echo "${0##*/} $* (frontend: $DEBIAN_FRONTEND, level: $RUNLEVEL, folder: ${PWD##*/})" >> "$CALLS"
case "$*" in *$FAILING*) exit 100;; esac
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the peers are for POSIX")


class Machine:
    """A machine with nothing on it but what a test puts there."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home = home
        self._calls = home / "calls"
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(install, "PEERS", home)
        monkeypatch.setattr(install, "SYSTEM_PATH", str(home / "sbin"))
        monkeypatch.delenv("DEBIAN_FRONTEND", raising=False)
        for name, value in {"PATH": home, "CALLS": self._calls, "FAILING": "nothing"}.items():
            monkeypatch.setenv(name, str(value))
        self.become(0)

    def become(self, user: int) -> None:
        """Be this user from now on."""
        self._monkeypatch.setattr(os, "geteuid", lambda: user)

    def add(self, program: str) -> None:
        """Put a fake program there."""
        (self.home / program).write_text(FAKE)
        (self.home / program).chmod(0o755)

    def fail(self, argument: str) -> None:
        """Let the programs fail that are called with an argument."""
        self._monkeypatch.setenv("FAILING", argument)

    @property
    def calls(self) -> list[str]:
        """The calls that the programs wrote down."""
        return self._calls.read_text().splitlines() if self._calls.exists() else []


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path, monkeypatch)


def test_chromium_is_there(machine: Machine) -> None:
    """A Chromium that is there is left alone."""
    machine.add("chromium")
    machine.add("apt-get")
    install.install_debian_package("chromium")
    assert machine.calls == []


def test_a_daemon_is_there(machine: Machine) -> None:
    """A daemon is found where not every user looks for programs."""
    (machine.home / "sbin").mkdir()
    machine.add("sbin/haproxy")
    machine.add("apt-get")
    install.install_debian_package("haproxy")
    assert machine.calls == []
    assert install.find_program("haproxy") == str(machine.home / "sbin" / "haproxy")


def test_a_program_may_have_another_name(machine: Machine) -> None:
    """A package is not installed if its program is there."""
    machine.add("danted")
    machine.add("apt-get")
    install.install_debian_package("dante-server", "danted")
    assert machine.calls == []
    install.install_debian_package("tinyproxy-bin", "tinyproxy")
    assert " tinyproxy-bin (" in machine.calls[-1]


def test_chromium_is_installed(machine: Machine) -> None:
    """Root installs Chromium from a fresh list of packages, and no package asks anything."""
    machine.add("apt-get")
    install.install_debian_package("chromium")
    update, upgrade = machine.calls
    assert update.startswith("apt-get update ")
    assert upgrade.startswith("apt-get install -y ")
    assert " chromium (" in upgrade
    assert all("(frontend: noninteractive, level: 1," in call for call in machine.calls)


@pytest.mark.parametrize(("failing", "calls"), [("update", 1), ("chromium", 2)])
def test_chromium_cannot_be_had(machine: Machine, failing: str, calls: int) -> None:
    """A failure names the command that failed, and ends the installation."""
    machine.add("apt-get")
    machine.fail(failing)
    with pytest.raises(SystemExit, match=f"apt-get.* {failing}.* failed"):
        install.install_debian_package("chromium")
    assert len(machine.calls) == calls


def test_chromium_needs_root(machine: Machine) -> None:
    """Whoever is not root is told what root would have to do."""
    machine.add("apt-get")
    machine.become(1000)
    with pytest.raises(SystemExit, match="as root: apt-get install chromium"):
        install.install_debian_package("chromium")
    assert machine.calls == []


def test_chromium_needs_apt(machine: Machine) -> None:
    """Where there is no apt-get, that is said."""
    with pytest.raises(SystemExit, match="no apt-get"):
        install.install_debian_package("chromium")


def test_node_package(machine: Machine) -> None:
    """`ws` is installed beside the Node peer, once."""
    machine.add("npm")
    install.install_node_package()
    (call,) = machine.calls
    assert call.startswith("npm install ")
    assert call.endswith(f"folder: {machine.home.name})")
    (machine.home / "node_modules" / "ws").mkdir(parents=True)
    install.install_node_package()
    assert len(machine.calls) == 1


def test_node_package_needs_npm(machine: Machine) -> None:
    """Where there is no npm, that is said."""
    with pytest.raises(SystemExit, match="npm is not installed"):
        install.install_node_package()
