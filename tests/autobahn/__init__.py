"""The Autobahn testsuite over the real library: all of its cases, in both roles.

The suite is the referee that WebSocket libraries have used for fifteen years.
It runs on Python 2.7 only, so it lives in an interpreter of its own and we talk to it over TCP::

    role "server"    fuzz27.py client  ──────▶  echo_server.py     our server is tested
    role "client"    fuzz27.py server  ◀──────  echo_client.py     our client is tested

    install.py   makes the Python 2.7 environment (20 s, once) in .cache/ beside this file
    fuzz27.py    drives the suite there, one line of JSON per case
    roles.py     starts both sides of a role and collects the results
    verdict.py   compares them with expected.json, and draws the table

Two ways to run it; both take about half a minute, the two roles side by side::

    pytest -m peer tests/autobahn            a test, skipped if there is no Python 2.7
    python -m tests.autobahn --cases '9.*'   some cases, with the story of those that fail

**What passes.**
Each case gets two verdicts, one for its behaviour and one for its close.
A verdict worse than expected.json says fails the run, and so does a case that was not run;
a better one is reported.
``OK`` and ``NON-STRICT`` count as equal:
which of them a case gets depends, in a good dozen cases,
on whether our answer reaches the suite before or after the end of its own next write.
"""
