"""Guards, and the tests that must notice when a guard is removed.

A guard is a few words of the library that keep a promise: a limit, a shield, a deadline,
a check, a wake-up.  A test that passes without the guard that it is about holds nothing.
So `guards` lists guards, each with a mutation that removes it and the tests that must then fail.

``python -m tests.sabotage`` removes each guard in turn and runs its tests::

    copy the project ──▶ run all tests named: they pass
                    ──▶ for each guard: replace its text in the copy ──▶ run its tests: one fails
                                        put the text back

A guard whose removal no test notices is a finding, and the command fails.
A guard of the C code is removed from an accelerator that is compiled for that.
Nothing in the working tree is touched: each process has a copy of the project for itself.
"""
