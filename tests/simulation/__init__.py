"""A world in memory and in virtual time, whose model knows the answer.

One seed makes one world: five servers, three hosts with a dozen clients, and weather.
Clients connect, talk, and end their connections in every way that the library has;
meanwhile connections are cut, reset, stalled, slowed, and servers crash.
Everything that happens is written down as it happens::

    messages.py   numbered messages: name, number and size tell the whole content
    model.py      what was accepted and what arrived: order, duplicates, losses
    endings.py    how each connection ended, and whether what happened to it explains that
    weather.py    faults drawn by the seed, and which of them concern a connection
    talk.py       what one side of a connection does, and how it leaves
    clients.py    the clients: one connection, a supervisor, a channel
    world.py      one world; it ends with no task, no handler and no connection left
    figures.py    what all worlds add up to, and what a run of them must reach

Besides, `grid.py` goes through every fault of the kit at every state of every kind of connection,
and `machine.py` lets Hypothesis look for a short conversation that goes wrong.

What this finds and nothing else here does: a mistake that needs three things at once,
such as a message that is sent twice if a reset meets a reconnect while a buffer is full.

::

    python -m tests.simulation                  the size of CI: 52 worlds, and the grid
    python -m tests.simulation --nightly        1,000 seeds
    python -m tests.simulation --seed 7         one world again, step by step the same
"""
