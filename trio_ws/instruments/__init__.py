"""Instruments that are ready to use, and what to add to a line of a structured log.

* `PrometheusInstrument`: connections, handshakes, messages, bytes, round trips and losses
  for Prometheus (extra ``prometheus``).
* `log_context`: what tells a connection from others, for structlog and its like.

`trio_ws.Instrument` is the base for instruments of your own.
"""

from ._log_context import log_context
from ._prometheus import PrometheusInstrument

__all__ = ["PrometheusInstrument", "log_context"]

for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
