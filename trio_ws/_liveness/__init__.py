"""Heartbeats as arithmetic: what is due when, given ``now``.

`lease` computes when a peer must be asked and when it is given up,
from the `timer` of each heartbeat policy and from how far our bytes have got (`outgoing`);
`grace` puts off a verdict that comes late;
`pause` gives verdicts while nothing is read;
`pings` are the pings that wait for their pongs;
`message_heartbeats` looks for heartbeats among the messages;
`tick_groups` lets one reader ask for many whose leases end at the same tick.
"""
