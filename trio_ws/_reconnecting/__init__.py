"""One channel across many connections.

`open` is the door, `block` the ``async with`` behind it, `channel` what it gives out;
`incoming` and `outgoing` are the channel's messages, `statistics` its counters.
"""
