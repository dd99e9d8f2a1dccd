"""What goes on at the moment, for an operator who asks a process that stands.

* `dump`: a line for each connection, and the tree of tasks.
"""

from ._dump import dump

__all__ = ["dump"]

dump.__module__ = __name__
