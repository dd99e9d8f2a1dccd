"""How fast the library is, beside others, in one run: ``python -m tests.benchmarks``.

    cells.py      what is measured
    peers.py      who is measured: us, other libraries, a bare TCP echo
    rounds.py     the order: every peer once, then every peer again
    measures.py   how a kind of cell is measured
    load.py       the fixed counterpart of a server: one bare socket, prebuilt frames
    crowd.py      the same for many connections
    counterpart.py   the fixed counterpart of a client, a process of its own
    deflated.py  compressed frames, for both of these
    programs/     one program for each peer, server and client
    results.py  table.py  bars.py  plots.py   what comes out
    profile.py   where the time of one message goes, a command of its own
    idle.py      what idle connections cost, a command of its own
    holdings.py  what one of them holds, object by object and line by line, another
    instruments.py   what instruments cost, a command of its own
    ways.py      what a frame costs in C, with numpy and in pure Python, a command of its own

Before and after a change, with a commit as the "before", each a command of its own:

    compare.py  spread.py   the cells, in pairs, and how far their ratios can be trusted
    calls.py     how many function calls one echo takes
    imports.py   how much ``import trio_ws`` adds to ``import trio``

A server and a client are measured apart, each in a process of its own,
against a counterpart that costs little and is the same for all.
Each figure is the median over rounds, and each ratio the median of the ratios in a round:
whatever else the machine does in that second, it does to all of them.

Two rates are given.  The *wall* rate is what a user sees, and the ratios are made of it.
The *CPU* rate counts only the time that the measured process itself had a processor:
on a shared machine it is the steadier one, and tells who leaves room for other work.
"""
