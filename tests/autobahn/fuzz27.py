"""Drive the Autobahn fuzzing client or server, one line of JSON per case, under Python 2.7.

This is the only file here that the old interpreter reads, so it is written in its language.
It uses the suite's own factories rather than its command, for three reasons:
the command listens on every interface, writes its results only when all is over,
and waits for ever.
This one stays on 127.0.0.1, reports each case as it ends,
and bounds both a single case and the whole run.

    python2.7 fuzz27.py client ws://127.0.0.1:PORT  '["*"]'     tests a server
    python2.7 fuzz27.py server AGENT                '["*"]'     tests a client

What comes out on standard output, line by line:
``{"cases": N}``, with ``"port"`` when it is a server; one ``{"case": "1.1.1", ...}`` for each case;
``{"done": true}`` at the end, or ``{"error": "..."}``.
What the suite itself prints is dropped.
"""

import json
import os
import sys
import time

OUT = sys.stdout
sys.stdout = open(os.devnull, "w")

from autobahntestsuite import choosereactor  # noqa: E402, F401  (must come before the reactor)
from autobahntestsuite.fuzzing import FuzzingClientFactory, FuzzingServerFactory  # noqa: E402
from twisted.internet import reactor, task  # noqa: E402

CASE_BOUND = 120.0  # seconds; the longest case of the suite allows itself 100
RUN_BOUND = 1800.0
PEACEFUL = ("OK", "INFORMATIONAL", "UNIMPLEMENTED")
COPIED = ("behavior", "behaviorClose", "result", "resultClose", "duration", "remoteCloseCode")


def emit(record):
    OUT.write(json.dumps(record) + "\n")
    OUT.flush()


def finish(record):
    emit(record)
    if reactor.running:
        reactor.stop()


def details(result):
    """The story of a case, as lines to read; no attempt is made to keep the bytes."""
    lines = ["expected %r" % (result["expected"],), "received %r" % (result["received"],)]
    lines += ["not clean: %r" % (result["wasNotCleanReason"],)]
    return lines + [repr(entry) for entry in result["wirelog"]]


class Reporting:
    """What both factories do: report each case, and cut one that takes too long."""

    running = None
    since = 0.0
    cut = False

    def watch(self):
        emit(self.announcement())
        task.LoopingCall(self.cut_the_slow).start(1.0, now=False)
        reactor.callLater(RUN_BOUND, finish, {"error": "not done in %g s" % RUN_BOUND})

    def announcement(self):
        return {"cases": len(self.specCases)}

    def started(self, protocol):
        self.running, self.since, self.cut = protocol, time.time(), False
        return protocol

    def cut_the_slow(self):
        if self.running is not None and time.time() - self.since > CASE_BOUND:
            self.cut = True
            self.running.transport.abortConnection()

    def logCase(self, result):
        self.running = None
        record = {name: result[name] for name in COPIED}
        record["case"] = result["id"]
        if self.cut:
            record["result"] = "Cut by us after %g s." % CASE_BOUND
        if not {result["behavior"], result["behaviorClose"]}.issubset(PEACEFUL):
            record["details"] = details(result)
        emit(record)


class FuzzingClient(Reporting, FuzzingClientFactory):
    def __init__(self, url, cases):
        server = {"agent": "server", "url": url}
        FuzzingClientFactory.__init__(self, {"cases": cases, "servers": [server]})

    def buildProtocol(self, addr):
        return self.started(FuzzingClientFactory.buildProtocol(self, addr))

    def clientConnectionFailed(self, connector, reason):
        finish({"error": "cannot connect: %s" % reason.getErrorMessage()})

    def createReports(self):
        emit({"done": True})  # the suite stops the reactor next


class FuzzingServer(Reporting, FuzzingServerFactory):
    """A server of test cases; its port is chosen by the system."""

    def __init__(self, agent, cases):
        FuzzingServerFactory.__init__(self, {"cases": cases, "url": "ws://127.0.0.1:1"})
        self.agent = agent
        self.bound = reactor.listenTCP(0, self, interface="127.0.0.1").getHost().port
        self.setSessionParameters(url="ws://127.0.0.1:%d" % self.bound)

    def announcement(self):
        return dict(Reporting.announcement(self), port=self.bound)

    def buildProtocol(self, addr):
        return self.started(FuzzingServerFactory.buildProtocol(self, addr))

    def createReports(self):
        reactor.callLater(0.5, finish, {"done": True})  # the client's goodbye comes first


def main(role, target, patterns):
    kind = {"client": FuzzingClient, "server": FuzzingServer}[role]
    factory = kind(target.encode("ascii"), [str(pattern) for pattern in json.loads(patterns)])
    reactor.callWhenRunning(factory.watch)
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
