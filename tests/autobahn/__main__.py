"""Run the Autobahn testsuite by hand, or some of its cases."""

import argparse
import sys

import trio

from .install import environment
from .roles import ROLES, run_roles
from .verdict import Expected, report


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.autobahn", description=__doc__)
    parser.add_argument("--role", choices=ROLES, action="append", help="default: both")
    parser.add_argument("--cases", nargs="+", default=["*"], metavar="PATTERN", help="'9.*' 7.1.5")
    options = parser.parse_args()
    runs = trio.run(run_roles, environment(), options.role or list(ROLES), options.cases)
    for role, run in runs.items():
        print(report(role, run.results, run.seconds))
    return int(any(Expected.load(role).worse(run.results) for role, run in runs.items()))


if __name__ == "__main__":
    sys.exit(main())
