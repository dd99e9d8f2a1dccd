"""The dashboard's page does what it promises, in Node, with a clock that is turned by hand."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.peer

PAGE = Path(__file__).resolve().parent.parent / "examples" / "dashboard.html"

BROWSER = """
const log = [], elements = {}, timers = new Map();
let now = 0, last = 0;
const say = text => log.push(`${now / 1000} ${text}`);
class WebSocket {
  constructor(url) { this.url = url; WebSocket.last = this; say(`open ${url}`); }
  send(data) { say(`send ${data}`); }
  close() { say("close"); }
}
const page = {
  WebSocket,
  JSON,
  Math: Object.assign(Object.create(Math), {
    random: () => 0.5, min: Math.min, ceil: Math.ceil,
  }),
  location: { origin: "http://localhost:8765" },
  document: { body: {}, getElementById: id => elements[id] ??= {} },
  setTimeout: (call, after, ...rest) => {
    timers.set(++last, { at: now + after, call: () => call(...rest) });
    return last;
  },
  clearTimeout: id => timers.delete(id),
};
const wait = seconds => {
  const until = now + seconds * 1000;
  for (;;) {
    const next = [...timers].filter(([, timer]) => timer.at <= until)
      .sort(([, a], [, b]) => a.at - b.at)[0];
    if (!next) break;
    timers.delete(next[0]);
    now = next[1].at;
    next[1].call();
  }
  now = until;
};
const hear = data => WebSocket.last.onmessage({ data: JSON.stringify(data) });
const shown = () => say(`${elements.state.textContent} (${page.document.body.className})`);
"""


def run(script: str) -> list[str]:
    """Run the page's script in Node, then this one; return the log."""
    if (node := shutil.which("node")) is None:
        pytest.skip("Node is missing: install nodejs")
    found = re.search(r"<script>(.*)</script>", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    load = f'require("vm").runInNewContext({json.dumps(found[1])}, page);'
    text = f"{BROWSER}\n{load}\n{script}\nconsole.log(JSON.stringify(log));"
    done = subprocess.run([node, "-e", text], check=True, stdout=subprocess.PIPE, text=True)
    log: list[str] = json.loads(done.stdout)
    return log


def test_the_page_answers_and_shows() -> None:
    """A question is answered and not shown; figures are shown."""
    assert run("""
        WebSocket.last.onopen(); shown();
        wait(10); hear({ ping: true });
        wait(1); hear({ uptime: 11, viewers: 2 }); say(elements.uptime.textContent);
    """) == ["0 open ws://localhost:8765/live", "0 connected ()", '10 send {"pong": true}', "11 11"]


def test_the_page_comes_back() -> None:
    """After a close it connects again, after longer and longer delays, until it has worked."""
    assert run("""
        const end = () => WebSocket.last.onclose({ wasClean: true });
        end(); wait(1); end(); wait(2); end(); shown(); wait(4);
        hear({ uptime: 1, viewers: 1 }); end(); wait(1);
    """) == [
        "0 open ws://localhost:8765/live",
        "0 close",
        "1 open ws://localhost:8765/live",
        "1 close",
        "3 open ws://localhost:8765/live",
        "3 close",
        "3 the server has closed; next attempt in 4 s (stale)",
        "7 open ws://localhost:8765/live",
        "7 close",
        "8 open ws://localhost:8765/live",
    ]


def test_the_page_notices_silence() -> None:
    """After thirty seconds without a word it gives the server up, and says so at once."""
    assert run("""
        WebSocket.last.onopen(); wait(10); hear({ ping: true }); wait(30); shown(); wait(1);
    """) == [
        "0 open ws://localhost:8765/live",
        '10 send {"pong": true}',
        "40 close",
        "40 the server is silent; next attempt in 1 s (stale)",
        "41 open ws://localhost:8765/live",
    ]
