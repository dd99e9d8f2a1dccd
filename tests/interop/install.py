"""Install the peers that are no Python packages: ``python -m tests.interop.install``.

Node's `ws` goes to ``peers/node_modules``, which git ignores.
Browsers, servers and proxies come from Debian's packages, which takes root;
elsewhere they must be installed by hand, on Ubuntu Chromium, too, where it is a snap.
What is there already is left alone, so this may be run before every test run.
No service is started.  Nothing is asked: there may be nobody to answer.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PEERS = Path(__file__).parent / "peers"

SYSTEM_PATH = "/usr/sbin:/sbin"
"""Where Debian puts daemons."""

DEBIAN_PACKAGES = {
    "chromium": "chromium",
    "firefox-esr": "firefox-esr",
    "haproxy": "haproxy",
    "nginx": "nginx",
    "apache2": "apache2",
    "caddy": "caddy",
    "tinyproxy-bin": "tinyproxy",
    "squid": "squid",
    "dante-server": "danted",
    "microsocks": "microsocks",
}
"""Packages of Debian, and their programs."""

UPDATE = ("apt-get", "update", "-qq")
INSTALL = (
    *("apt-get", "install", "-y", "-qq", "--no-install-recommends"),
    *("-o", "Dpkg::Options::=--force-confold"),  # which no -y answers
    *("-o", "DPkg::Lock::Timeout=60"),  # a new machine may be upgrading itself
)


def install_node_package() -> None:
    """Install `ws` beside the Node peer; no lock file, since its addresses are one machine's."""
    if (PEERS / "node_modules" / "ws").exists():
        return
    npm = shutil.which("npm")
    if npm is None:
        sys.exit("npm is not installed; the Node peer needs it")
    quiet = ["--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
    subprocess.run([npm, "install", *quiet], cwd=PEERS, check=True)


def install_debian_package(name: str, program: str | None = None) -> None:
    """Install a package of Debian, if its program is missing."""
    if find_program(program or name) is not None:
        return
    if shutil.which("apt-get") is None:
        sys.exit(f"{name} is not installed, and there is no apt-get to install it with")
    if os.geteuid() != 0:
        sys.exit(f"{name} is not installed; install it as root: apt-get install {name}")
    # With run level 1 packages start no daemon (deb-systemd-invoke, invoke-rc.d).
    silent = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    for command in (UPDATE, (*INSTALL, name)):
        done = subprocess.run(command, env=silent, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            sys.exit(f"{name} could not be installed: {' '.join(command)} failed")


def find_program(name: str) -> str | None:
    """Return the path of a program, a daemon perhaps, which not every ``PATH`` shows."""
    return shutil.which(name) or shutil.which(name, path=SYSTEM_PATH)


if __name__ == "__main__":
    install_node_package()
    for package, program in DEBIAN_PACKAGES.items():
        install_debian_package(package, program)
