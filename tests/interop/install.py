"""Install the peers that are no Python packages: ``python -m tests.interop.install``.

Node's `ws` goes to ``peers/node_modules``, which git ignores.
Chromium comes from Debian's package ``chromium``, which takes root;
elsewhere, also on Ubuntu, where it is a snap, it must be installed by hand.
What is there already is left alone, so this may be run before every test run.
Nothing is asked: there may be nobody to answer.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PEERS = Path(__file__).parent / "peers"

APT_GET = (
    ("apt-get", "update", "-qq"),
    (
        *("apt-get", "install", "-y", "-qq", "--no-install-recommends"),
        *("-o", "Dpkg::Options::=--force-confold"),  # which no -y answers
        *("-o", "DPkg::Lock::Timeout=60"),  # a new machine may be upgrading itself
        "chromium",
    ),
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


def install_chromium() -> None:
    """Install Debian's Chromium."""
    if shutil.which("chromium") is not None:
        return
    if shutil.which("apt-get") is None:
        sys.exit("chromium is not installed, and there is no apt-get to install it with")
    if os.geteuid() != 0:
        sys.exit("chromium is not installed; install it as root: apt-get install chromium")
    silent = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in APT_GET:
        done = subprocess.run(command, env=silent, stdin=subprocess.DEVNULL, check=False)
        if done.returncode:
            sys.exit(f"chromium could not be installed: {' '.join(command)} failed")


if __name__ == "__main__":
    install_node_package()
    install_chromium()
