"""Bytes that nobody would send, a million of them and more, led by what they reach (HAZARDS D6).

Each target takes bytes as they might arrive and plays one part of the library with them.
The oracle is the same for all (P10): either the bytes are accepted,
or a documented exception comes of them; anything else is a failure.
Where there are two ways to read the same, the fast one and the careful one, they must agree.

A coverage-guided fuzzer (atheris, which is libFuzzer) keeps the inputs that reach new code
and goes on from those.  So it finds what no list of ours would have in it:
the header that is read by the one parser and not by the other.
Where atheris does not install, the same targets get mutations without that guidance.

    targets.py    the targets
    frames.py     those that are about frames
    routing.py    those that are about paths and credentials
    corpus/       inputs that each reach something that the others do not; one file a target
    corpora.py    reads and writes those files
    child.py      runs one target in a process of its own, as libFuzzer wants it

::

    python -m tests.fuzz                            all targets, 1,000,000 inputs, two at a time
    python -m tests.fuzz urls --inputs 5000000      one target
    python -m tests.fuzz urls --file CRASH          one input again
"""
