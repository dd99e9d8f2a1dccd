"""Trio, and nothing of WebSocket: small tools that another project could use.

`exceptions` takes one exception out of a group, `background` runs a task beside a block,
`slim` has a parking lot and an event that cost nothing until they are used,
`checkpoints` decides which call yields, `suspension` notices that the machine slept,
`per_run` holds what all tasks of a Trio run share, `chance` is what they draw by lot,
`rounds` counts how often they were woken together.
"""
