"""One channel across many connections: `channel`, its `incoming` and its `outgoing` messages."""
