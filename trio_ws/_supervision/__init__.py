"""Connect, run the session, classify its end, wait, connect again.

`supervise` is the door, `loop` the loop.  `retry_rules` decides what helps against a failure,
`backoff` when to try again, `throttle` what supervisors share, `endpoints` where to connect.
`states` is the table of states; `transitions` tells observers about them.
"""
