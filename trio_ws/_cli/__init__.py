"""The command line, ``trio-ws``: programs built on the public names of `trio_ws`.

``main`` finds the command and turns errors into a message and an exit code.
Each command is a module of its own, imported when it is asked for::

    explain ─▶ `_protocol.anatomy`, diagram      what is in these bytes
    handshake, connect, serve, bench, compare   talk to a peer

A command is ``add_arguments(parser)`` and ``run(options, console)``, which returns the exit code.
"""
