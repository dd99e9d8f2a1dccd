"""The scripts for a page do what their page says, in Node, with a clock that is turned by hand."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.peer

SNIPPETS = Path(__file__).resolve().parent.parent / "docs" / "snippets"

PAGE = """
const fs = require("fs"), vm = require("vm");
let now = 0, timer = null, log = [];
const listeners = {};
class WebSocket {
  constructor(url) { WebSocket.last = this; log.push(`open ${url}`); }
  send(data) { log.push(`${now / 1000} send ${data}`); }
  close() { log.push(`${now / 1000} close`); this.onclose?.(); }
}
const page = vm.createContext({
  WebSocket,
  url: "wss://example.org/live",
  show: (data) => log.push(`${now / 1000} show ${data}`),
  Date: { now: () => now },
  setInterval: (call, every) => { timer = { call, every }; return timer; },
  clearInterval: (old) => { if (old === timer) timer = null; },
  addEventListener: (name, call) => { listeners[name] = call; },
  location: { reload: () => log.push("reload") },
});
const run = (file) => vm.runInContext(fs.readFileSync(file, "utf8"), page);
const wait = (seconds) => {
  for (const until = now + seconds * 1000; now < until; ) {
    now += 1000;
    if (timer && now % timer.every === 0) timer.call();
  }
};
const hear = (data) => WebSocket.last.onmessage({ data });
const [heartbeat, hidden] = process.argv.slice(1);
"""


def run(script: str) -> list[str]:
    """Run a script after `PAGE` in Node; return its log."""
    if (node := shutil.which("node")) is None:
        pytest.skip("Node is missing: install nodejs")
    files = [str(SNIPPETS / "page_heartbeat.js"), str(SNIPPETS / "page_hidden.js")]
    text = PAGE + script + "\nconsole.log(JSON.stringify(log));"
    done = subprocess.run([node, "-e", text, *files], check=True, stdout=subprocess.PIPE, text=True)
    log: list[str] = json.loads(done.stdout)
    return log


def test_a_page_finds_a_server_that_is_gone() -> None:
    """It pings every 20 s, shows no pong, and closes when it has heard nothing for 40 s."""
    assert run("""
        run(heartbeat);
        wait(21); hear("pong"); wait(9); hear("news"); wait(70);
        WebSocket.last = null; wait(100);
    """) == [
        "open wss://example.org/live",
        "20 send ping",
        "30 show news",
        "40 send ping",
        "60 send ping",
        "80 close",
    ]


def test_a_page_that_is_hidden_closes() -> None:
    """A page closes when it is hidden, and loads anew when it is shown out of the cache."""
    assert run("""
        run(heartbeat); run(hidden);
        listeners.pageshow({ persisted: false });
        wait(5); listeners.pagehide({}); wait(100);
        listeners.pageshow({ persisted: true });
    """) == ["open wss://example.org/live", "5 close", "reload"]
