"""Install the peers that are no Python packages: ``python -m tests.interop.install``.

Node's `ws` goes to ``peers/node_modules``, which git ignores.
Chromium comes from the system's packages (Debian's ``chromium``), which takes root.
What is there already is left alone, so this may be run before every test run.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

PEERS = Path(__file__).parent / "peers"


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
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    subprocess.run(["apt-get", "install", "-y", "-qq", "chromium"], check=True)


if __name__ == "__main__":
    install_node_package()
    install_chromium()
