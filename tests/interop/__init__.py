"""Conversations with software that other people wrote, in processes of their own.

`peers/` holds one small program for each library, `page.html` is the one for a browser.
All of them are led by the same line protocol (`peers/line.py`) and tell what *they* saw,
so that a test can hold both sides of a connection against each other.

* `kinds`: which peers there are, what they can do, and whether they are installed.
* `harness`: a peer's process, and how a test talks with it.
* `converse`: one connection between a peer and us, in either role.
* `bodies`, `endings`: what may be said on a connection, and how it may end.
* `scenarios`: the table that puts them together.
* `test_peers`: every scenario, with every peer, in both roles.
* `browser`: a headless Chromium as one more peer;
  `test_browser` and `test_browser_closing` are what only a browser can show.
* `wire`: what really went over the wire.
* `proxies`, `test_proxies`: the ways out, through tinyproxy, squid, dante and microsocks.

``python -m tests.interop.install`` installs Node's `ws`, Chromium and the proxies;
the Python libraries are in the extra ``bench``.
``pytest -m peer tests/interop`` runs it all, in about a minute.
"""
