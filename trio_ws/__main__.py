"""``python -m trio_ws`` is ``trio-ws``."""

from __future__ import annotations

import sys

from trio_ws._cli.main import main

if __name__ == "__main__":
    sys.exit(main())
